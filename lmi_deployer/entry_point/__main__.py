"""Runs the job beside the archive: `python3 compile.pyz [--root DIR]`.

0: the artifact is committed, or lies there to be collected. 1: it failed, and the failure file
says why. 143: it was told to end. Nothing partial is ever committed, so running it again is safe.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Callable, Optional, Sequence

from lmi_deployer.entry_point.compiling import Compilation
from lmi_deployer.entry_point.failures import (
    JobError,
    StoppedError,
    failure_text,
    write_failure,
)
from lmi_deployer.entry_point.job import Job, parse
from lmi_deployer.entry_point.log import Log
from lmi_deployer.entry_point.places import Places

FAILED = 1
STOPPED = 128 + signal.SIGTERM


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Exit status of the job."""
    parser = argparse.ArgumentParser(prog="compile.pyz", description=__doc__)
    parser.add_argument("--root", type=Path, help="take every absolute path below this folder")
    root = parser.parse_args(argv).root
    places = Places(None if root is None else root.resolve())
    log = Log(os.environ)
    before = signal.signal(signal.SIGTERM, _stopper(places, log))
    try:
        return _run(places, log)
    except StoppedError:
        return STOPPED
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(places: Places, log: Log) -> int:
    try:
        if places.failure.exists():
            places.failure.unlink()
        job = _read_job(places)
        Compilation(job, places, log=log, environment=dict(os.environ)).run()
    except JobError as error:
        _tell(error, places, log)
        return FAILED
    except Exception as error:  # noqa: BLE001 - SageMaker shows the failure file and nothing else
        for line in traceback.format_exc().splitlines():
            log.echo(line)
        what = f"{type(error).__name__}: {error}"
        _tell(JobError(f"a mistake of lmi-deploy, during {log.phase}: {what}"), places, log)
        return FAILED
    return 0


def _read_job(places: Places) -> Job:
    try:
        return parse(places.job.read_bytes())
    except OSError as error:
        raise JobError(f"cannot read {places.job}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JobError(
            f"{places.job} is not a job document of this version: {error}",
            fix="the job.json that was rendered together with this archive",
        ) from error


def _tell(error: JobError, places: Places, log: Log) -> None:
    text = log.clean(failure_text(error))
    write_failure(places.failure, text)
    log.say(f"failed during {log.phase}: {text}")


def _stopper(places: Places, log: Log) -> Callable[[int, Optional[FrameType]], None]:
    """Writes the failure file at once: what is being done may take its time to end."""

    def stop(number: int, frame: Optional[FrameType]) -> None:  # noqa: ARG001 - signal's own form
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        error = JobError(
            f"told to end (SIGTERM) during {log.phase}: the job was stopped, its time was over, or"
            " its spot machine was taken back",
            fix="run the same again; nothing partial was committed, and it begins anew",
        )
        write_failure(places.failure, failure_text(error))
        raise StoppedError

    return stop


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Threads of an interrupted upload must not keep a stopped job alive until it is killed.
    os._exit(status)
