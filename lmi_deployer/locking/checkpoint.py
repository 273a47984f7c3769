"""The facts of one checkpoint out of its small files, wherever they lie.

A hub repository, an S3 prefix and a local folder differ only in how files are listed and parts of
them read; `Files` is that difference. No weights are downloaded: sizes come from the listing, and
counts of parameters from the headers of safetensors files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from lmi_deployer.errors import InputError
from lmi_deployer.lockfile import MOST, WeightFiles, WeightFormat
from lmi_deployer.locking.config_part import is_endless, is_name, parsed, relevant_part
from lmi_deployer.locking.headers import Header, HeaderError, beside_data, header_of
from lmi_deployer.locking.weight_files import FORMATS, Sizes, total, weight_files
from lmi_deployer.shapes.believing import LOOK, impossible
from lmi_deployer.shapes.reading import read
from lmi_deployer.shapes.stored import completed

CONFIG, MISTRAL_CONFIG, ADAPTER = "config.json", "params.json", "adapter_config.json"
TOKENIZER = "tokenizer_config.json"
_TOKENIZER_FILE = re.compile(
    r"(tokenizer|vocab|merges|spiece|sentencepiece|spm|tekken|qwen|added_tokens)\b.*"
    r"\.(json|model|txt|tiktoken)|tokenizer_config\.json|ice_text\.model"
)
MAX_SMALL_FILE_BYTES = 40_000_000
"""An index of the largest checkpoints is 15 million bytes."""
_THREADS = 8
"""Headers read at a time: a large checkpoint has 160 files."""


class CheckpointError(InputError):
    """A checkpoint whose facts cannot be had, or that contradicts itself."""

    def __init__(self, problem: str, *, fix: str | None, code: str = "LMI412") -> None:
        super().__init__(problem, fix=fix)
        self.code = code


class Files(Protocol):
    """How the files of one checkpoint are listed and read."""

    @property
    def title(self) -> str:
        """The checkpoint in words."""

    def sizes(self) -> Sizes:
        """Every file by its path, with its bytes where they are known."""

    def part(self, name: str, start: int, length: int) -> bytes:
        """Some bytes of a file, fewer where it ends before; asked for by several threads."""


@dataclass(frozen=True, kw_only=True)
class CheckpointFacts:
    """What the files of a checkpoint say."""

    config: Mapping[str, Any]
    parameters: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[WeightFormat, WeightFiles] = field(default_factory=dict)
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def facts_of(files: Files, say: Callable[[str], None] = lambda _line: None) -> CheckpointFacts:
    """The facts of a checkpoint. Raises CheckpointError where there is no telling."""
    reader = _Reader(files, say)
    config = reader.config()
    wrong = impossible(read(config))
    if wrong:
        problem = f"{CONFIG} of {files.title}: {'; '.join(wrong)}, which no model has"
        raise CheckpointError(problem, fix=LOOK, code="LMI413")
    weights, parameters = reader.weights()
    kept = relevant_part(config)
    if is_endless(kept):
        problem = f"{CONFIG} of {files.title} says more than that of any model"
        raise CheckpointError(problem, fix=f"look at {CONFIG}, or another repository")
    return CheckpointFacts(
        config=kept,
        parameters=parameters,
        weights=weights,
        tokenizer=reader.tokenizer(config),
        doubts=tuple(reader.doubts),
    )


class _Reader:
    """Reads one checkpoint, noting what is doubtful about it on the way."""

    def __init__(self, files: Files, say: Callable[[str], None]) -> None:
        self._files = files
        self._say = say
        # What no library could open or believe is as if it were not there.
        self._sizes = {
            name: size if type(size) is int and 0 <= size < MOST else None
            for name, size in files.sizes().items()
            if is_name(name)
        }
        self.doubts: list[str] = []

    def config(self) -> dict[str, Any]:
        """The configuration, with the quantization that a file beside it states."""
        if CONFIG in self._sizes:
            config = self._object(CONFIG)
        elif MISTRAL_CONFIG in self._sizes:
            config = self._object(MISTRAL_CONFIG)
            self.doubts.append(f"no {CONFIG}; the facts are of {MISTRAL_CONFIG}")
        else:
            raise self._without_config()
        return completed(config, self._sizes, self._object)

    def weights(self) -> tuple[dict[WeightFormat, WeightFiles], Mapping[str, int]]:
        """The weight files of each format, and the parameters that safetensors files count."""
        weights: dict[WeightFormat, WeightFiles] = {}
        parameters: Mapping[str, int] = {}
        for form in FORMATS:
            names = weight_files(form, self._sizes, self._object, self._contradiction)
            if not names:
                continue
            if form == "safetensors":
                parameters = self._counted(names)
            summed = total(names, self._sizes)
            if summed is None:
                self.doubts.append(f"the size of the {form} files is not known")
            else:
                weights[form] = summed
        if not weights and not parameters:
            fix = "a repository, prefix or folder with the weights in it"
            raise CheckpointError(f"{self._files.title} holds no weight files", fix=fix)
        if not parameters:
            self.doubts.append("no safetensors files: the parameters are computed, not counted")
        return weights, parameters

    def tokenizer(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Class and files of the tokenizer, and the size of the vocabulary."""
        said = self._object(TOKENIZER) if TOKENIZER in self._sizes else {}
        name = said.get("tokenizer_class", config.get("tokenizer_class"))
        found = {
            "class": name if isinstance(name, str) and name.isidentifier() else None,
            "files": sorted(name for name in self._sizes if _TOKENIZER_FILE.fullmatch(name)),
            "vocab_size": read(config).number("vocab_size"),
        }
        return {key: value for key, value in found.items() if value not in (None, [])}

    def _counted(self, names: tuple[str, ...]) -> dict[str, int]:
        self._say(f"{self._files.title}: reading the headers of {len(names)} weight files")
        pool = ThreadPoolExecutor(max_workers=min(_THREADS, len(names)))
        try:
            headers = list(pool.map(self._header, names))
        finally:  # the first failure is told at once, and what has not begun is left
            pool.shutdown(wait=False, cancel_futures=True)
        parameters: dict[str, int] = {}
        for header in headers:
            for dtype, count in header.parameters.items():
                parameters[dtype] = parameters.get(dtype, 0) + count
        return parameters

    def _header(self, name: str) -> Header:
        """The header of a safetensors file that fits its size."""
        try:
            header = header_of(lambda start, length: self._files.part(name, start, length))
        except HeaderError as error:
            raise self._contradiction(f"{name} {error}") from error
        size = self._sizes[name]
        if size is not None and not beside_data(header, size):
            problem = f"{name} has {size:,} bytes, and its header tells of {header.data_bytes:,}"
            raise self._contradiction(problem)
        return header

    def _object(self, name: str) -> dict[str, Any]:
        """A small JSON file."""
        size = self._sizes[name]
        most = MAX_SMALL_FILE_BYTES if size is None else size
        data = b"" if most > MAX_SMALL_FILE_BYTES else self._files.part(name, 0, most)
        if most > MAX_SMALL_FILE_BYTES or (size is None and len(data) == most):
            problem = f"{name} of {self._files.title} is larger than {MAX_SMALL_FILE_BYTES:,} bytes"
            raise CheckpointError(problem, fix="another checkpoint: no model's is as large")
        found = parsed(data)
        if found is None:
            fix = f"look at {name}: it may be a page of an error, or cut off"
            raise CheckpointError(f"{name} of {self._files.title} is no JSON object", fix=fix)
        return found

    def _without_config(self) -> CheckpointError:
        title = self._files.title
        if ADAPTER in self._sizes:
            base = self._object(ADAPTER).get("base_model_name_or_path")
            fix = f"model.id: {base}" if is_name(base) else "the model that it adapts"
            return CheckpointError(f"{title} is an adapter, not a model", fix=fix)
        fix = "a repository in the format of transformers; a GGUF or diffusers repository is none"
        problem = f"{title} has no {CONFIG}, so nothing says what its layers are"
        return CheckpointError(problem, fix=fix)

    def _contradiction(self, problem: str) -> CheckpointError:
        fix = "copy the checkpoint once more, whole; or another revision of it"
        return CheckpointError(f"{self._files.title}: {problem}", fix=fix, code="LMI413")
