"""Compile jobs in Docker: the real SDK and entry point, a stand-in engine."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from lmi_deployer.apply import Clock
from lmi_deployer.artifact import claims, committing
from lmi_deployer.artifact.store import StoreError
from lmi_deployer.artifact.verifying import verify
from lmi_deployer.compiling.following import compile_engine
from lmi_deployer.edges import docker_host
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.edges.docker_jobs import DockerJobs
from lmi_deployer.errors import InputError, LmiDeployError
from lmi_deployer.sandbox import running_sandbox
from tests.edges.compile_jobs import step_of
from tests.edges.docker_engine import DockerEngine, running_engine
from tests.edges.docker_machine import TOKEN, Host, ended, host

__all__ = ["host"]


def test_a_container_compiles_into_the_cache_and_then_there_is_nothing_to_do(host):
    step, never = host.step(), threading.Event()

    def pause(_seconds: float) -> None:
        never.wait(0.05)

    clock = Clock(pause=pause, limit_seconds=60)
    made = compile_engine(step, host.jobs(), store=host.store, clock=clock, say=host.said.append)
    assert made.key == step.key
    assert (made.made["runner"], made.made["job"]) == ("docker", f"lmi-compile-{step.key[:16]}")
    assert verify(host.store, f"{step.key[:16]}/", made, deep=True) == []
    assert any("compile" in line for line in host.said)
    assert (host.engine.containers, host.left(), host.claim()) == ({}, set(), None)
    again = compile_engine(step, host.jobs(), store=host.store, clock=clock, say=host.said.append)
    assert again == made
    assert len(host.engine.created) == 1


def test_the_same_artifact_goes_to_s3_and_only_its_user_can_look_into_the_folder(host):
    with running_sandbox() as sandbox:
        keys = {"region": sandbox.region, "access_key_id": sandbox.access_key_id}
        keys |= {"secret_access_key": sandbox.secret_access_key}
        aws = Aws(AwsSettings(endpoint_url=sandbox.endpoint_url, **keys))
        source, cache = f"{sandbox.artifacts}weights/", f"{sandbox.artifacts}engines/"
        for path in host.aws.store(source).files():
            aws.store(source).write(path, (host.aws.folder / path).read_bytes())
        jobs = DockerJobs(aws.store(cache), aws, source=source, folder=host.work)
        step = step_of(cache, weights_digest=aws.weights_digest(source))
        job = jobs.start(step)
        assert (host.work / "jobs" / job).stat().st_mode & 0o777 == 0o700
        assert ended(jobs, job, host.engine).phase == "done"
        jobs.collect(step, job)
        manifest = committing.find(aws.store(cache), f"{step.key[:16]}/")
        assert manifest is not None
        assert verify(aws.store(cache), f"{step.key[:16]}/", manifest, deep=True) == []


def test_a_script_that_fails_shows_its_last_lines_and_leaves_its_log_alone(host):
    host.engine.variables["LMI_DEPLOY_STAND_IN"] = "fail"
    jobs, step = host.jobs(), host.step()
    job = jobs.start(step)
    state = ended(jobs, job, host.engine)
    assert state.phase == "failed"
    assert "Unsupported layer in the network definition" in str(state.reason)
    assert any("Unsupported layer" in line for line in state.lines)
    assert (host.engine.containers, host.claim()) == ({}, None)
    assert host.left() == {"log.txt", "ended.json"}
    assert "Unsupported layer" in (host.work / "jobs" / job / "log.txt").read_text()
    again = host.jobs().find(step)
    assert again is not None
    assert (again.phase, again.reason) == ("failed", state.reason)
    assert host.jobs().look(job).lines == again.lines
    assert any("Unsupported layer" in line for line in again.lines)
    # And the same command starts anew.
    host.hanging(jobs, step)
    assert jobs.look(job).phase == "running"


def test_a_killed_container_is_told_from_one_that_failed(host):
    jobs, step = host.jobs(), host.step()
    job = host.hanging(jobs, step)
    assert jobs.look(job).phase == "running"
    host.engine.kill(job)
    state = jobs.look(job)
    assert state.phase == "stopped"
    assert "killed from outside (exit status 137)" in str(state.reason)


def test_the_kernel_running_out_of_memory_is_named(host):
    jobs = host.jobs()
    job = host.hanging(jobs, host.step())
    host.engine.kill(job)
    host.container(job).oom_killed = True
    state = jobs.look(job)
    assert state.phase == "failed"
    assert "out of host memory" in str(state.reason)


def test_an_interruption_stops_a_container_and_leaves_nothing(host):
    assert (DockerJobs.can_detach, DockerJobs.survives_interrupt) == (True, False)
    jobs = host.jobs()
    job = host.hanging(jobs, host.step())
    assert host.claim() is not None
    (host.work / "jobs" / job / "scratch" / "download").write_text("half")
    jobs.stop(job)
    assert (host.engine.containers, host.claim()) == ({}, None)
    assert host.left() == {"log.txt", "ended.json"}
    state = jobs.look(job)
    assert (state.phase, state.reason) == ("stopped", "it was stopped by this command")
    jobs.stop(job)  # again, and nothing happens


def test_what_a_container_has_made_is_not_stopped_but_holds_nobody_up(host):
    jobs, step = host.jobs(), host.step()
    job = host.hanging(jobs, step)
    host.container(job).end(0)
    jobs.stop(job)
    assert host.claim() is None
    found = host.jobs().find(step)
    assert found is not None
    assert found.phase == "done"


def test_stopping_what_another_machine_builds_does_nothing_here(host, tmp_path):
    job = host.hanging(host.jobs(), host.step())
    with running_engine(tmp_path / "second") as other:
        second = another_machine(host, other, tmp_path)
        second.stop(second.start(host.step()))
    assert host.container(job).status == "running"
    assert host.claim() is not None


def test_a_container_that_somebody_removed_was_stopped(host):
    jobs = host.jobs()
    job = host.hanging(jobs, host.step())
    host.engine.containers.clear()
    state = jobs.look(job)
    assert state.phase == "stopped"
    assert "its container was removed" in str(state.reason)
    assert host.claim() is None
    assert host.left() == {"log.txt", "ended.json"}


def test_an_interruption_while_a_container_starts_leaves_nothing(host, monkeypatch):
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    host.engine.idles = True
    monkeypatch.setattr("docker.models.containers.Container.start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        host.jobs().start(host.step())
    assert len(host.engine.created) == 1
    assert (host.engine.containers, host.left(), host.claim()) == ({}, set(), None)


def test_a_claim_runs_from_the_start_of_the_container(host, monkeypatch):
    clock = [1000.0]
    jobs, step = host.jobs(now=lambda: clock[0]), host.step()

    def slowly(*_arguments: object, **_options: object) -> None:
        clock[0] += 500
        host.engine.images.add(step.image_uri)

    monkeypatch.setattr("lmi_deployer.edges.docker_images.pull", slowly)
    job = host.hanging(jobs, step)
    claim = host.claim()
    assert claim is not None
    assert claim.ends_seconds == 1500 + step.job["max_seconds"]
    # One that is looked at ends soon after whoever looks is gone.
    clock[0] = 1600.0
    jobs.look(job)
    claim = host.claim()
    assert claim is not None
    assert claim.ends_seconds == 1600 + 1800


def test_who_loses_its_claim_while_pulling_follows_the_other_machine(host, monkeypatch):
    clock = [1000.0]
    jobs, step = host.jobs(now=lambda: clock[0]), host.step()

    def too_slowly(*_arguments: object, **_options: object) -> None:
        clock[0] += step.job["max_seconds"] + 1
        claims.take(host.store, f"{step.key[:16]}/", "another", clock[0], 600)
        host.engine.images.add(step.image_uri)

    monkeypatch.setattr("lmi_deployer.edges.docker_images.pull", too_slowly)
    waiting = jobs.start(step)
    assert jobs.look(waiting).phase == "waiting"
    assert "another builds it" in jobs.look(waiting).note
    assert host.engine.created == []
    assert host.left() == set()


def test_a_cache_that_cannot_be_reached_meanwhile_does_not_end_the_following(host, monkeypatch):
    jobs = host.jobs()
    job = host.hanging(jobs, host.step())

    def refused(*_arguments: object) -> None:
        raise StoreError("the disk of the cache is away")

    monkeypatch.setattr("lmi_deployer.artifact.claims.take", refused)
    monkeypatch.setattr("lmi_deployer.artifact.claims.release", refused)
    assert jobs.look(job).phase == "running"
    jobs.stop(job)
    assert host.engine.containers == {}


def test_another_users_container_is_neither_followed_nor_removed(host, tmp_path):
    job = host.hanging(host.jobs(), host.step())
    with pytest.raises(InputError, match="somebody else compiles this engine on this machine"):
        host.jobs(folder=tmp_path / "theirs").start(host.step())
    assert host.container(job).status == "running"


def test_a_second_command_on_this_machine_follows_the_same_container(host):
    jobs, step = host.jobs(), host.step()
    job = host.hanging(jobs, step)
    second = host.jobs()
    assert second.start(step) == job
    assert len(host.engine.created) == 1
    found = second.find(step)
    assert found is not None
    assert found.phase == "running"


def test_two_commands_that_start_at_once_make_one_container(host):
    step = host.step()
    host.engine.idles = True
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.append(host.jobs().start(step))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(names)) == 1
    assert len(host.engine.created) == 1


def test_a_container_of_that_name_that_is_somebody_elses_is_left_alone(host):
    step = host.step()
    jobs = host.jobs()
    job = host.hanging(jobs, step)
    item = host.container(job)
    item.request["Labels"] = {}
    with pytest.raises(InputError, match="was not made for this engine"):
        host.jobs().start(step)
    assert host.engine.find(job) is not None


def test_of_two_machines_one_builds_and_all_who_follow_it_end_well(host, tmp_path):
    step, first, slower = host.step(), host.jobs(), host.jobs()
    job = first.start(step)
    with running_engine(tmp_path / "second") as other:
        second = another_machine(host, other, tmp_path)
        waiting = second.start(step)
        assert waiting != job
        assert slower.start(step) == job
        state = second.look(waiting)
        assert state.phase == "waiting"
        assert "docker stand-in builds it since" in state.note
        assert other.created == []
        assert ended(first, job, host.engine).phase == "done"
        first.collect(step, job)
        assert second.look(waiting).phase == "done"
        second.collect(step, waiting)
    assert slower.look(job).phase == "done"
    slower.collect(step, job)


def test_when_the_other_machine_gives_up_the_wait_ends(host, tmp_path):
    step = host.step()
    first = host.jobs()
    job = host.hanging(first, step)
    with running_engine(tmp_path / "second") as other:
        second = another_machine(host, other, tmp_path)
        waiting = second.start(step)
        assert second.look(waiting).phase == "waiting"
        found = second.find(step)
        assert found is not None
        assert (found.name, found.phase) == (waiting, "waiting")
        first.stop(job)
        state = second.look(waiting)
    assert state.phase == "stopped"
    assert "given up" in str(state.reason)


def another_machine(host: Host, other: DockerEngine, tmp_path: Path) -> DockerJobs:
    jobs = host.jobs(folder=tmp_path / "machine-2")
    client = docker_host.connected()
    client.api.base_url = other.url.replace("tcp", "http")
    client.info = lambda: {"ID": "another"}  # type: ignore[method-assign]
    jobs._connection = client
    return jobs


def test_files_of_a_container_become_those_of_the_user(host, monkeypatch):
    jobs = host.jobs()
    job = host.hanging(jobs, host.step())
    monkeypatch.setattr("lmi_deployer.edges.docker_host.os.geteuid", lambda: os.getuid() + 1)
    jobs.stop(job)
    request = host.engine.created[-1]
    assert request["Entrypoint"] == ["chown"]
    assert request["Cmd"] == ["-R", f"{os.getuid() + 1}:{os.getegid()}", "/files"]
    assert request["HostConfig"]["UsernsMode"] == "host"
    assert host.engine.containers == {}


def test_a_container_goes_even_where_its_files_cannot_be_taken_over(host, monkeypatch):
    jobs = host.jobs()
    job = host.hanging(jobs, host.step())
    monkeypatch.setattr("lmi_deployer.edges.docker_host.os.geteuid", lambda: os.getuid() + 1)
    host.engine.start_error = "the disk is full"
    with pytest.raises(LmiDeployError, match="taking over the files"):
        jobs.stop(job)
    assert host.engine.find(job) is None
    assert host.claim() is None


def test_log_lines_come_once(host):
    jobs, step = host.jobs(), host.step()
    job = host.hanging(jobs, step)
    item = host.container(job)
    item.say("10 %\r20 %\r\x1b[32mdone\x1b[0m")
    item.say(f"logged in with {TOKEN}")
    assert jobs.look(job).lines == ("done", "logged in with ***")
    assert jobs.look(job).lines == ()
    item.say("more")
    assert jobs.look(job).lines == ("more",)
