"""The entry point as a process: what it commits to a cache on S3, and what its gate measures."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest

from lmi_deployer.artifact.committing import commit, find
from lmi_deployer.artifact.manifest import KEY_CHARACTERS, MANIFEST_FILE, Manifest, as_json, key_of
from lmi_deployer.artifact.s3_store import S3Store
from lmi_deployer.artifact.verifying import verify
from lmi_deployer.entry_point import serving
from lmi_deployer.entry_point.job import Job, QualityGate
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from tests.edges.entry_point_container import (
    BEGIN,
    JOB,
    TRANSFORMERS,
    WHOLE,
    Container,
    answers_script,
    files_of,
)

PREFIX = f"{key_of(JOB.inputs)[:KEY_CHARACTERS]}/"
GATE = QualityGate(prompts=("count", "go on"), max_new_tokens=4, minimum_agreement=0.75)


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    with running_sandbox() as settings:
        yield settings


@pytest.fixture(autouse=True)
def a_quick_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in of the server is there after moments."""
    monkeypatch.setattr(serving, "POLL_SECONDS", 0.02)


@pytest.fixture(scope="module")
def client(sandbox: SandboxSettings) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=sandbox.endpoint_url,
        region_name=sandbox.region,
        aws_access_key_id=sandbox.access_key_id,
        aws_secret_access_key=sandbox.secret_access_key,
    )


@pytest.fixture(scope="module")
def session() -> Any:
    return botocore.session.get_session()


@pytest.fixture(autouse=True)
def one_model_of_s3(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs within this process read S3's description once; those of their own each for itself."""
    monkeypatch.setattr(botocore.session, "get_session", lambda: session)


@pytest.fixture
def store(
    sandbox: SandboxSettings, client: Any, container: Container, request: pytest.FixtureRequest
) -> S3Store:
    """A cache of this test alone, and a container whose job may use it."""
    container.environment |= {
        "AWS_ENDPOINT_URL": sandbox.endpoint_url,
        "AWS_REGION": sandbox.region,
        "AWS_ACCESS_KEY_ID": sandbox.access_key_id,
        "AWS_SECRET_ACCESS_KEY": sandbox.secret_access_key,
    }
    return S3Store(client, f"{sandbox.artifacts}{request.node.name}/")


def cached(store: S3Store, job: Job = JOB) -> Job:
    return replace(job, cache=store.root)


def commit_whole(store: S3Store, folder: Path, names: Sequence[str] = WHOLE) -> Manifest:
    """What an earlier job of the same key has left in the cache."""
    for name in names:
        path = folder / "tensorrt_llm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}" if name.endswith(".json") else name)
    return commit(
        store,
        PREFIX,
        folder,
        inputs=JOB.inputs,
        layout=JOB.layout,
        made={"seconds": {"compile": 4711.0}},
        quality=None,
        say=lambda line: None,
    )


def manifest_of(store: S3Store) -> Manifest:
    manifest = find(store, PREFIX)
    assert manifest is not None
    return manifest


def test_the_artifact_is_committed_to_the_cache(container, store):
    container.prepare(cached(store))
    done = container.run_archive()
    assert done.returncode == 0, done.stdout
    manifest = manifest_of(store)
    assert manifest.inputs == JOB.inputs
    assert verify(store, PREFIX, manifest, deep=True) == []
    assert {item.path for item in manifest.files} == set(files_of(container.output))
    assert manifest.made["seconds"]["compile"] >= 0


def test_what_is_committed_already_needs_no_work(container, store):
    container.prepare(cached(store))
    commit_whole(store, container.root / "earlier")
    before = store.files()
    container.below("/bin/nvidia-smi").unlink()
    done = container.run()
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert store.files() == before


def test_a_manifest_that_was_copied_from_the_folder_of_another_key_is_replaced(container, store):
    container.prepare(cached(store))
    other = as_json(Manifest(inputs={"another": "one"}, layout=JOB.layout, files=()))
    store.write(PREFIX + MANIFEST_FILE, other)
    done = container.run()
    assert done.returncode == 0, done.stdout
    assert "is of another key" in done.stdout
    assert verify(store, PREFIX, manifest_of(store), deep=True) == []


