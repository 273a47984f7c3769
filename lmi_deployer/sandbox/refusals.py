"""AWS errors as HTTP responses, each in the form that the called service's clients read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from botocore.model import NoShapeFoundError
from moto.core.utils import get_service_model

if TYPE_CHECKING:
    from lmi_deployer.sandbox.calls import Call

DEFAULT_STATUS = 400


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An AWS error as an HTTP response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def refusal(call: Call, *, code: str, message: str, status: int | None) -> Refusal:
    """Error in the protocol of the call.

    Without a status it is the one that the service's model gives the code.
    """
    body, content_type = _body(call, code, message)
    return Refusal(
        status=status or _modelled_status(call, code),
        headers=[("Content-Type", content_type), ("x-amzn-ErrorType", code)],
        body=b"" if call.operation.startswith("Head") else body.encode(),
    )


def _body(call: Call, code: str, message: str) -> tuple[str, str]:
    match call.protocol:
        case "rest-xml" | "query" | "ec2":
            error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
            if call.service == "s3":
                return f"<Error>{error}</Error>", "application/xml"
            return f"<ErrorResponse><Error>{error}</Error></ErrorResponse>", "text/xml"
        case _:
            return json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.1"


def _modelled_status(call: Call, code: str) -> int:
    if call.protocol is None:
        return DEFAULT_STATUS
    try:
        shape = get_service_model(call.service).shape_for(code)
    except NoShapeFoundError:
        return DEFAULT_STATUS
    return int(shape.metadata.get("error", {}).get("httpStatusCode", DEFAULT_STATUS))
