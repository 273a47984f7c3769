"""Processes of jobs, which end with the sandbox, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lmi_deployer.sandbox.jobs.processes import Process

from .jobs import until

IN_ITS_OWN_SESSION = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                         start_new_session=True)
print(child.pid, os.getpid(), flush=True)
if sys.argv[1] == "stay":
    time.sleep(600)
"""
HOLDS = """
import pathlib, sys, time
from lmi_deployer.sandbox.jobs.processes import Process
process = Process([sys.executable, "-c", sys.argv[1], "stay"], folder=pathlib.Path(sys.argv[2]),
                  environment={})
print(next(process.lines()), flush=True)
time.sleep(600)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def is_gone(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def start(folder: Path, *arguments: str) -> Process:
    return Process([sys.executable, *arguments], folder=folder, environment={})


def test_what_a_process_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    process = start(tmp_path, "-c", IN_ITS_OWN_SESSION, "go")
    child, _ = (int(word) for word in next(process.lines()).split())
    assert process.wait() == 0
    assert is_gone(child)
    assert tmp_path.is_dir()


def test_a_killed_process_takes_its_children_and_its_folder_along(tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    process = start(folder, "-c", IN_ITS_OWN_SESSION, "stay")
    pids = [int(word) for word in next(process.lines()).split()]
    process.kill()
    assert process.wait() != 0
    assert all(is_gone(pid) for pid in pids)
    assert not folder.exists()


def test_a_killed_sandbox_leaves_nothing_either(tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    command = [sys.executable, "-c", HOLDS, IN_ITS_OWN_SESSION, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sandbox:
        assert sandbox.stdout is not None
        pids = [int(word) for word in sandbox.stdout.readline().split()]
        assert pids
        sandbox.kill()
    until(lambda: [is_gone(pid) for pid in pids] + [not folder.exists()], all)


def test_a_request_to_end_reaches_the_command_and_its_status_comes_back(tmp_path: Path) -> None:
    program = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print(flush=True)\n"
    process = start(tmp_path, "-c", program + "signal.pause()")
    next(process.lines())
    process.terminate()
    assert process.wait() == 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_that_ends_the_command_is_told_as_shells_tell_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = start(tmp_path, "-c", f"import os; os.kill(os.getpid(), {int(number)})")
    assert process.wait() == 128 + number
    assert list(tmp_path.iterdir()) == []
