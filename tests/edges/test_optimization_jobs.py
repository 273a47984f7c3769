"""Optimization jobs against the emulator: what they leave is checked and committed from here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from threading import Event
from typing import Any

import pytest

from lmi_deployer.aot.decision import job_name
from lmi_deployer.artifact.committing import find
from lmi_deployer.artifact.store import StoredFile
from lmi_deployer.compiling.submitting import submit_anew
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.edges.optimization_jobs import OptimizationJobs
from lmi_deployer.errors import DeploymentError
from lmi_deployer.sandbox import running_sandbox
from lmi_deployer.steps import CompileEngine
from tests.engines import ON_S3, a_step

POLL = Event()
LENGTHS = count(512)
CACHE = "s3://acme-lmi/engines/"


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with running_sandbox(describes=4) as sandbox:
        settings = AwsSettings(
            region=sandbox.region,
            endpoint_url=sandbox.endpoint_url,
            access_key_id=sandbox.access_key_id,
            secret_access_key=sandbox.secret_access_key,
            role_arn=sandbox.role_arn,
        )
        aws = Aws(settings)
        aws.create_bucket("acme-lmi")
        aws.create_bucket("acme-models")
        aws.store("s3://acme-models/llama/").write("config.json", b"{}")
        yield aws


@pytest.fixture
def step() -> CompileEngine:
    length = f"traffic.max_input_len={next(LENGTHS)}"  # an engine that no other test has asked for
    return a_step("compile.runner=optimization", "container.version=0.29.0", ON_S3, length)


@pytest.fixture
def jobs(aws: Aws) -> OptimizationJobs:
    return OptimizationJobs(aws.calls, aws.store(CACHE))


def ended(jobs: OptimizationJobs, job: str) -> str:
    for _ in range(500):
        state = jobs.look(job)
        if state.phase not in {"waiting", "running"}:
            return state.phase
        POLL.wait(0.05)
    raise AssertionError(f"{job} does not end")


def test_what_a_job_has_made_is_committed_once_and_made_anew_on_demand(
    jobs: OptimizationJobs, step: CompileEngine
):
    name = jobs.start(step)
    assert name == job_name(step.key, 1)
    assert ended(jobs, name) == "done"
    assert jobs.start(step) == name  # it is collected, and not started again
    jobs.collect(step, name)
    manifest = find(jobs.store, f"{step.key[:16]}/")
    assert manifest is not None
    assert manifest.key == step.key
    assert manifest.made["job"] == name
    assert {item.sha256 for item in manifest.files} == {None}
    written = jobs.store.find(f"{step.key[:16]}/manifest.json")
    jobs.collect(step, name)
    assert jobs.store.find(f"{step.key[:16]}/manifest.json") == written
    engines = [path for path in jobs.store.files(step.key[:16]) if path.endswith(".engine")]
    jobs.store.write(engines[0], b"cut")
    with pytest.raises(DeploymentError, match="where the manifest says") as caught:
        jobs.collect(step, name)
    assert "--force" in str(caught.value.fix)
    assert submit_anew(step, jobs, jobs.store, print) == job_name(step.key, 2)
    assert not jobs.store.files(f"{step.key[:16]}/")


def test_output_that_the_server_would_not_take_is_not_committed(
    jobs: OptimizationJobs, step: CompileEngine
):
    name = jobs.start(step)
    assert ended(jobs, name) == "done"
    files = jobs.store.files(f"{step.key[:16]}/artifact/")
    jobs.store.delete([path for path in files if path.endswith("config.pbtxt")])
    with pytest.raises(DeploymentError, match="would not take"):
        jobs.collect(step, name)
    assert find(jobs.store, f"{step.key[:16]}/") is None


class Aged:
    """A store in which one file is an hour older than it is."""

    def __init__(self, store: Any, path: str) -> None:
        self._store, self._path = store, path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def files(self, prefix: str = "") -> dict[str, StoredFile]:
        found: dict[str, StoredFile] = self._store.files(prefix)
        return {
            path: replace(item, modified_seconds=item.modified_seconds - 3600)
            if path == self._path
            else item
            for path, item in found.items()
        }


def test_files_of_an_earlier_attempt_are_not_served(jobs: OptimizationJobs, step: CompileEngine):
    stray = f"{step.key[:16]}/artifact/old.engine"
    jobs.store.write(stray, b"old")
    jobs.store = Aged(jobs.store, stray)
    name = jobs.start(step)
    assert ended(jobs, name) == "done"
    jobs.collect(step, name)
    manifest = find(jobs.store, f"{step.key[:16]}/")
    assert manifest is not None
    assert "old.engine" not in {item.path for item in manifest.files}
    assert jobs.store.find(stray) is None
