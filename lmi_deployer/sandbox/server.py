"""The HTTP server: one thread that listens on the loopback interface, and says nothing."""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from lmi_deployer.errors import InputError
from lmi_deployer.sandbox import callers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication

WAKE_SECONDS = 1.0


class QuietHandler(MotoRequestHandler):
    """Serves without a line per request on stderr; errors still get there."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


class Server(ThreadedWSGIServer):
    """Serves each request in a thread of its own, and no other user of this machine."""

    def __init__(self, app: WSGIApplication, listener: socket.socket) -> None:
        port = listener.getsockname()[1]
        super().__init__(callers.LOOPBACK, port, app, QuietHandler, fd=listener.fileno())
        self._can_tell = callers.can_tell(port)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        """Whether to answer a connection, which is closed without a word otherwise."""
        port = client_address[1]
        return not self._can_tell or callers.is_welcome(port, server_port=self.port)


@contextmanager
def listening_socket(port: int) -> Iterator[socket.socket]:
    """Socket that listens on this port of the loopback interface, or on a free one for 0.

    Opened here because werkzeug ends the process when a port is taken. Raises InputError then.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((callers.LOOPBACK, port))
        except OSError as error:
            raise InputError(
                f"cannot listen on {callers.LOOPBACK}:{port}: {error.strerror}",
                fix="another --port, or 0 for a free one",
            ) from error
        listener.listen()
        yield listener


def url_of(listener: socket.socket) -> str:
    """Where a client reaches what is served on this socket."""
    return f"http://{callers.LOOPBACK}:{listener.getsockname()[1]}"


@contextmanager
def serving(app: WSGIApplication, listener: socket.socket) -> Iterator[None]:
    """Application served on the socket for as long as the block runs."""
    server = Server(app, listener)
    stopping = Event()

    def serve() -> None:
        while not stopping.is_set():
            server.handle_request()

    thread = Thread(target=serve, name="sandbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        # It waits for a connection, not for a while: serve_forever looks around at intervals only.
        with suppress(OSError):
            socket.create_connection(listener.getsockname(), WAKE_SECONDS).close()
        thread.join()
        server.server_close()
