"""A sandbox that ends while something is still going on in it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from lmi_deployer.errors import InputError
from lmi_deployer.sandbox import running_sandbox
from lmi_deployer.sandbox.gateway import Gateway
from lmi_deployer.sandbox.jobs.processes import Process
from lmi_deployer.sandbox.jobs.work import Launch, Work

from .jobs import until

if TYPE_CHECKING:
    from pathlib import Path


class Speaks:
    """A task whose process speaks and stays, and whose log cannot be written to."""

    def set_up(self, root: Path) -> Launch:
        return Launch(command=("/bin/sh", "-c", "echo a line; sleep 600"), environment={})

    def say(self, line: str) -> None:
        raise RuntimeError(line)

    def finish(self, root: Path) -> None:
        raise AssertionError(root)

    def failure(self, root: Path) -> str:
        raise AssertionError(root)


def test_a_request_that_waits_while_the_sandbox_ends_changes_no_state(
    sandbox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateways: list[Gateway] = []
    call = Gateway.__call__

    def noted(gateway: Gateway, *request: Any) -> Any:
        gateways.append(gateway)
        return call(gateway, *request)

    monkeypatch.setattr(Gateway, "__call__", noted)
    state = tmp_path / "state"
    answered: list[str] = []
    environ = {"HTTP_HOST": "localhost", "REQUEST_METHOD": "PUT", "PATH_INFO": "/bucket/late"}
    with sandbox(state) as aws:
        aws.make_model()
    ended = state.read_bytes()
    late = threading.Thread(
        target=call,
        args=(
            gateways[0],
            {**environ, "wsgi.input": None, "wsgi.input_terminated": False},
            lambda status, _headers: answered.append(status),
        ),
    )
    monkeypatch.setattr("lmi_deployer.sandbox.gateway._body", lambda _environ: b"")
    late.start()
    late.join()
    assert answered == ["503 Service Unavailable"]
    assert state.read_bytes() == ended


def test_a_process_ends_when_its_output_cannot_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Process] = []
    begin = Process.__init__

    def noted(process: Process, *arguments: Any, **more: Any) -> None:
        begin(process, *arguments, **more)
        started.append(process)

    monkeypatch.setattr(Process, "__init__", noted)
    work = Work(Speaks(), limit_seconds=600, signal=None)
    ended = until(lambda: work.ended, bool)
    assert ended.failure == "the sandbox itself failed: RuntimeError('a line')"
    assert started[0].wait() != 0


def test_a_state_file_is_for_one_sandbox_at_a_time(sandbox: Any, tmp_path: Path) -> None:
    import fcntl

    state = tmp_path / "state"
    with sandbox(state) as aws:
        aws.make_model()
        with state.open("rb") as another, pytest.raises(BlockingIOError):
            fcntl.flock(another.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    with state.open("rb") as another:
        fcntl.flock(another.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        with (
            pytest.raises(InputError, match=f"another sandbox is using {state}"),
            running_sandbox(state_file=state),
        ):
            pass
    with sandbox(state) as aws:
        assert aws.sagemaker.describe_model(ModelName="chat")


def test_a_state_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    from lmi_deployer.sandbox.held_file import HeldFile, InUseError

    file = HeldFile(tmp_path / "state")
    with pytest.raises(FileNotFoundError):
        file.read()
    other = HeldFile(tmp_path / "state")
    other.write(b"theirs")
    with pytest.raises(InUseError):
        file.write(b"ours")
    assert (tmp_path / "state").read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1
    other.let_go()
    assert file.read() == b"theirs"
    file.let_go()
