"""The sandbox's own routes, next to those of AWS: health, faults, quotas and calls."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lmi_deployer import __version__
from lmi_deployer.sandbox.faults import parse_fault

if TYPE_CHECKING:
    from lmi_deployer.sandbox.context import Sandbox

PREFIX = "/lmi-sandbox/"


def answer(sandbox: Sandbox, method: str, path: str, body: bytes) -> tuple[HTTPStatus, bytes]:
    """Status and JSON body for one request below the prefix."""
    status, value = _answer(sandbox, method, path.removeprefix(PREFIX), body)
    return status, json.dumps(value).encode() + b"\n"


def _answer(sandbox: Sandbox, method: str, name: str, body: bytes) -> tuple[HTTPStatus, Any]:
    match method, name:
        case "POST", "faults":
            return _add_fault(sandbox, body)
        case "POST", "quotas":
            return _change_quota(sandbox, body)
        case "DELETE", "faults":
            sandbox.faults.clear()
        case "DELETE", "calls":
            sandbox.calls.clear()
        case "GET", "health" | "faults" | "calls" | "quotas":
            pass
        case _:
            return HTTPStatus.NOT_FOUND, {"error": f"no {method} {PREFIX}{name} here"}
    return HTTPStatus.OK, _shown(sandbox)[name]


def _shown(sandbox: Sandbox) -> dict[str, Any]:
    return {
        "health": {"sandbox": "lmi-deploy", "version": __version__, "region": sandbox.region},
        "faults": [fault.model_dump() for fault in sandbox.faults.faults],
        "calls": sandbox.calls,
        "quotas": sandbox.quotas.values(),
    }


def _add_fault(sandbox: Sandbox, body: bytes) -> tuple[HTTPStatus, Any]:
    try:
        fault = parse_fault(body)
    except (ValueError, RecursionError) as error:  # pydantic's and json's errors are ValueErrors
        return HTTPStatus.BAD_REQUEST, {"error": str(error)}
    sandbox.faults.add(fault)
    return HTTPStatus.CREATED, fault.model_dump()


def _change_quota(sandbox: Sandbox, body: bytes) -> tuple[HTTPStatus, Any]:
    try:
        sandbox.quotas.change(body)
    except ValueError as error:  # pydantic's are
        return HTTPStatus.BAD_REQUEST, {"error": str(error)}
    return HTTPStatus.OK, sandbox.quotas.values()
