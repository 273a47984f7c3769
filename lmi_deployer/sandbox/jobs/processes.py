"""A process of the sandbox, which ends with it: see `keeper`."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from lmi_deployer.sandbox.jobs import keeper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class Process:
    """A command that runs in a folder of its own, with standard output and error as one."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str]
    ) -> None:
        # -I and -S: the keeper must not be affected by what the command's variables say.
        kept = [sys.executable, "-I", "-S", keeper.__file__, str(folder), *command]
        self._process = subprocess.Popen(  # noqa: S603 - the sandbox's own command
            kept,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # an interrupt from the keyboard is for the sandbox
        )

    def lines(self) -> Iterator[str]:
        """Its output until it has ended, without line ends."""
        stream = self._process.stdout
        assert stream is not None
        for line in stream:
            yield line.decode("utf-8", "replace").rstrip("\r\n")

    def wait(self) -> int:
        """Exit status: 128 and the number of the signal that ended it, if one did."""
        status = self._process.wait()
        self.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return status if status >= 0 else 128 - status

    def terminate(self) -> None:
        """Ask it to end, as SageMaker does."""
        self._process.terminate()

    def kill(self) -> None:
        """End it and all that it started. Its folder goes too, if it was still running."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
