"""The door in front of moto's server: admin routes, faults, the call log and the saved state."""

from __future__ import annotations

import io
from http import HTTPStatus
from http.client import responses
from typing import TYPE_CHECKING, Any

from botocore.model import OperationNotFoundError

from lmi_deployer.errors import InputError
from lmi_deployer.sandbox import admin
from lmi_deployer.sandbox.calls import call_of
from lmi_deployer.sandbox.context import ENVIRON_KEY
from lmi_deployer.sandbox.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication

    from lmi_deployer.sandbox.calls import Call
    from lmi_deployer.sandbox.context import Sandbox

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost"})


class Gateway:
    """A WSGI application that decides what happens to a request before moto sees it.

    One request at a time gets past it: moto's dictionaries are not made for threads, and a state
    saved halfway through another call's change would be a state that never was.
    """

    def __init__(self, aws: WSGIApplication, sandbox: Sandbox, *, save: Callable[[], None]) -> None:
        self.aws = aws
        self.sandbox = sandbox
        self.save = save
        self._is_closed = False

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if not is_local(environ):
            return _respond(start_response, HTTPStatus.FORBIDDEN, [], b"local clients only\n")
        body = _body(environ)
        with self.sandbox.lock:
            if self._is_closed:
                return _respond(start_response, HTTPStatus.SERVICE_UNAVAILABLE, [], b"stopped\n")
            if is_for_sandbox(environ):
                status, text = admin.answer(
                    self.sandbox, environ["REQUEST_METHOD"], environ["PATH_INFO"], body
                )
                headers = [("Content-Type", "application/json")]
                return _respond(start_response, status, headers, text)
            return self._call(environ, start_response, body)

    def close(self) -> None:
        """Let nothing past: a request that still waits would find, and save, an empty state."""
        with self.sandbox.lock:
            self._is_closed = True

    def _call(
        self, environ: dict[str, Any], start_response: StartResponse, body: bytes
    ) -> Iterable[bytes]:
        call = call_of(environ, body)
        self.sandbox.calls.append((call.service, call.operation))
        fault = self.sandbox.faults.for_operation(call.operation)
        if fault is not None:
            return _refuse(
                start_response, call, code=fault.code, message=fault.message, status=fault.status
            )
        forwarded = {
            **environ,
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            ENVIRON_KEY: self.sandbox,
        }
        head: list[Any] = []  # held back until the state is saved
        body_parts: list[bytes] = []

        def begin(*status_and_headers: Any) -> Callable[[bytes], object]:
            head[:] = status_and_headers
            return body_parts.append

        try:
            body_parts.extend(self.aws(forwarded, begin))
        except (NotImplementedError, OperationNotFoundError):
            # moto's words for "no such operation here", and botocore's for one that is newer than
            # it. 501 is a status that clients do not retry.
            return _refuse(
                start_response,
                call,
                code="NotImplemented",
                message=f"The sandbox does not have {call.service} {call.operation}.",
                status=HTTPStatus.NOT_IMPLEMENTED,
            )
        try:
            if call.may_change_state:
                self.save()
        except InputError as error:
            return _refuse(
                start_response,
                call,
                code="StateNotSaved",
                message=error.problem,
                status=HTTPStatus.INSUFFICIENT_STORAGE,
            )
        start_response(*head)
        return body_parts


def is_local(environ: dict[str, Any]) -> bool:
    """Whether a request comes from a program of this machine, not from a page in its browser.

    The server listens on the loopback interface only, but a browser reaches that too: with an
    Origin header from a page elsewhere, or under a foreign name that was made to point here.
    """
    host = environ.get("HTTP_HOST", "").rpartition(":")[0] or environ.get("HTTP_HOST", "")
    return "HTTP_ORIGIN" not in environ and (host in LOCAL_NAMES or host.endswith(".localhost"))


def is_for_sandbox(environ: dict[str, Any]) -> bool:
    """Whether a request is for the sandbox's own routes.

    A signed one is for AWS: their prefix is a bucket name that somebody may have chosen.
    """
    return environ["PATH_INFO"].startswith(admin.PREFIX) and "HTTP_AUTHORIZATION" not in environ


def _body(environ: dict[str, Any]) -> bytes:
    """Whole body, read before the lock is taken: a slow upload must not stop the others."""
    if environ.get("wsgi.input_terminated"):  # chunked: without a length, and with an end
        return bytes(environ["wsgi.input"].read())
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))


def _refuse(
    start_response: StartResponse, call: Call, *, code: str, message: str, status: int | None
) -> Iterable[bytes]:
    refused = refusal(call, code=code, message=message, status=status)
    return _respond(start_response, refused.status, refused.headers, refused.body)


def _respond(
    start_response: StartResponse, status: int, headers: list[tuple[str, str]], body: bytes
) -> Iterable[bytes]:
    length = ("Content-Length", str(len(body)))
    phrase = responses.get(status, "Error")  # AWS has statuses that no standard names, such as 530
    start_response(f"{int(status)} {phrase}", [*headers, length])
    return [body]
