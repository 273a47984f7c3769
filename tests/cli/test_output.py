"""Standard output that cannot be written to: never a success, and never a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUN = "from lmi_deployer.cli import main; main()"


def run(words: str, redirection: str) -> subprocess.CompletedProcess[str]:
    """The command in a shell that redirects its standard output."""
    return subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {words} {redirection}', sys.executable, RUN],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", ["--version", "explain LMI203", "validate llama2-7b", "schema"])
def test_a_result_that_nobody_can_get_is_no_success(words: str):
    done = run(words, ">&-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the output cannot be written: standard output is closed\n"


def test_a_full_disk_is_named():
    done = run("schema", "> /dev/full")
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_a_reader_that_has_seen_enough_is_no_news():
    done = run("schema", "| head -n 1")
    assert (done.stdout, done.stderr) == ("{\n", "")
