"""Runs a command line in a process of its own, and kills it at one of its AWS calls."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

Moment = Literal["before", "after"]

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.cli.warm"])
READS = ("Describe", "List", "Get")


def moments(call: str) -> tuple[Moment, ...]:
    """When to kill around a call. One that only reads leaves AWS as it was before it."""
    return ("before",) if call.startswith(READS) else ("before", "after")


def run_in_process(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    kill_at: int | None = None,
    moment: Moment = "before",
) -> tuple[int, list[str]]:
    """The exit status (negative: the signal that ended it) and the AWS calls it began, in order."""
    log = folder / "calls"
    log.unlink(missing_ok=True)
    process = _PROCESSES.Process(
        target=_child, args=(list(arguments), dict(environment), folder, log, kill_at, moment)
    )
    process.start()
    process.join()
    assert process.exitcode is not None
    status = process.exitcode
    process.close()
    return status, log.read_text().split() if log.exists() else []


def _child(
    arguments: list[str],
    environment: dict[str, str],
    folder: Path,
    log: Path,
    kill_at: int | None,
    moment: Moment,
) -> None:
    from botocore import client as botocore_client

    from lmi_deployer.cli import run

    os.environ.update(environment)
    os.chdir(folder)
    clients: Any = botocore_client.BaseClient
    send = clients._make_api_call
    begun = 0

    def counted(client: Any, operation: str, request: Any) -> Any:
        nonlocal begun
        begun += 1
        with log.open("a") as stream:
            stream.write(f"{operation}\n")
        if begun == kill_at and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return send(client, operation, request)
        finally:
            if begun == kill_at and moment == "after":
                os.kill(os.getpid(), signal.SIGKILL)

    clients._make_api_call = counted
    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os._exit(run(arguments))
