"""Checkpoints that lie in a local folder or below an S3 prefix, as `locking.checkpoint.Files`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer.errors import InputError
from lmi_deployer.locking.checkpoint import CheckpointError
from lmi_deployer.s3 import bucket_and_key

if TYPE_CHECKING:
    from lmi_deployer.edges.aws_calls import AwsSettings, Calls

_HASHED_BYTES = 1_000_000
MAX_FILES = 20_000
"""A prefix or folder with more is no checkpoint: somebody named a bucket or a disk."""


@dataclass(frozen=True)
class Folder:
    """A checkpoint in a local folder."""

    path: Path

    @property
    def title(self) -> str:
        """The folder in words."""
        return str(self.path)

    @cached_property
    def _sizes(self) -> dict[str, int | None]:
        if not self.path.is_dir():
            raise InputError(f"there is no folder {self.path}", fix="a folder with config.json")
        found: dict[str, int | None] = {}
        for top, folders, names in os.walk(self.path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in names:
                path = Path(top, name)
                if path.is_file():  # of a link, what it leads to
                    found[path.relative_to(self.path).as_posix()] = path.stat().st_size
            if len(found) > MAX_FILES:
                raise _too_many(self.title)
        return found

    def sizes(self) -> Mapping[str, int | None]:
        """Every file by its path, with its bytes; folders that start with a dot are left out."""
        try:
            return self._sizes
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}") from error

    def content(self) -> str:
        """Hash over the names and sizes of all files, and what the small ones hold.

        Weights are told by their size and their header: to hash them would take minutes.
        """
        return _hash(
            (name, size or 0, hashlib.sha256(self.part(name, 0, _HASHED_BYTES)).hexdigest())
            for name, size in self.sizes().items()
        )

    def part(self, name: str, start: int, length: int) -> bytes:
        """Some bytes of a file."""
        try:
            with (self.path / name).open("rb") as stream:
                stream.seek(start)
                return stream.read(length)
        except OSError as error:
            raise InputError(f"{self.path / name} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Prefix:
    """A checkpoint below an S3 prefix."""

    uri: str
    settings: AwsSettings
    say: Callable[[str], None] = field(default=lambda _line: None, repr=False)

    @property
    def title(self) -> str:
        """The prefix in words."""
        return self.uri

    @cached_property
    def _calls(self) -> Calls:
        from lmi_deployer.edges.aws_calls import Calls

        return Calls(self.settings)

    @cached_property
    def _objects(self) -> dict[str, tuple[int, str]]:
        """Every object by its path below the prefix: bytes and ETag."""
        self.say(f"{self.uri}: listing its objects")
        bucket, prefix = bucket_and_key(self.uri)
        found: dict[str, tuple[int, str]] = {}
        request = {"Bucket": bucket, "Prefix": prefix}
        for item in self._calls.pages("s3", "ListObjectsV2", "Contents", **request):
            name = item["Key"].removeprefix(prefix)
            if name and not name.endswith("/"):
                found[name] = (item["Size"], str(item.get("ETag", "")).strip('"'))
            if len(found) > MAX_FILES:
                raise _too_many(self.title)
        if not found:
            fix = "`aws s3 cp --recursive` the checkpoint there first, or correct model.source"
            raise CheckpointError(f"there is nothing below {self.uri}", fix=fix)
        return found

    def sizes(self) -> Mapping[str, int | None]:
        """Every object by its path, with its bytes."""
        return {name: size for name, (size, _) in self._objects.items()}

    def content(self) -> str:
        """Hash over the names, sizes and ETags of all objects."""
        return _hash((name, size, tag) for name, (size, tag) in self._objects.items())

    def part(self, name: str, start: int, length: int) -> bytes:
        """Some bytes of an object, by a ranged read."""
        from lmi_deployer.edges.aws_calls import explained

        bucket, prefix = bucket_and_key(self.uri)
        size, tag = self._objects[name]
        last = min(start + length, size) - 1
        if last < start:
            return b""
        request = {"Bucket": bucket, "Key": f"{prefix}{name}", "Range": f"bytes={start}-{last}"}
        if tag:
            request["IfMatch"] = f'"{tag}"'  # the object that was listed, not a newer one
        with explained(f"reading {self.uri}{name}"):
            return bytes(self._calls.call("s3", "GetObject", **request)["Body"].read())


def _hash(files: Iterable[tuple[str, int, str]]) -> str:
    """Over name, size and a hash of each file, in their order."""
    digest = hashlib.sha256()
    for name, size, tag in sorted(files):
        digest.update(f"{name}\0{size}\0{tag}\n".encode(errors="surrogateescape"))
    return f"sha256:{digest.hexdigest()}"


def _too_many(title: str) -> CheckpointError:
    problem = f"{title} holds more than {MAX_FILES:,} files"
    return CheckpointError(problem, fix="the folder or prefix that config.json stands in")
