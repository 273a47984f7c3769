"""The HTTP server: one thread that listens on the loopback interface, and says nothing."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication

LOOPBACK = "127.0.0.1"
STOP_WITHIN_SECONDS = 0.02  # how often the server looks whether it is to stop


class QuietHandler(MotoRequestHandler):
    """Serves without a line per request on stderr; errors still get there."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


@contextmanager
def listening_socket(port: int) -> Iterator[socket.socket]:
    """Socket that listens on this port of the loopback interface, or on a free one for 0.

    Opened here because werkzeug ends the process when a port is taken. Raises InputError then.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError as error:
            raise InputError(
                f"cannot listen on {LOOPBACK}:{port}: {error.strerror}",
                fix="another --port, or 0 for a free one",
            ) from error
        listener.listen()
        yield listener


@contextmanager
def serving(app: WSGIApplication, listener: socket.socket) -> Iterator[None]:
    """Application served on the socket for as long as the block runs."""
    server = make_server(
        LOOPBACK,
        listener.getsockname()[1],
        app,
        threaded=True,
        request_handler=QuietHandler,
        fd=listener.fileno(),
    )
    thread = Thread(
        target=server.serve_forever, args=(STOP_WITHIN_SECONDS,), name="sandbox", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
