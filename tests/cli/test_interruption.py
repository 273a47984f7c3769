"""Killed at any of its AWS calls, and run again, a command ends where it would have ended.

The calls are counted in a first run that nobody kills, so a new one is covered by itself. The quick
tests kill after one call of each kind that changes something; a kill at any other moment leaves AWS
in one of the same states, which the exhaustive tests prove by trying them all.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from lmi_deployer.cli.sandbox_finder import announced
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from tests.cli.killing import Moment, moments, run_in_process
from tests.specs import PROFILE

UP = ("up", "chat", "-p", "g5", "--sandbox", "--yes")
CHANGED = (*UP, "--set", "max_rolling_batch_size=24")
DOWN = ("down", "chat", "-p", "g5", "--sandbox", "--yes")
Everything = dict[str, list[str]]
CHANGES = ("Put", "Create", "Update", "Add", "Delete")
"""How the names of calls begin that change something which lasts."""
Point = tuple[int, Moment]
Points = Callable[[Sequence[str]], Iterator[Point]]
"""Chooses when to kill: the number of a call, from 1, and the moment."""


def every_call(calls: Sequence[str]) -> Iterator[Point]:
    for number, call in enumerate(calls, start=1):
        for moment in moments(call):
            yield number, moment


def each_change(calls: Sequence[str]) -> Iterator[Point]:
    """After the first call of each kind that changes something."""
    for call in dict.fromkeys(calls):
        if call.startswith(CHANGES):
            yield calls.index(call) + 1, "after"


def the_endpoint(calls: Sequence[str]) -> Iterator[Point]:
    """After the call from which on there is something that costs money."""
    yield calls.index("CreateEndpoint") + 1, "after"


def killed(quick: Points) -> pytest.MarkDecorator:
    """Kill at some moments by default, and at all of them in the exhaustive tests."""
    everywhere = pytest.param(every_call, id="everywhere", marks=pytest.mark.exhaustive)
    return pytest.mark.parametrize("points", [pytest.param(quick, id="quick"), everywhere])


@dataclass(frozen=True)
class Place:
    """A folder to run commands in, and the sandbox states they start from."""

    folder: Path
    environment: dict[str, str]

    def run(self, arguments: tuple[str, ...], **kill: Any) -> tuple[int, list[str]]:
        return run_in_process(arguments, environment=self.environment, folder=self.folder, **kill)

    @contextmanager
    def sandbox(self, start: Path | None) -> Iterator[SandboxSettings]:
        """A sandbox that outlives the commands, in a copy of an earlier state."""
        state = self.folder / "sandbox.state"
        state.unlink(missing_ok=True)
        if start is not None:
            shutil.copy(start, state)
        with running_sandbox(state_file=state) as settings, announced(settings):
            yield settings


@pytest.fixture
def place(tmp_path: Path) -> Place:
    work = tmp_path / "killed"
    (work / "profiles").mkdir(parents=True)
    (work / "profiles" / "chat.yaml").write_text(PROFILE)
    return Place(work, {"XDG_STATE_HOME": str(tmp_path / "state"), "NO_COLOR": "1"})


@pytest.fixture
def deployed(place: Place, tmp_path: Path) -> Path:
    """The state of a sandbox in which the profile is deployed."""
    state = tmp_path / "deployed.state"
    with place.sandbox(None):
        assert place.run(UP)[0] == 0
    shutil.copy(place.folder / "sandbox.state", state)
    return state


@cache
def session() -> boto3.Session:
    """Shared, because it keeps the service models, which take long to read."""
    return boto3.Session(
        aws_access_key_id="nobody", aws_secret_access_key="nothing", region_name="us-east-1"
    )


def everything(settings: SandboxSettings) -> Everything:
    """All that costs money or may be left lying about, and what the endpoint runs."""
    sagemaker = session().client("sagemaker", endpoint_url=settings.endpoint_url)
    s3 = session().client("s3", endpoint_url=settings.endpoint_url)
    bucket = settings.artifacts.split("/")[2]
    endpoints = [
        sagemaker.describe_endpoint(EndpointName=item["EndpointName"])
        for item in sagemaker.list_endpoints()["Endpoints"]
    ]
    return {
        "endpoints": [f"{e['EndpointStatus']} {e['EndpointConfigName']}" for e in endpoints],
        "tags": [
            f"{tag['Key']}={tag['Value']}"
            for e in endpoints
            for tag in sagemaker.list_tags(ResourceArn=e["EndpointArn"])["Tags"]
        ],
        "configs": [
            item["EndpointConfigName"]
            for item in sagemaker.list_endpoint_configs()["EndpointConfigs"]
        ],
        "models": [item["ModelName"] for item in sagemaker.list_models()["Models"]],
        "objects": [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])],
    }


def assert_it_converges(
    place: Place,
    start: Path | None,
    command: tuple[str, ...],
    points: Points,
    then: tuple[str, ...] | None = None,
) -> None:
    """Kill `command` at each of the points; run `then`, or it again; compare."""
    again = then or command
    with place.sandbox(start) as settings:
        status, calls = place.run(command)
        assert status == 0
        assert place.run(again)[0] == 0
        wanted = everything(settings)
    for number, moment in points(calls):
        with place.sandbox(start) as settings:
            status, begun = place.run(command, kill_at=number, moment=moment)
            assert status == -signal.SIGKILL, (number, moment, begun)
            where = f"killed {moment} {calls[number - 1]} ({number} of {len(calls)})"
            assert place.run(again)[0] == 0, (where, (place.folder / "output").read_text())
            assert everything(settings) == wanted, where


@killed(each_change)
def test_a_first_deployment_converges_wherever_it_was_killed(place: Place, points: Points):
    assert_it_converges(place, None, UP, points)


@killed(each_change)
def test_an_update_converges_wherever_it_was_killed(place: Place, deployed: Path, points: Points):
    assert_it_converges(place, deployed, CHANGED, points)


@killed(the_endpoint)
def test_an_interrupted_deployment_gives_way_to_a_changed_profile(place: Place, points: Points):
    assert_it_converges(place, None, UP, points, then=CHANGED)


@killed(each_change)
def test_a_removal_converges_wherever_it_was_killed(place: Place, deployed: Path, points: Points):
    assert_it_converges(place, deployed, DOWN, points)
    with place.sandbox(deployed) as settings:
        assert place.run(DOWN)[0] == 0
        assert everything(settings) == {
            "endpoints": [],
            "tags": [],
            "configs": [],
            "models": [],
            "objects": [],
        }


@killed(the_endpoint)
def test_an_interrupted_deployment_can_be_removed(place: Place, points: Points):
    assert_it_converges(place, None, UP, points, then=DOWN)
