"""One artifact as a compile script leaves it, and stores that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from lmi_deployer.artifact.committing import commit
from lmi_deployer.artifact.manifest import Manifest, key_of
from lmi_deployer.artifact.store import Store, StoredFile

Result = TypeVar("Result")
INPUTS: dict[str, Any] = {
    "kind": "trt_engine",
    "image": "0.25.0-tensorrtllm0.5.0-cu122",
    "libraries": {"tensorrt_llm": "0.5.0"},
    "model_id": "TheBloke/Llama-2-7B-fp16",
    "quantize": None,
    "tensor_parallel_degree": 2,
    "pipeline_parallel_degree": 1,
    "gpu_architecture": "Ampere",
}
KEY = key_of(INPUTS)
PREFIX = f"{KEY[:16]}/"
ARTIFACT = f"{PREFIX}artifact/"
MADE = {"runner": "docker", "seconds": {"compile": 420.0}}
FILES = {
    "tensorrt_llm/config.pbtxt": b"backend: tensorrtllm",
    "tensorrt_llm/tokenizer_config.json": b"{}",
    "tensorrt_llm/1/config.json": b'{"builder_config": {"tensor_parallel": 2}}',
    "tensorrt_llm/1/llama_float16_tp2_rank0.engine": b"engine of rank 0",
    "tensorrt_llm/1/llama_float16_tp2_rank1.engine": b"engine of rank 1",
}


def make_source(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """A folder with the files of an artifact."""
    for path, content in (FILES if files is None else files).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def commit_here(store: Store, source: Path, **changed: Any) -> Manifest:
    """The artifact, committed as a runner does it."""
    values: dict[str, Any] = {
        "inputs": INPUTS,
        "layout": "triton_repository",
        "made": MADE,
        "quality": None,
        "say": lambda _line: None,
    }
    return commit(store, changed.pop("prefix", PREFIX), source, **{**values, **changed})


class Killed(BaseException):
    """What a process that is no more would have raised."""


class Watched:
    """A store that counts its operations, and of which nothing works from one of them on.

    With `after`, that one has had its effect and nobody hears of it.
    """

    def __init__(self, store: Store, *, dies_at: int | None = None, after: bool = False) -> None:
        self.root = store.root
        self.sent: list[str] = []
        self.operations: list[str] = []
        self._store = store
        self._dies_at = dies_at
        self._after = after
        self._lock = Lock()
        self._is_dead = False

    def files(self, prefix: str = "") -> dict[str, StoredFile]:
        return self._do("files", lambda: dict(self._store.files(prefix)))

    def folders(self) -> list[str]:
        return self._do("folders", self._store.folders)

    def find(self, path: str) -> StoredFile | None:
        return self._do("find", lambda: self._store.find(path))

    def read(self, path: str) -> bytes | None:
        return self._do("read", lambda: self._store.read(path))

    def digest(self, path: str) -> str | None:
        return self._do("digest", lambda: self._store.digest(path))

    def write(self, path: str, content: bytes) -> None:
        self._do("write", lambda: self._store.write(path, content))

    def create(self, path: str, content: bytes) -> bool:
        return self._do("create", lambda: self._store.create(path, content))

    def replace(self, path: str, content: bytes, version: str) -> bool:
        return self._do("replace", lambda: self._store.replace(path, content, version))

    def send(self, source: Path, path: str, sha256: str) -> None:
        def send() -> None:
            self._store.send(source, path, sha256)
            self.sent.append(path)

        self._do("send", send)

    def receive(self, path: str, target: Path) -> None:
        self._do("receive", lambda: self._store.receive(path, target))

    def delete(self, paths: Iterable[str]) -> None:
        self._do("delete", lambda: self._store.delete(paths))

    def clean(self, prefix: str) -> None:
        self._do("clean", lambda: self._store.clean(prefix))

    def stop(self) -> None:
        pass

    def _do(self, name: str, work: Callable[[], Result]) -> Result:
        with self._lock:  # one at a time, so that the n-th is the same one in every run
            if self._is_dead:
                raise Killed
            self.operations.append(name)
            self._is_dead = len(self.operations) == self._dies_at
            if self._is_dead and not self._after:
                raise Killed
            result = work()
            if self._is_dead:
                raise Killed
            return result
