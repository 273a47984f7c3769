"""Looking an engine up: what is ready, what is named and left alone, what is not looked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lmi_deployer.artifact.committing import commit
from lmi_deployer.artifact.folder_store import FolderStore
from lmi_deployer.artifact.store import Store, StoredFile
from lmi_deployer.compiling.lookup import LookedUp, cache_of, look_into, look_up
from lmi_deployer.edges.aws import Aws
from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.errors import AwsError
from lmi_deployer.spec import ResolvedSpec
from tests.specs import make_spec

ARTIFACTS = "s3://acme/lmi-deploy/"
TRTLLM = ("backend=trtllm",)


@dataclass
class FakeAws:
    """An account whose buckets are folders of this machine."""

    root: Path
    digest: str = "1" * 64
    looked_at: list[str] = field(default_factory=list)

    def artifacts(self, of_profile: str | None) -> str:
        return of_profile or ARTIFACTS

    def store(self, uri: str) -> Store:
        self.looked_at.append(uri)
        return FolderStore(self.root / uri.removeprefix("s3://"))

    def weights_digest(self, source: str) -> str:
        return self.digest


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    return FakeAws(tmp_path / "buckets")


def look(spec: ResolvedSpec, aws: FakeAws) -> LookedUp:
    engine = look_up(spec, aws)  # type: ignore[arg-type]
    assert engine is not None
    return engine


def put(spec: ResolvedSpec, aws: FakeAws, tmp_path: Path, quality: object = None) -> Path:
    """Commit an engine of the spec; the folder that it lies in."""
    engine = look(spec, aws)
    assert spec.compilation is not None
    source = tmp_path / "made" / "tensorrt_llm"
    (source / "1").mkdir(parents=True)
    for path in ("config.pbtxt", "tokenizer_config.json", "1/config.json", "1/rank0.engine"):
        (source / path).write_text("{}")
    commit(
        aws.store(engine.cache),
        engine.folder.removeprefix(engine.cache),
        source.parent,
        inputs=engine.inputs.document(),
        layout=spec.compilation.compiler.layout,
        made={"runner": "sagemaker"},
        quality=quality,  # type: ignore[arg-type]
        say=lambda _line: None,
    )
    return aws.root / engine.folder.removeprefix("s3://")


def test_an_empty_cache_holds_nothing_and_has_no_problem(aws: FakeAws):
    engine = look(make_spec(*TRTLLM), aws)
    assert not engine.is_ready
    assert engine.problems == ()
    assert engine.folder == f"{ARTIFACTS}engines/{engine.key[:16]}/"
    assert str(engine.found.observed) == "not there"


def test_a_committed_engine_is_ready(aws: FakeAws, tmp_path: Path):
    spec = make_spec(*TRTLLM)
    put(spec, aws, tmp_path)
    engine = look(spec, aws)
    assert engine.is_ready
    assert engine.uri == f"{engine.folder}artifact/"
    assert engine.found.committed_seconds is not None
    assert str(engine.found.observed).startswith("there (manifest ")


@pytest.mark.parametrize("overrides", [(), (*TRTLLM, "compile.mode=jit")])
def test_nothing_is_looked_up_where_nothing_would_be_used(aws: FakeAws, overrides):
    assert look_up(make_spec(*overrides), aws) is None  # type: ignore[arg-type]
    assert aws.looked_at == []


def test_the_cache_of_the_profile_comes_before_the_default():
    spec = make_spec(*TRTLLM, "compile.cache=s3://acme/all-engines/")
    assert cache_of(spec, lambda: ARTIFACTS) == "s3://acme/all-engines/"
    assert cache_of(make_spec(*TRTLLM), lambda: ARTIFACTS) == f"{ARTIFACTS}engines/"


def test_other_weights_under_the_same_address_are_another_engine(aws: FakeAws):
    spec = make_spec(*TRTLLM, "model.source=s3://acme/llama/")
    before = look(spec, aws).key
    aws.digest = "2" * 64
    assert look(spec, aws).key != before


def damage_size(folder: Path) -> str:
    (folder / "artifact/tensorrt_llm/1/rank0.engine").write_text("something longer")
    return "1/rank0.engine has 16 bytes where the manifest says 2"


def damage_presence(folder: Path) -> str:
    (folder / "artifact/tensorrt_llm/config.pbtxt").unlink()
    return "config.pbtxt is missing"


def damage_manifest(folder: Path) -> str:
    (folder / "manifest.json").write_text("{")
    return "manifest.json: "


def damage_key(folder: Path) -> str:
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "inputs": {**document["inputs"], "dtype": "fp32"}}))
    return "its key is not that of its inputs"


def damage_commit(folder: Path) -> str:
    (folder / "manifest.json").unlink()
    return "artifact: half-written: 4 files, and no manifest.json"


@pytest.mark.parametrize(
    "damage", [damage_size, damage_presence, damage_manifest, damage_key, damage_commit]
)
def test_what_is_not_whole_is_named_and_not_used(aws: FakeAws, tmp_path: Path, damage):
    spec = make_spec(*TRTLLM)
    text = damage(put(spec, aws, tmp_path))
    engine = look(spec, aws)
    assert not engine.is_ready
    assert any(text in str(problem) for problem in engine.problems), engine.problems


def test_files_that_another_job_is_writing_do_not_make_a_plan_stale(aws: FakeAws, tmp_path: Path):
    spec = make_spec(*TRTLLM)
    before = look(spec, aws).found.observed
    (put(spec, aws, tmp_path) / "manifest.json").unlink()
    assert look(spec, aws).found.observed == before


def test_an_engine_that_the_gate_has_not_seen_is_not_used(aws: FakeAws, tmp_path: Path):
    put(make_spec(*TRTLLM), aws, tmp_path)
    gate = "quality={prompts: [Hello], minimum_agreement: 0.9}"
    engine = look(make_spec(*TRTLLM, gate), aws)
    assert not engine.is_ready
    (problem,) = engine.problems
    assert "quality gate" in str(problem)
    assert engine.found.damage == ()  # it is whole, and others may use it


class Refusing:
    """A store that another account's policy keeps closed, or whose bucket is not there."""

    root = "s3://acme/"

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def read(self, path: str) -> bytes | None:
        raise AwsError(self._problem)

    def files(self, prefix: str = "") -> dict[str, StoredFile]:
        raise AwsError(self._problem)


def into(problem: str) -> Store:
    return Refusing(problem)  # type: ignore[return-value]


def test_a_bucket_that_does_not_exist_holds_nothing():
    assert look_into("s3://acme/engines/", into("reading: (NoSuchBucket)")).manifest is None


def test_a_refusal_is_not_taken_for_an_empty_cache():
    with pytest.raises(AwsError, match="AccessDenied"):
        look_into("s3://acme/engines/", into("reading: (AccessDenied)"))


def test_where_artifacts_are_is_not_asked_where_the_profile_names_its_cache(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
):
    def asked(*_: object) -> str:
        raise AssertionError("this takes a call to STS")

    monkeypatch.setattr(FakeAws, "artifacts", asked)
    spec = make_spec(*TRTLLM, "compile.cache=s3://acme/own/")
    assert look(spec, aws).cache == "s3://acme/own/"


def test_the_accounts_own_bucket_is_asked_for_only_where_nobody_names_one():
    class Own(Aws):
        @property
        def _default_bucket(self) -> str:
            raise AssertionError("this takes a call to STS")

    own = Own.__new__(Own)
    own._settings = AwsSettings()
    assert own.artifacts("s3://acme/lmi/") == "s3://acme/lmi/"