def test_a_forced_job_compiles_and_replaces_what_is_committed(container, store):
    container.prepare(replace(cached(store), is_forced=True))
    first = commit_whole(store, container.root / "earlier")
    done = container.run()
    assert done.returncode == 0, done.stdout
    assert "converting" in done.stdout
    second = manifest_of(store)
    assert second.made != first.made
    assert verify(store, PREFIX, second, deep=True) == []


def test_a_forced_job_that_fails_leaves_what_is_committed(container, store):
    failing = BEGIN + "sys.exit(1)\n"
    container.prepare(replace(cached(store), is_forced=True), script=failing)
    first = commit_whole(store, container.root / "earlier")
    assert container.run().returncode == 1
    assert manifest_of(store) == first
    assert verify(store, PREFIX, first, deep=True) == []


def test_a_committed_artifact_that_is_not_whole_is_made_anew(container, store):
    container.prepare(cached(store))
    commit_whole(store, container.root / "earlier")
    engine = next(path for path in store.files(PREFIX) if path.endswith("rank0.engine"))
    store.delete([engine])
    done = container.run()
    assert done.returncode == 0
    assert "converting" in done.stdout
    assert verify(store, PREFIX, manifest_of(store), deep=True) == []


def test_a_committed_artifact_that_no_server_takes_is_made_anew(container, store):
    """All of it is there, as the manifest says; look-ups would start this job for ever."""
    container.prepare(cached(store))
    commit_whole(store, container.root / "earlier", WHOLE[:-1])
    done = container.run()
    assert done.returncode == 0
    assert "engines of ranks 0" in done.stdout
    assert verify(store, PREFIX, manifest_of(store), deep=True) == []


def test_a_failed_job_commits_nothing(container, store):
    container.prepare(cached(store), script=BEGIN + 'write("config.pbtxt")\nsys.exit(1)\n')
    assert container.run().returncode == 1
    assert find(store, PREFIX) is None
    assert not any("artifact/" in path for path in store.files())


def test_a_cache_that_cannot_be_used_is_found_before_anything_runs(container, store):
    container.prepare(replace(JOB, cache="s3://no-such-bucket-anywhere/"))
    done = container.run()
    assert done.returncode == 1
    assert "NoSuchBucket" in container.failure
    assert "fix: create it, or name another one in compile.cache" in container.failure
    assert "converting" not in done.stdout


def gated(container: Container, answer: str, *, gate: QualityGate = GATE, **more: Any) -> Job:
    """A job with a quality gate, an artifact that answers so, and weights that count to four."""
    job = container.prepare(replace(JOB, quality=gate, **more))
    container.module("transformers", TRANSFORMERS)
    server = answers_script({"count": answer, "go on": answer})
    container.write("/usr/bin/djl-serving", server, is_program=True)
    return job


def test_an_artifact_that_answers_as_the_weights_do_passes_the_gate(container):
    gated(container, " one two three four")
    done = container.run_archive("-S")
    assert done.returncode == 0, done.stdout
    assert container.result is not None
    found = container.result.quality
    assert found is not None
    assert (found["agreement"], found["passed"]) == (1.0, True)
    assert (found["reference"], found["reference_from"]) == (None, "weights")
    assert f"option.model_id={container.output}" in done.stdout
    assert "option.output_formatter" not in done.stdout
    assert f"tokenizer of {container.output / 'tensorrt_llm'}" in done.stdout


def test_an_artifact_below_the_threshold_fails_and_names_the_worst_prompt(container, store):
    gated(container, "one two garbage garbage", cache=store.root)
    done = container.run()
    assert done.returncode == 1
    assert "agree for 50.0% of the reference's tokens, and 75.0% are demanded" in container.failure
    assert "worst prompt, 50%: 'count'" in container.failure
    assert "answer: 'one two garbage garbage'" in container.failure
    assert find(store, PREFIX) is None
    assert json.dumps("passed") + ": false" in done.stdout


