"""How a container is started: machine, image, weights, token, and what is refused before."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lmi_deployer.edges import docker_host
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings, Calls
from lmi_deployer.edges.docker_images import ecr_login
from lmi_deployer.edges.docker_request import (
    FOLDER_LABEL,
    KEY_LABEL,
    environment,
    shm_bytes,
    token_path,
)
from lmi_deployer.entry_point.job import COMMAND
from lmi_deployer.errors import InputError, LmiDeployError, MissingExtraError
from tests.edges.compile_jobs import IMAGE, LocalWeights, step_of
from tests.edges.docker_machine import TOKEN, host

__all__ = ["host"]
GIB = 1024**3


def test_the_container_gets_gpus_shared_memory_and_mounts(host):
    jobs, step = host.jobs(), host.step()
    host.hanging(jobs, step)
    (request,) = host.engine.created
    settings = request["HostConfig"]
    assert request["Image"] == IMAGE
    assert request["Cmd"] == list(COMMAND)
    assert not request.get("Entrypoint")
    assert request["name"] == f"lmi-compile-{step.key[:16]}"
    folder = host.work / "jobs" / request["name"]
    assert request["Labels"] == {KEY_LABEL: step.key, FOLDER_LABEL: str(folder)}
    (gpus,) = settings["DeviceRequests"]
    assert gpus["Capabilities"] == [["gpu"]]
    assert gpus["Count"] == 1
    assert settings["ShmSize"] == 12 * GIB
    limits = {limit["Name"]: (limit["Soft"], limit["Hard"]) for limit in settings["Ulimits"]}
    assert limits == {"memlock": (-1, -1), "stack": (67108864, 67108864)}
    assert settings["LogConfig"]["Type"] == "json-file"
    assert (settings["SecurityOpt"], settings["UsernsMode"]) == (["label=disable"], "host")
    reads_only = {mount["Target"]: mount.get("ReadOnly", False) for mount in settings["Mounts"]}
    assert reads_only == {
        "/opt/ml/input/data/job": True,
        "/opt/ml/input/data/model": True,
        "/opt/ml/checkpoints": False,
        "/opt/ml/output": False,
        "/tmp/lmi-deploy": False,
    }


def test_gpus_of_another_kind_are_left_out(host, tmp_path, monkeypatch):
    fake_smi(
        tmp_path,
        monkeypatch,
        "0, GPU-a, NVIDIA T4, 7.5, 15360",
        "1, GPU-b, NVIDIA L4, 8.9, 23034",
        "2, GPU-c, NVIDIA L4, 8.9, 23034",
    )
    host.hanging(host.jobs(), host.step())
    (gpus,) = host.engine.created[0]["HostConfig"]["DeviceRequests"]
    assert gpus["DeviceIDs"] == ["GPU-b"]


def test_the_wrong_gpu_is_refused_before_anything_is_pulled(host, tmp_path, monkeypatch):
    fake_smi(tmp_path, monkeypatch, "0, GPU-a, NVIDIA T4, 7.5, 15360")
    with pytest.raises(InputError, match=r"capability 8.9 with 24 GiB; here: 1 x NVIDIA T4 \(7.5"):
        host.jobs().start(host.step())
    assert host.engine.pulls == []
    assert host.claim() is None


def fake_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    program = folder / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\ncat <<END\n" + "\n".join(lines) + "\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def test_a_missing_image_is_pulled_with_progress_and_the_login_of_its_registry(host):
    host.hanging(host.jobs(), host.step())
    (pull,) = host.engine.pulls
    assert pull["image"] == IMAGE
    assert pull["login"]["username"] == "AWS"
    assert "pulled 70 %: 3.0 of 4.0 GiB" in host.said
    assert "pulled 100 %: 4.0 of 4.0 GiB" in host.said
    assert pull["login"]["password"] not in "".join(host.said)


def test_an_image_that_is_there_is_not_pulled(host):
    host.engine.images.add(IMAGE)
    host.hanging(host.jobs(), host.step())
    assert host.engine.pulls == []


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        ("no basic auth credentials", "ecr:GetAuthorizationToken"),
        ("write /var/lib/docker/x: no space left on device", "docker system prune"),
        ("net/http: TLS handshake timeout", "run it again"),
    ],
)
def test_a_pull_that_breaks_off_says_what_helps(host, error, fix):
    host.engine.pull_error = error
    with pytest.raises(InputError, match="pulling") as caught:
        host.jobs().start(host.step())
    assert error in caught.value.problem
    assert fix in str(caught.value.fix)
    assert host.claim() is None


def test_a_connection_that_breaks_in_the_middle_of_a_pull_is_an_error_with_a_way_out(host):
    host.engine.breaks_off = True
    with pytest.raises(InputError, match="pulling") as caught:
        host.jobs().start(host.step())
    assert "run it again" in str(caught.value.fix)
    assert host.claim() is None


def test_a_password_may_hold_a_colon(tmp_path):
    login = ecr_login(IMAGE, LocalWeights(tmp_path))  # type: ignore[arg-type]
    assert login == {"username": "AWS", "password": "a:b"}


def test_a_registry_of_another_region_is_asked_for_its_own_token(monkeypatch):
    asked = []

    def call(calls: Calls, *_names: str, **request: object) -> dict[str, object]:
        asked.append((calls.region, request["registryIds"]))
        return {"authorizationData": [{"authorizationToken": "QVdTOng="}]}

    monkeypatch.setattr(Calls, "call", call)
    aws = Aws(AwsSettings(region="us-east-1", access_key_id="A", secret_access_key="S"))
    assert ecr_login(IMAGE.replace("us-east-1", "us-west-2"), aws) is not None
    assert ecr_login(IMAGE, aws) == {"username": "AWS", "password": "x"}
    assert asked == [("us-west-2", ["763104351884"]), ("us-east-1", ["763104351884"])]


def test_an_image_off_ecr_needs_no_token_of_aws(tmp_path):
    image = "deepjavalibrary/djl-serving:0.33.0"
    assert ecr_login(image, LocalWeights(tmp_path)) is None  # type: ignore[arg-type]


def test_a_docker_host_of_another_architecture_is_refused_before_the_pull(host):
    host.engine.architecture = "aarch64"
    with pytest.raises(InputError, match="of architecture aarch64, LMI's images are for x86_64"):
        host.jobs().start(host.step())
    assert host.engine.pulls == []
    assert host.claim() is None


def test_an_address_with_a_password_does_not_reach_the_environment():
    assert environment({"HF_ENDPOINT": "https://hub.example.org"}) != {}
    assert environment({}) == {}
    with pytest.raises(InputError, match="HF_ENDPOINT holds a password") as caught:
        environment({"HF_ENDPOINT": "https://me:secret@hub.example.org"})
    assert "secret" not in str(caught.value)


def test_weights_that_changed_since_the_key_was_worked_out_are_refused(host):
    step = host.step()
    host.aws.digest = "another"
    with pytest.raises(InputError, match="have changed since the key"):
        host.jobs().start(step)


def test_a_disk_that_is_too_small_is_refused_before_the_pull(host):
    host.engine.memory_bytes = 1 << 62
    jobs, step = host.jobs(weights_bytes=1 << 60), step_of(f"{host.cache}/", is_mounted=False)
    with pytest.raises(InputError, match=r"GiB free; .* are needed \(weights to fetch .* engine"):
        jobs.start(step)
    assert host.engine.pulls == []


def test_a_host_whose_memory_cannot_hold_the_weights_is_refused(host):
    host.engine.memory_bytes = 16 * GIB
    jobs, step = host.jobs(weights_bytes=30 * GIB), step_of(f"{host.cache}/", is_mounted=False)
    with pytest.raises(InputError, match="weights are 30 GiB, this machine has 16 GiB of memory"):
        jobs.start(step)
    assert host.engine.pulls == []


def test_docker_without_the_nvidia_toolkit_is_told_what_to_install(host):
    host.engine.start_error = 'could not select device driver "" with capabilities: [[gpu]]'
    with pytest.raises(LmiDeployError, match="could not select device driver") as caught:
        host.jobs().start(host.step())
    assert "NVIDIA Container Toolkit" in str(caught.value.fix)
    assert host.engine.containers == {}


def test_docker_that_does_not_run_is_an_error_with_a_way_out(host, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(InputError, match="Docker cannot be reached") as caught:
        host.jobs().start(host.step())
    assert "--runner sagemaker" in str(caught.value.fix)


def test_without_the_docker_sdk_the_extra_is_named(host, monkeypatch):
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(MissingExtraError, match=r"lmi-deploy\[docker\]"):
        host.jobs().start(host.step())


def test_a_docker_host_elsewhere_is_refused(host, monkeypatch):
    monkeypatch.setattr(docker_host, "LOCAL", ("http+docker://local",))
    with pytest.raises(InputError, match="is another machine"):
        host.jobs().start(host.step())


def test_a_job_that_downloads_gets_the_token_as_a_file_and_nowhere_else(host, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    host.engine.idles = True
    jobs, step = host.jobs(), step_of(f"{host.cache}/", is_mounted=False)
    job = jobs.start(step)
    item = host.container(job)
    (mount,) = (
        m for m in item.request["HostConfig"]["Mounts"] if m["Target"].endswith("huggingface/token")
    )
    assert mount["Target"] == "/tmp/.cache/huggingface/token"
    assert mount["ReadOnly"] is True
    inside = item.root / "tmp/.cache/huggingface/token"
    assert inside.read_text() == TOKEN
    assert inside.stat().st_mode & 0o777 == 0o600
    assert not Path(mount["Source"]).exists()
    assert TOKEN not in json.dumps(item.request)
    written = [path for path in host.work.rglob("*") if path.is_file()]
    assert all(TOKEN.encode() not in path.read_bytes() for path in written)


def test_a_job_with_mounted_weights_gets_no_token(host, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    host.hanging(host.jobs(), host.step())
    targets = [m["Target"] for m in host.engine.created[0]["HostConfig"]["Mounts"]]
    assert not any(target.endswith("token") for target in targets)


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        (["HF_HOME=/tmp/.cache/huggingface"], "/tmp/.cache/huggingface/token"),
        (["HUGGINGFACE_HUB_CACHE=/tmp/x"], "/root/.cache/huggingface/token"),
        ([], "/root/.cache/huggingface/token"),
    ],
)
def test_the_token_lies_where_the_hub_library_of_the_image_looks(variables, path):
    assert token_path(variables) == path


def test_shared_memory_grows_with_the_gpus():
    assert [shm_bytes(count) // GIB for count in (1, 4, 8, 16)] == [12, 12, 16, 32]
