"""The part of `huggingface_hub` that downloads: it makes a tiny checkpoint up, and fetches none."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

GATED = "gated"
"""With this in LMI_DEPLOY_STAND_IN, every repository is gated and nobody may read it."""
DEFAULT_REVISION = "main"
COMMIT = re.compile(r"[0-9a-f]{40}")
CACHE = "~/.cache/huggingface/hub"


class HfHubHTTPError(OSError):
    """The hub refused a request."""


class RepositoryNotFoundError(HfHubHTTPError):
    """There is no such repository, or it is not for everybody."""


class GatedRepoError(RepositoryNotFoundError):
    """The repository is for those who have accepted its terms."""


class RevisionNotFoundError(HfHubHTTPError):
    """There is no such revision."""


@dataclass(frozen=True)
class RepoSibling:
    """A file of a repository."""

    rfilename: str
    size: int


@dataclass(frozen=True)
class ModelInfo:
    """What the hub tells of a model, gated or not."""

    id: str
    sha: str
    siblings: list[RepoSibling]


class HfApi:
    """The hub's API."""

    def __init__(self, **_: Any) -> None:
        """Nothing: wherever it is, it is this module."""

    def model_info(self, repo_id: str, *, revision: str | None = None, **_: Any) -> ModelInfo:
        """The commit and the files of a model."""
        commit = _commit(repo_id, revision)
        files = _checkpoint(repo_id, commit)
        siblings = [RepoSibling(name, len(content)) for name, content in files.items()]
        return ModelInfo(id=repo_id, sha=commit, siblings=siblings)


def snapshot_download(
    repo_id: str,
    *,
    revision: str | None = None,
    local_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    allow_patterns: list[str] | None = None,
    **_: Any,
) -> str:
    """Folder with a checkpoint of that repository and revision, which its files name."""
    if os.environ.get("LMI_DEPLOY_STAND_IN") == GATED:
        raise GatedRepoError(
            "401 Client Error. Cannot access gated repo for url https://huggingface.co/"
            f"{repo_id}/resolve/{revision or DEFAULT_REVISION}/config.json. Access to model "
            f"{repo_id} is restricted. You must have access to it and be authenticated."
        )
    commit = _commit(repo_id, revision)
    name = "models--" + repo_id.replace("/", "--")
    cached = Path(cache_dir or CACHE).expanduser() / name / "snapshots" / commit
    folder = Path(local_dir) if local_dir is not None else cached
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in _checkpoint(repo_id, commit).items():
        if allow_patterns is None or any(fnmatch(file, pattern) for pattern in allow_patterns):
            (folder / file).write_bytes(content)
    return str(folder)


def _commit(repo_id: str, revision: str | None) -> str:
    """A commit as it is; one that is made up for the name of a branch."""
    if revision is not None and COMMIT.fullmatch(revision):
        return revision
    content = f"{repo_id}@{revision or DEFAULT_REVISION}"
    return hashlib.sha256(content.encode()).hexdigest()[:40]


def _checkpoint(repo_id: str, commit: str) -> dict[str, bytes]:
    config = {
        "_name_or_path": repo_id,
        "_commit_hash": commit,
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 128,
        "max_position_embeddings": 4096,
        "num_attention_heads": 8,
        "num_hidden_layers": 2,
        "num_key_value_heads": 8,
        "vocab_size": 32000,
        "torch_dtype": "float16",
    }
    documents = {
        "config.json": config,
        "generation_config.json": {"do_sample": False},
        "special_tokens_map.json": {"bos_token": "<s>", "eos_token": "</s>"},
        "tokenizer.json": {"version": "1.0", "model": {"type": "WordLevel", "vocab": {}}},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"},
    }
    files = {name: json.dumps(content).encode() for name, content in documents.items()}
    return files | {"model.safetensors": _safetensors(f"{repo_id}@{commit}")}


def _safetensors(content: str) -> bytes:
    """A file in the safetensors format: length of the header, header, data."""
    data = content.encode()
    tensor = {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}
    header = json.dumps({"weight": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + data