def test_given_answers_are_taken_as_the_reference(container):
    gate = replace(GATE, reference=("uno dos", "uno dos"))
    gated(container, "uno dos tres", gate=gate)
    done = container.run()
    assert done.returncode == 0, done.stdout
    assert container.result is not None
    assert container.result.quality is not None
    assert container.result.quality["reference"] == ["uno dos", "uno dos"]
    assert "reference 1 of" not in done.stdout


def test_an_artifact_that_its_server_cannot_load_fails(container):
    gated(container, "")
    server = "#!/bin/sh\necho 'The engine plan file is not compatible with this version'\nexit 1\n"
    container.write("/usr/bin/djl-serving", server, is_program=True)
    assert container.run().returncode == 1
    assert "could not load the artifact (exit status 1)" in container.failure
    assert "another TensorRT version" in container.failure


def test_a_server_that_refuses_a_prompt_fails_the_gate(container):
    gate = replace(GATE, prompts=("count", "something else"))
    gated(container, "one two three four", gate=gate)
    assert container.run().returncode == 1
    assert "HTTP status 424" in container.failure
    assert "no such prompt" in container.failure


def test_references_that_are_all_empty_measure_nothing(container):
    gated(container, "anything", gate=replace(GATE, reference=("", " ")))
    assert container.run().returncode == 1
    assert "measures nothing" in container.failure


def test_a_committed_artifact_is_measured_later_without_compiling_again(container, store):
    first = commit_whole(store, container.root / "earlier")
    gated(container, "one two three four", cache=store.root)
    done = container.run()
    assert done.returncode == 0, done.stdout
    assert "converting" not in done.stdout
    second = manifest_of(store)
    assert second.files == first.files
    assert second.quality is not None
    assert second.made["seconds"]["compile"] == 4711.0


def test_a_committed_file_that_is_not_what_the_manifest_says_is_never_committed_again(
    container, store, client
):
    """S3 still shows the hash that it was sent with, so that only reading it tells."""
    made = commit_whole(store, container.root / "earlier")
    first = replace(made, files=tuple(replace(item, etag=None) for item in made.files))
    store.write(PREFIX + MANIFEST_FILE, as_json(first))
    damaged = next(item for item in first.files if item.path.endswith("rank0.engine"))
    bucket, _, prefix = store.root.removeprefix("s3://").partition("/")
    client.put_object(
        Bucket=bucket,
        Key=f"{prefix}{PREFIX}artifact/{damaged.path}",
        Body=b"x" * damaged.size_bytes,
        Metadata={"sha256": damaged.sha256},
    )
    gated(container, "one two three four", cache=store.root)
    assert container.run().returncode == 1
    assert f"{damaged.path} is not the file that manifest.json says it is" in container.failure
    assert manifest_of(store) == first


def test_a_proxy_of_the_network_does_not_stand_before_the_server(container):
    gated(container, " one two three four", max_seconds=20)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        container.environment[name] = "http://127.0.0.1:9"
    done = container.run_archive("-S")
    assert done.returncode == 0, done.stdout


def test_a_server_that_dies_while_it_answers_fails_the_gate(container):
    gated(container, "")
    server = answers_script({}).replace(
        "sent = json",
        'self.send_response(200); self.send_header("Content-Length", "99");'
        " self.end_headers(); self.wfile.flush(); os._exit(1); sent = json",
    )
    container.write("/usr/bin/djl-serving", server, is_program=True)
    assert container.run().returncode == 1
    assert "the server did not answer a prompt" in container.failure


def test_two_jobs_of_one_key_end_with_one_whole_artifact(container, store, tmp_path_factory):
    container.prepare(cached(store))
    other = Container(tmp_path_factory.mktemp("other"), dict(container.environment))
    other.prepare(cached(store))
    processes = [
        subprocess.Popen(
            each.command(), env=each.variables(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for each in (container, other)
    ]
    for process in processes:
        process.communicate(timeout=60)
    assert 0 in {process.returncode for process in processes}
    assert verify(store, PREFIX, manifest_of(store), deep=True) == []
