"""Checkpoints in a folder and below an S3 prefix give the facts that the hub would give."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from lmi_deployer.edges.aws_calls import AwsSettings
from lmi_deployer.edges.checkpoints import Folder, Prefix
from lmi_deployer.errors import AwsError, InputError
from lmi_deployer.locking.checkpoint import CheckpointError, facts_of
from lmi_deployer.sandbox import SandboxSettings, running_sandbox
from tests.edges.hub_server import File, Sparse, index, weights

CONFIG = {"model_type": "llama", "hidden_size": 64, "vocab_size": 1000, "num_hidden_layers": 2}
FILES: dict[str, File] = {
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer.model": b"tokens",
    "model.safetensors.index.json": index({"model-1.safetensors": ["a"], "model-2.safetensors": []})
    .replace(b"}}", b', "b": "model-2.safetensors"}}'),
    "model-1.safetensors": weights({"a": ("BF16", [1000, 64])}),
    "model-2.safetensors": weights({"b": ("BF16", [64, 64]), "c": ("F32", [64])}),
}  # fmt: skip


def content(file: File) -> bytes:
    return file.part(0, file.size - 1) if isinstance(file, Sparse) else file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "checkpoint"
    place.mkdir()
    for name, file in FILES.items():
        (place / name).write_bytes(content(file))
    return place


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxSettings]:
    with running_sandbox(describes=0) as settings:
        yield settings


class Bucket:
    """A bucket of the sandbox with a checkpoint in it."""

    def __init__(self, settings: SandboxSettings, name: str) -> None:
        self.settings = AwsSettings(
            region=settings.region,
            endpoint_url=settings.endpoint_url,
            access_key_id=settings.access_key_id,
            secret_access_key=settings.secret_access_key,
        )
        self.uri = f"s3://{name}/models/small/"
        self.name = name
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
        )
        self.client.create_bucket(Bucket=name)

    def put(self, name: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"models/small/{name}", Body=body)

    def prefix(self) -> Prefix:
        return Prefix(self.uri, self.settings)


@pytest.fixture
def bucket(sandbox: SandboxSettings, request: pytest.FixtureRequest) -> Bucket:
    made = Bucket(sandbox, f"acme-{abs(hash(request.node.name)) % 10**9}")
    for name, file in FILES.items():
        made.put(name, content(file))
    return made


def test_a_folder_gives_exact_counts_and_sizes(folder: Path):
    known = facts_of(Folder(folder))
    assert known.parameters == {"BF16": 64_000 + 4096, "F32": 64}
    held = [FILES[f"model-{n}.safetensors"] for n in (1, 2)]
    assert known.weights["safetensors"].bytes == sum(len(content(file)) for file in held)
    assert known.tokenizer["files"] == ["tokenizer.model"]
    assert known.config == CONFIG


def test_a_prefix_gives_what_the_folder_gives(folder: Path, bucket: Bucket):
    assert facts_of(bucket.prefix()) == facts_of(Folder(folder))


def test_only_the_headers_of_weights_are_read_from_a_prefix(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
):
    read: list[int] = []
    part = Prefix.part

    def noting(self: Prefix, name: str, start: int, length: int) -> bytes:
        body = part(self, name, start, length)
        if name.endswith(".safetensors"):
            read.append(len(body))
        return body

    monkeypatch.setattr(Prefix, "part", noting)
    facts_of(bucket.prefix())
    assert max(read) == 100_000 < len(content(FILES["model-1.safetensors"]))


@pytest.mark.parametrize("where", ["folder", "prefix"])
def test_the_hash_of_a_copy_moves_with_its_files(where: str, folder: Path, bucket: Bucket):
    def copy() -> Folder | Prefix:
        return Folder(folder) if where == "folder" else bucket.prefix()

    first = copy().content()
    assert first == copy().content()
    (folder / "tokenizer.model").write_bytes(b"others")
    bucket.put("tokenizer.model", b"others")
    assert copy().content() != first


@pytest.mark.parametrize("where", ["folder", "prefix"])
def test_a_file_that_an_interrupted_copy_cut_off_is_a_contradiction(
    where: str, folder: Path, bucket: Bucket
):
    whole = content(FILES["model-1.safetensors"])
    (folder / "model-1.safetensors").write_bytes(whole[: len(whole) // 2])
    bucket.put("model-1.safetensors", whole[: len(whole) // 2])
    copy = Folder(folder) if where == "folder" else bucket.prefix()
    with pytest.raises(CheckpointError, match="its header tells of") as caught:
        facts_of(copy)
    assert caught.value.code == "LMI413"


@pytest.mark.parametrize("start", [b"", b"\0", b"\0" * 8, b"\xff" * 9, b"\x02" + b"\0" * 7 + b"[]"])
def test_a_weight_file_that_is_none_is_a_contradiction(folder: Path, start: bytes):
    (folder / "model-1.safetensors").write_bytes(start)
    with pytest.raises(CheckpointError, match=r"model-1\.safetensors is no safetensors file"):
        facts_of(Folder(folder))


@pytest.mark.parametrize(
    "tensor",
    [
        None, [], {}, {"dtype": "F16", "shape": [-1], "data_offsets": [0, 2]},
        {"dtype": "F16", "shape": [2**60], "data_offsets": [0, 2]},
        {"dtype": "F16", "shape": [2**40, 2**40], "data_offsets": [0, 2]},
        {"dtype": "\x1b[2J", "shape": [1], "data_offsets": [0, 2]},
        {"dtype": "F16", "shape": [1.5], "data_offsets": [0, 2]},
        {"dtype": "F16", "shape": [1], "data_offsets": []},
    ],
)  # fmt: skip
def test_a_header_that_no_file_can_have_is_refused(folder: Path, tensor: object):
    header = json.dumps({"a": tensor}).encode()
    (folder / "model-1.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"..")
    with pytest.raises(CheckpointError, match="is no safetensors file"):
        facts_of(Folder(folder))


def test_an_empty_prefix_says_what_to_do(bucket: Bucket):
    with pytest.raises(CheckpointError, match="there is nothing below"):
        Prefix(f"s3://{bucket.name}/nothing/", bucket.settings).sizes()


def test_a_bucket_that_does_not_exist_is_an_error_of_aws(bucket: Bucket):
    with pytest.raises(AwsError, match="NoSuchBucket"):
        Prefix("s3://acme-none/models/", bucket.settings).sizes()


def test_an_object_that_changes_while_it_is_read_is_refused(bucket: Bucket):
    prefix = bucket.prefix()
    prefix.sizes()
    bucket.put("config.json", json.dumps({**CONFIG, "hidden_size": 128}).encode())
    with pytest.raises(AwsError, match="PreconditionFailed"):
        facts_of(prefix)


def test_the_makers_own_file_stands_in_for_the_config_with_a_doubt(tmp_path: Path):
    params = {"dim": 64, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "hidden_dim": 128}
    (tmp_path / "params.json").write_text(json.dumps(params))
    (tmp_path / "consolidated.safetensors").write_bytes(content(FILES["model-1.safetensors"]))
    known = facts_of(Folder(tmp_path))
    assert known.config == params
    assert known.parameters == {"BF16": 64_000}
    assert known.doubts == ("no config.json; the facts are of params.json",)


def test_a_folder_that_is_not_there_says_so(tmp_path: Path):
    with pytest.raises(InputError, match="there is no folder"):
        Folder(tmp_path / "none").sizes()


def test_what_stands_in_hidden_folders_is_no_part_of_a_checkpoint(folder: Path):
    (folder / ".cache").mkdir()
    (folder / ".cache" / "model-9.safetensors").write_bytes(b"x")
    assert facts_of(Folder(folder)).weights["safetensors"].files == 2


def test_names_that_cannot_be_shown_are_hashed_and_not_told(folder: Path):
    before = Folder(folder).content()
    (folder / os.fsdecode(b"tokenizer\xff.json")).touch()
    (folder / "tokenizer\x1b[31m.json").touch()
    copy = Folder(folder)
    assert copy.content() != before
    assert facts_of(copy).tokenizer["files"] == ["tokenizer.model"]


def test_what_is_no_file_is_passed_over(folder: Path):
    os.mkfifo(folder / "tokenizer.json")
    (folder / "vocab.json").symlink_to("/dev/zero")
    (folder / "loop").symlink_to(folder)
    copy = Folder(folder)
    assert copy.content()
    assert facts_of(copy).tokenizer["files"] == ["tokenizer.model"]


def test_a_file_that_an_index_names_is_told_without_what_would_colour_a_terminal(folder: Path):
    named = json.dumps({"weight_map": {"a": "m\x1b[31m\nok.safetensors"}})
    (folder / "model.safetensors.index.json").write_text(named)
    with pytest.raises(CheckpointError) as caught:
        facts_of(Folder(folder))
    assert "\x1b" not in str(caught.value)


def test_a_config_without_end_is_refused(folder: Path):
    endless = {f"a{n}": {f"b{m}": "x" * 190 for m in range(150)} for n in range(20)}
    (folder / "config.json").write_text(json.dumps(endless))
    with pytest.raises(CheckpointError, match="says more than that of any model"):
        facts_of(Folder(folder))
