"""A server on the loopback address that answers as the Hugging Face Hub does.

Only what a reader of models needs: /api/models/ID/revision/REV, and files below
/ID/resolve/REV/. Large files are sent on to another host name, as the hub sends them to its CDN.
Statuses, error codes and headers are those that huggingface_hub tells apart
(huggingface_hub/utils/_http.py, hf_raise_for_status).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.edges.loopback import serving

TOKEN = "hf_" + "x" * 34
COMMIT = "a1" * 20
LARGE_BYTES = 10_000
_API = re.compile(r"/api/models/(?P<id>.+)/revision/(?P<revision>[^/]+)")
_FILE = re.compile(r"/(?P<id>.+?)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True)
class Sparse:
    """A weight file of which only the start exists; the rest would be zeros."""

    start: bytes
    size: int

    def part(self, first: int, last: int) -> bytes:
        held = self.start[first : last + 1]
        return held + bytes(last + 1 - first - len(held))


File = bytes | Sparse


def weights(tensors: Mapping[str, tuple[str, list[int]]]) -> Sparse:
    """A safetensors file with these tensors: dtype and shape of each."""
    sizes = {"F32": 4, "F16": 2, "BF16": 2, "I32": 4, "F8_E4M3": 1, "I8": 1, "U8": 1}
    described: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        count = 1
        for length in shape:
            count *= length
        begin, end = end, end + count * sizes[dtype]
        described[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    header = json.dumps(described).encode()
    return Sparse(len(header).to_bytes(8, "little") + header, 8 + len(header) + end)


def index(shards: Mapping[str, list[str]]) -> bytes:
    """The index of a checkpoint in several files: the tensors of each."""
    placed = {tensor: name for name, tensors in shards.items() for tensor in tensors}
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": placed}).encode()


@dataclass
class Repo:
    """One repository."""

    files: dict[str, File]
    commit: str = COMMIT
    gated: str | bool = False
    private: bool = False
    allowed: frozenset[str] = frozenset({TOKEN})
    """Tokens that may read it where it is gated or private."""


@dataclass
class Fault:
    """What happens to the next requests for a path, before it answers as ever."""

    path: str
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000_000
    cut: bool = False
    """The answer ends in the middle."""
    body: bytes | None = None
    """Another answer altogether, with status 200."""


@dataclass
class HubServer:
    """The repositories, and every request that came."""

    repos: dict[str, Repo] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, bool]] = field(default_factory=list)
    """Host, path, and whether a token came with it."""
    url: str = ""

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]


@contextmanager
def running_hub() -> Iterator[HubServer]:
    """A hub for as long as the block runs."""
    hub = HubServer()

    class Handler(_Handler):
        state = hub

    with serving(Handler) as hub.url:
        yield hub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: HubServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        host = str(self.headers.get("Host"))
        token = str(self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.state.requests.append((host.partition(":")[0], path, bool(token)))
        if self._refused_by_fault(path):
            return
        is_cdn = path.startswith("/cdn/")
        for pattern, answer in ((_API, self._info), (_FILE, self._file)):
            found = pattern.fullmatch(path.removeprefix("/cdn"))
            if found is None:
                continue
            if is_cdn:
                self._send_file(self.state.repos[found["id"]].files[found["name"]])
            elif not self._moved(found) and not self._denied(found, token, pattern is _FILE):
                answer(found, self.state.repos[found["id"]])
            return
        self._refuse(404, None)

    def _moved(self, found: re.Match[str]) -> bool:
        new = self.state.renamed.get(found["id"])
        if new is not None:
            location = self.path.replace(f"/{found['id']}/", f"/{new}/", 1)
            self._answer(307, b"", {"Location": location})
        return new is not None

    def _denied(self, found: re.Match[str], token: str, is_file: bool) -> bool:
        repo = self.state.repos.get(found["id"])
        if repo is None or (repo.private and token not in repo.allowed):
            self._refuse(404 if token else 401, "RepoNotFound")
        elif is_file and repo.gated and token not in repo.allowed:
            self._refuse(403 if token else 401, "GatedRepo")
        elif found["revision"] not in {"main", repo.commit}:
            self._refuse(404, "RevisionNotFound")
        elif is_file and found["name"] not in repo.files:
            self._refuse(404, "EntryNotFound", repo.commit)
        else:
            return False
        return True

    def _refused_by_fault(self, path: str) -> bool:
        for fault in self.state.faults:
            if fault.path in path and fault.times > 0 and not fault.cut:
                fault.times -= 1
                if fault.status is not None:
                    self._answer(fault.status, b"", fault.headers)
                else:
                    self._answer(200, fault.body or b"", fault.headers)
                return True
        return False

    def _info(self, found: re.Match[str], repo: Repo) -> None:
        siblings = [
            {"rfilename": name, "blobId": "b" * 40, "size": _size(file)}
            for name, file in sorted(repo.files.items())
        ]
        answer = {
            "_id": "0", "id": found["id"], "modelId": found["id"], "sha": repo.commit,
            "private": repo.private, "gated": repo.gated, "disabled": False, "tags": [],
            "downloads": 1, "likes": 1, "siblings": siblings,
        }  # fmt: skip
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _file(self, found: re.Match[str], repo: Repo) -> None:
        file = repo.files[found["name"]]
        headers = {"X-Repo-Commit": repo.commit}
        if _size(file) > LARGE_BYTES:
            port = urlsplit(self.state.url).port
            url = f"http://localhost:{port}/cdn/{found['id']}/resolve/{repo.commit}/{found['name']}"
            linked = {"X-Linked-Size": str(_size(file)), "X-Linked-Etag": '"e"'}
            self._answer(302, b"", {"Location": url, **headers, **linked})
        else:
            self._send_file(file, headers)

    def _send_file(self, file: File, headers: Mapping[str, str] | None = None) -> None:
        size = _size(file)
        asked = _RANGE.fullmatch(self.headers.get("Range") or "")
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]) if asked and asked[2] else size - 1, size - 1)
        body = file[first : last + 1] if isinstance(file, bytes) else file.part(first, last)
        more = {"ETag": '"e"', "Accept-Ranges": "bytes", **(headers or {})}
        if asked:
            more["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._answer(206 if asked else 200, body, more)

    def _refuse(self, status: int, code: str | None, commit: str | None = None) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": code} if code else {}
        if commit is not None:
            headers["X-Repo-Commit"] = commit
        self._answer(status, b'{"error": "no"}', headers)

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        path = unquote(urlsplit(self.path).path)
        cuts = [fault for fault in self.state.faults if fault.cut and fault.path in path]
        fault = next((fault for fault in cuts if fault.times > 0), None)
        self.send_response(status)
        for name, value in {"X-Request-Id": "r", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault is not None:
            fault.times -= 1
            body, self.close_connection = body[: len(body) // 2], True
        if self.command != "HEAD":
            self.wfile.write(body)


def _size(file: File) -> int:
    return len(file) if isinstance(file, bytes) else file.size


def small_model(config: Mapping[str, Any]) -> dict[str, File]:
    """A whole checkpoint of two small Llama layers, with a config.json that says so."""
    config = {**config, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    config |= {"num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 1000}
    shapes = {"model.embed_tokens.weight": [1000, 64], "lm_head.weight": [1000, 64]}
    shapes["model.norm.weight"] = [64]
    for layer in range(2):
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            shapes[f"model.layers.{layer}.self_attn.{name}.weight"] = [64, 64]
        for name in ("gate_proj", "up_proj"):
            shapes[f"model.layers.{layer}.mlp.{name}.weight"] = [128, 64]
        shapes[f"model.layers.{layer}.mlp.down_proj.weight"] = [64, 128]
        for name in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"model.layers.{layer}.{name}.weight"] = [64]
    tensors = {name: ("F16", shape) for name, shape in shapes.items()}
    return {"config.json": json.dumps(config).encode(), "model.safetensors": weights(tensors)}
