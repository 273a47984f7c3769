"""Runs a command for a sandbox, and leaves nothing of it behind, however the sandbox ends.

Started as a script of its own: `keeper.py FOLDER COMMAND...`. Its standard input is a pipe that the
sandbox holds open. When that ends, because the sandbox has closed it or is no more, the command and
all that it started are killed and FOLDER is removed. SIGTERM is passed on to the command alone, as
a container's first process gets it.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

BECOME_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h


def main(folder: str, command: list[str]) -> int:
    """Exit status of the command; 128 and the signal's number where one ended it, as in shells."""
    _adopt_orphans()
    told_to_end: list[bool] = []
    running: list[subprocess.Popen[bytes]] = []

    def pass_on(*_: Any) -> None:
        told_to_end.append(True)
        for process in running:
            process.terminate()

    signal.signal(signal.SIGTERM, pass_on)
    process = subprocess.Popen(  # noqa: S603 - what the sandbox itself has put together
        command, stdin=subprocess.DEVNULL, start_new_session=True
    )
    running.append(process)
    if told_to_end:  # before there was anything to pass it on to
        process.terminate()
    watch = threading.Thread(target=_when_left_alone, args=(folder, process), daemon=True)
    watch.start()
    status = process.wait()
    _kill_all(process)
    if select.select([sys.stdin], [], [], 0)[0]:  # it has ended: the thread cleans up, and exits
        watch.join()
    return status if status >= 0 else 128 - status


def _when_left_alone(folder: str, process: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    _kill_all(process)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill the command's session, and whatever left that session but is still ours."""
    with suppress(ProcessLookupError, PermissionError):  # ended; macOS says the latter of zombies
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()  # what it had started is ours only then
    while others := [pid for pid in _children() if pid != process.pid]:
        for pid in others:
            with suppress(ProcessLookupError, ChildProcessError):  # the other thread was first
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _adopt_orphans() -> None:
    """Have whatever the command leaves behind become children of this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1, 0, 0, 0)


def _children() -> list[int]:
    """Children of this process; none known where there is no /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[1]) == os.getpid():
            found.append(int(stat.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
