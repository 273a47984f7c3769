"""Runs a command line in a process of its own, and kills it at one of its AWS calls.

The processes are forked from one that has imported everything already; it is spoken to through its
standard input and output, which need no socket with a short name and no shared memory.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

Moment = Literal["before", "after"]

ROOT = Path(__file__).parents[2]
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
    asked, answered = _forker()
    order = [list(arguments), dict(environment), str(folder), kill_at, moment]
    asked.write(json.dumps(order) + "\n")
    asked.flush()
    status = int(answered.readline())
    return status, log.read_text().split() if log.exists() else []


@cache
def _forker() -> tuple[Any, Any]:
    """Where to write orders to the process that forks, and where to read the statuses."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.killing"],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(process.communicate)  # the end of its input is the end of it
    return process.stdin, process.stdout


def _serve() -> None:
    """Fork for every order on standard input, and print the status that the child ends with."""
    from tests.cli import warm  # noqa: F401 - imported for what it reads

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(*json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
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
        with Path("calls").open("a", encoding="utf-8") as stream:
            stream.write(f"{operation}\n")
        if begun == kill_at and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return send(client, operation, request)
        finally:
            if begun == kill_at and moment == "after":
                os.kill(os.getpid(), signal.SIGKILL)

    clients._make_api_call = counted
    output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os._exit(run(arguments))


if __name__ == "__main__":
    _serve()
