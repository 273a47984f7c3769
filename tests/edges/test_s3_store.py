"""S3 as a store, against the emulator's server."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lmi_deployer.artifact import claims, s3_store, uploading
from lmi_deployer.artifact.committing import adopt, find, record
from lmi_deployer.artifact.manifest import Manifest, as_json, parse
from lmi_deployer.artifact.s3_store import S3Store
from lmi_deployer.artifact.store import StoreError
from lmi_deployer.artifact.verifying import differences, verify
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from tests.edges.s3_killing import PART_BYTES, client
from tests.unit.artifact.artifacts import (
    ARTIFACT,
    FILES,
    INPUTS,
    MADE,
    PREFIX,
    Killed,
    Watched,
    commit_here,
    make_source,
)
from tests.unit.artifact.store_contract import StoreContract, hash_of

ROOT = Path(__file__).parents[2]
LARGE = {"a": 12, "b": 7}
"""File: MiB; both take several parts."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    with running_sandbox() as settings:
        yield settings


@pytest.fixture(scope="module")
def s3(sandbox: SandboxSettings) -> Any:
    return client(sandbox.endpoint_url, sandbox.access_key_id, sandbox.secret_access_key)


@pytest.fixture
def root(sandbox: SandboxSettings, request: pytest.FixtureRequest) -> str:
    """A folder that no other test uses."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    return f"{sandbox.artifacts}{name}/"


@pytest.fixture
def store(s3: Any, root: str) -> S3Store:
    return S3Store(s3, root, part_bytes=PART_BYTES)


def bucket_and_prefix(root: str) -> tuple[str, str]:
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    return bucket, prefix


def uploads(s3: Any, root: str) -> list[str]:
    """Keys of multipart uploads that nobody has finished."""
    bucket, prefix = bucket_and_prefix(root)
    listed = s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])
    return [item["Key"].removeprefix(prefix) for item in listed]


class TestContract(StoreContract):
    """S3 does what every store does."""


def test_a_large_file_goes_in_parts_and_comes_back_whole(s3, store, root, tmp_path):
    content = bytes(range(256)) * (12 * 4096)
    (tmp_path / "large").write_bytes(content)
    store.send(tmp_path / "large", "rank0.engine", hash_of(content))
    found = store.find("rank0.engine")
    assert found is not None
    assert found.sha256 == hash_of(content)
    assert found.version.strip('"').endswith("-3")
    bucket, prefix = bucket_and_prefix(root)
    answer = s3.head_object(Bucket=bucket, Key=f"{prefix}rank0.engine", ChecksumMode="ENABLED")
    assert "ChecksumSHA256" in answer
    assert store.digest("rank0.engine") == hash_of(content)
    store.receive("rank0.engine", tmp_path / "received")
    assert (tmp_path / "received").read_bytes() == content


def test_listing_and_deleting_go_on_where_one_call_ends(sandbox, root, monkeypatch):
    paged = client(sandbox.endpoint_url, sandbox.access_key_id, sandbox.secret_access_key)
    paged.meta.events.register(
        "before-parameter-build.s3.ListObjectsV2",
        lambda params, **_rest: params.update(MaxKeys=2),
    )
    monkeypatch.setattr(s3_store, "DELETED_AT_ONCE", 2)
    store = S3Store(paged, root)
    for number in range(5):
        store.write(f"many/{number}", b"x")
    assert len(store.files("many/")) == 5
    store.delete(sorted(store.files("many/")))
    assert store.files("many/") == {}


def test_a_folder_that_the_console_made_is_no_file(s3: Any, store: S3Store, root: str):
    bucket, prefix = bucket_and_prefix(root)
    s3.put_object(Bucket=bucket, Key=f"{prefix}artifact/", Body=b"")
    assert store.files() == {}


def test_what_another_tool_uploaded_has_no_known_hash(s3: Any, store: S3Store, root: str):
    bucket, prefix = bucket_and_prefix(root)
    s3.put_object(Bucket=bucket, Key=f"{prefix}a", Body=b"x")
    found = store.find("a")
    assert found is not None
    assert found.sha256 is None


@pytest.mark.parametrize("root", ["/folder/", "http://bucket/a/", "s3://", "s3://bucket/a"])
def test_an_address_that_is_no_folder_of_s3_is_refused(root: str, s3: Any):
    with pytest.raises(StoreError, match="is not of the form"):
        S3Store(s3, root)


def test_a_bucket_that_does_not_exist_is_an_error_and_not_empty(s3: Any, tmp_path: Path):
    store = S3Store(s3, "s3://there-is-no-such-bucket/engines/")
    (tmp_path / "a").write_bytes(b"x")
    for use in (
        store.files,
        lambda: store.read("a"),
        lambda: store.write("a", b"x"),
        lambda: store.create("a", b"x"),
        lambda: store.send(tmp_path / "a", "a", hash_of(b"x")),
    ):
        with pytest.raises(ClientError, match="NoSuchBucket"):
            use()


def test_every_call_names_the_owner_that_the_bucket_has_to_have(sandbox, root, tmp_path):
    watched = client(sandbox.endpoint_url, sandbox.access_key_id, sandbox.secret_access_key)
    asked: dict[str, Any] = {}

    def note(params: dict[str, Any], model: Any, **_rest: Any) -> None:
        asked.setdefault(model.name, params["headers"].get("x-amz-expected-bucket-owner"))

    watched.meta.events.register("before-call.s3", note)
    store = S3Store(watched, root, owner=sandbox.account, part_bytes=PART_BYTES)
    (tmp_path / "large").write_bytes(bytes(6 * 1024**2))
    store.send(tmp_path / "large", "large", hash_of(bytes(6 * 1024**2)))
    store.receive("large", tmp_path / "received")
    store.create("small", b"x")
    store.files()
    store.read("small")
    store.digest("small")
    bucket, prefix = bucket_and_prefix(root)
    watched.create_multipart_upload(
        Bucket=bucket, Key=f"{prefix}left", ExpectedBucketOwner=sandbox.account
    )
    store.clean("")
    store.delete(["small"])
    assert asked.keys() >= {
        "PutObject", "GetObject", "HeadObject", "ListObjectsV2", "DeleteObjects",
        "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload",
        "ListMultipartUploads", "AbortMultipartUpload",
    }  # fmt: skip
    assert set(asked.values()) == {sandbox.account}


def test_credentials_that_may_not_list_uploads_are_named(sandbox: SandboxSettings, root: str):
    denied = client(sandbox.endpoint_url, sandbox.access_key_id, sandbox.secret_access_key)

    def refuse(**_rest: Any) -> None:
        error = {"Error": {"Code": "AccessDenied", "Message": "no"}}
        raise ClientError(error, "ListMultipartUploads")  # type: ignore[arg-type]

    denied.meta.events.register("before-call.s3.ListMultipartUploads", refuse)
    with pytest.raises(StoreError, match="s3:ListBucketMultipartUploads is denied"):
        S3Store(denied, root).clean("a/")


def test_uploads_that_may_not_be_aborted_are_named_too(sandbox: SandboxSettings, root: str):
    denied = client(sandbox.endpoint_url, sandbox.access_key_id, sandbox.secret_access_key)

    def refuse(**_rest: Any) -> None:
        error = {"Error": {"Code": "AccessDenied", "Message": "no"}}
        raise ClientError(error, "AbortMultipartUpload")  # type: ignore[arg-type]

    denied.meta.events.register("before-call.s3.AbortMultipartUpload", refuse)
    bucket, prefix = bucket_and_prefix(root)
    denied.create_multipart_upload(Bucket=bucket, Key=f"{prefix}a/left")
    with pytest.raises(StoreError, match="s3:AbortMultipartUpload is denied"):
        S3Store(denied, root).clean("a/")


def test_objects_that_may_not_be_deleted_are_an_error(sandbox: SandboxSettings, root: str):
    denied = client(sandbox.endpoint_url, sandbox.access_key_id, sandbox.secret_access_key)
    error = {"Key": "a", "Code": "AccessDenied", "Message": "Access Denied"}
    denied.meta.events.register(
        "after-call.s3.DeleteObjects", lambda parsed, **_rest: parsed.update(Errors=[error])
    )
    with pytest.raises(StoreError, match=r"1 of 2 objects could not be deleted.*Access Denied"):
        S3Store(denied, root).delete(["a", "b"])


@pytest.mark.parametrize("is_expired", [False, True])
def test_of_many_that_claim_at_once_one_gets_it(is_expired: bool, store: S3Store):
    if is_expired:
        claims.take(store, PREFIX, "of yesterday", 0.0, 600.0)
    with ThreadPoolExecutor(8) as pool:
        taken = pool.map(lambda n: claims.take(store, PREFIX, f"{n}", 1000.0, 600.0), range(8))
        winners = [claim for claim in taken if claim is not None]
    assert winners == [claims.look(store, PREFIX)]


# Killed


@pytest.mark.parametrize(
    ("first", "step"), [(2, 7), pytest.param(1, 1, marks=pytest.mark.exhaustive)]
)
def test_killed_at_any_operation_a_second_try_finishes_it_without_sending_again(
    first: int, step: int, s3: Any, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(uploading, "THREADS", 1)
    source = make_source(tmp_path / "source")
    counted = Watched(S3Store(s3, f"{root}counted/"))
    commit_here(counted, source)
    steps = len(counted.operations)
    for number in [*range(first, steps, step), steps]:
        store = S3Store(s3, f"{root}{number}/")
        dying = Watched(store, dies_at=number, after=True)
        with pytest.raises(Killed):
            commit_here(dying, source)
        assert (find(store, PREFIX) is not None) == (number == steps)
        again = Watched(store)
        manifest = commit_here(again, source)
        assert differences(store, PREFIX, manifest, deep=True) == []
        assert sorted([*dying.sent, *again.sent]) == sorted(f"{ARTIFACT}{path}" for path in FILES)


def commit_in_process(sandbox: SandboxSettings, root: str, source: Path, *when: str) -> Any:
    words = (sandbox.endpoint_url, sandbox.access_key_id, sandbox.secret_access_key)
    command = [sys.executable, "-m", "tests.edges.s3_killing", *words, root, str(source), *when]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        ("13", "after"),  # some parts of multipart uploads are there
        ("21", "after"),  # all of it is there, and no manifest
        pytest.param("10", "after", marks=pytest.mark.exhaustive),
        pytest.param("16", "before", marks=pytest.mark.exhaustive),
        pytest.param("22", "before", marks=pytest.mark.exhaustive),
    ],
)
def test_a_process_killed_in_the_middle_leaves_no_artifact_and_what_a_second_try_needs(
    sandbox: SandboxSettings, s3: Any, root: str, tmp_path: Path, number: str, moment: str
):
    """Its 22 calls: look twice, list twice; a look before each file, the small file, 2 and 3
    parts at once with a call each around; four for a last look at all of it, and the manifest."""
    content = {name: name.encode() * (mib * 1024**2) for name, mib in LARGE.items()}
    source = make_source(tmp_path / "source", {**content, "config.json": b"{}"})
    ended = commit_in_process(sandbox, root, source, number, moment)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    store = S3Store(s3, root, part_bytes=PART_BYTES)
    assert find(store, PREFIX) is None
    left = {path: item.size_bytes for path, item in store.files(ARTIFACT).items()}
    changed = make_source(tmp_path / "source", {"config.json": b"{ }"})
    watched = Watched(store)
    manifest = commit_here(watched, changed)
    assert uploads(s3, root) == []
    assert differences(store, PREFIX, manifest, deep=True) == []
    resent = {f"{ARTIFACT}{name}" for name in LARGE} & set(watched.sent)
    assert not resent & set(left), "what was whole is not sent again"


@pytest.mark.exhaustive
def test_a_process_that_nobody_kills_commits_the_artifact(sandbox, s3, root, tmp_path):
    content = {name: name.encode() * (mib * 1024**2) for name, mib in LARGE.items()}
    source = make_source(tmp_path / "source", content)
    ended = commit_in_process(sandbox, root, source, "0", "before")
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) >= 16
    assert find(S3Store(s3, root), PREFIX) is not None


def test_stopping_ends_an_upload_after_the_parts_that_are_being_sent(
    sandbox: SandboxSettings,
    s3: Any,
    root: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(s3_store, "THREADS", 2)
    slow = client(sandbox.endpoint_url, sandbox.access_key_id, sandbox.secret_access_key)
    begun, stopped = Event(), Event()
    parts: list[int] = []

    def wait(params: dict[str, Any], **_rest: Any) -> None:
        parts.append(params["query_string"]["partNumber"])
        begun.set()
        stopped.wait(timeout=30)

    slow.meta.events.register("before-call.s3.UploadPart", wait)
    store = S3Store(slow, root, part_bytes=PART_BYTES)
    content = bytes(4 * PART_BYTES)
    (tmp_path / "large").write_bytes(content)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(store.send, tmp_path / "large", "large", hash_of(content))
        assert begun.wait(timeout=30)
        store.stop()
        stopped.set()
        with pytest.raises(StoreError, match="given up"):
            sending.result(timeout=30)
    assert len(parts) <= 2, "of four"
    assert store.files() == {}
    assert uploads(s3, root) == []
    with pytest.raises(StoreError, match="given up"):
        store.send(tmp_path / "large", "large", hash_of(content))
    store.write("small", b"x")
    with pytest.raises(StoreError, match="given up"):
        store.digest("small")


# What S3 says of the content

ENGINE = "tensorrt_llm/1/llama_float16_tp2_rank1.engine"
REWRITTEN = f"{ENGINE} was written again since it was committed"


def overwrite(s3: Any, root: str, content: bytes, **metadata: str) -> None:
    """Put other bytes where an engine lies, as another tool does."""
    bucket, prefix = bucket_and_prefix(root)
    key = f"{prefix}{ARTIFACT}{ENGINE}"
    s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata=metadata)


def without_etags(store: S3Store) -> Manifest:
    """The manifest as it was written before ETags were recorded."""
    made = find(store, PREFIX)
    assert made is not None
    old = replace(made, files=tuple(replace(item, etag=None) for item in made.files))
    store.write(f"{PREFIX}manifest.json", as_json(old))
    return parse(as_json(old))


def test_a_file_of_the_same_size_with_other_bytes_is_noticed_without_looking_at_each(
    s3, store, root, tmp_path
):
    made = commit_here(store, make_source(tmp_path / "source"))
    watched = Watched(store)
    assert verify(watched, PREFIX, made, deep=False) == []
    assert "find" not in watched.operations
    hash_that_stays = next(item.sha256 for item in made.files if item.path == ENGINE)
    overwrite(s3, root, b"engine of RANK 1", sha256=str(hash_that_stays))
    assert verify(store, PREFIX, made, deep=False) == [REWRITTEN]
    [problem] = verify(store, PREFIX, made, deep=True)
    assert problem.startswith(f"{ENGINE} has SHA-256 ")


def test_a_damaged_file_is_sent_again_even_where_its_remembered_hash_is_right(
    s3, store, root, tmp_path
):
    made = commit_here(store, make_source(tmp_path / "source"))
    hash_that_stays = next(item.sha256 for item in made.files if item.path == ENGINE)
    overwrite(s3, root, b"engine of RANK 1", sha256=str(hash_that_stays))
    watched = Watched(store)
    again = commit_here(watched, tmp_path / "source")
    assert watched.sent == [f"{ARTIFACT}{ENGINE}"]
    assert verify(store, PREFIX, again, deep=True) == []


def test_a_manifest_without_etags_is_compared_by_remembered_hashes(s3, store, root, tmp_path):
    commit_here(store, make_source(tmp_path / "source"))
    old = without_etags(store)
    assert verify(store, PREFIX, old, deep=False) == []
    other = b"engine of RANK 1"
    overwrite(s3, root, other, sha256=hash_of(other))
    [problem] = verify(store, PREFIX, old, deep=False)
    assert problem.startswith(f"{ENGINE} has SHA-256 ")


def test_damage_to_what_an_optimization_job_made_is_noticed(s3, store, root):
    for path, content in FILES.items():
        store.write(f"{ARTIFACT}{path}", content)
    said: dict[str, Any] = {"layout": "triton_repository", "made": MADE, "quality": None}
    made = adopt(store, PREFIX, inputs=INPUTS, **said)
    assert verify(store, PREFIX, made, deep=False) == []
    overwrite(s3, root, b"engine of RANK 1")
    for deep in (False, True):
        assert verify(store, PREFIX, made, deep=deep) == [REWRITTEN]
    assert record(store, PREFIX) == [REWRITTEN]


def large_engine(folder: Path) -> Path:
    """An artifact with an engine that takes two parts."""
    return make_source(folder, {**FILES, ENGINE: bytes(PART_BYTES + 1)})


def test_a_copied_cache_is_taken_once_every_byte_of_it_was_read(s3, store, root, tmp_path):
    commit_here(store, large_engine(tmp_path / "source"))
    bucket, prefix = bucket_and_prefix(root)
    for path in store.files():  # in one part each, as other tools upload them
        content = s3.get_object(Bucket=bucket, Key=f"{prefix}{path}")["Body"].read()
        s3.put_object(Bucket=bucket, Key=f"{prefix}copy/{path}", Body=content)
    copied = S3Store(s3, f"{root}copy/")
    made = find(copied, PREFIX)
    assert made is not None
    assert verify(copied, PREFIX, made, deep=False) == [REWRITTEN]
    assert verify(copied, PREFIX, made, deep=True) == [f"{REWRITTEN}, with the same bytes"]
    assert record(copied, PREFIX) == []
    renewed = find(copied, PREFIX)
    assert renewed is not None
    assert verify(copied, PREFIX, renewed, deep=False) == []
    assert replace(renewed, files=()) == replace(made, files=())


def test_what_does_not_hold_is_not_recorded(s3, store, root, tmp_path):
    made = commit_here(store, make_source(tmp_path / "source"))
    overwrite(s3, root, b"engine of RANK 1")
    [problem] = record(store, PREFIX)
    assert problem.startswith(f"{ENGINE} has SHA-256 ")
    assert find(store, PREFIX) == made


def test_a_manifest_that_is_written_while_its_files_are_read_is_not_written_over(store, tmp_path):
    class Raced(Watched):
        def digest(self, path: str) -> str | None:
            store.write(f"{PREFIX}manifest.json", b"of another")
            return super().digest(path)

    commit_here(store, make_source(tmp_path / "source"))
    without_etags(store)
    assert record(Raced(store), PREFIX) == ["manifest.json was written meanwhile"]
    assert store.read(f"{PREFIX}manifest.json") == b"of another"
