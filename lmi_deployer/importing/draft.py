"""Turns lines of serving.properties back into the settings of a profile that render to them.

Only values that come out as they went in become settings, but for those that the checks go by
(degree, dtype, quantization, timeout): these say what is meant, and `exact.py` how it is spelt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import InstanceType, QuantizeMethod
from lmi_deployer.checks.about import SETTING_KEYS
from lmi_deployer.importing.lengths import lengths
from lmi_deployer.importing.source import Source
from lmi_deployer.importing.spelling import renders, typed
from lmi_deployer.loading import MAX_LOADING_SECONDS, SERVER_START_SECONDS
from lmi_deployer.profile import Settings
from lmi_deployer.resolve import BACKEND_SECTIONS
from lmi_deployer.spec import Value, device_count
from lmi_deployer.starting.subject import Subject
from lmi_deployer.yaml_source import scalar

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DTYPES: Mapping[str, str] = {
    "float16": "fp16",
    "half": "fp16",
    "bfloat16": "bf16",
    "float32": "fp32",
    "float": "fp32",
    **{name: name for name in ("fp16", "bf16", "fp32", "int8")},
}
"""What containers call the dtypes of profiles. Source: get_torch_dtype_from_str of djl_python."""
MIN_LOADING_SECONDS = 60
"""The least that a profile takes."""
_LENGTHS = ("max_input_len", "max_output_len", "max_tokens", "n_positions", "max_model_len",
            "max_seq_len")  # fmt: skip
_SAID_ALREADY = frozenset({"model", "traffic", "quantize"})
"""Sections that are made as a whole."""


@dataclass(kw_only=True)
class Draft:
    """The settings of a profile, section by section, and remarks on some of them."""

    model: dict[str, Any]
    traffic: dict[str, Any]
    hardware: dict[str, Any]
    remarks: dict[str, str] = field(default_factory=dict)
    """Dotted key: a comment for it."""


class _Inverse:
    """The settings of one source, by our names."""

    def __init__(
        self,
        source: Source,
        subject: Subject,
        instance: InstanceType,
        startup_seconds: int | None,
    ) -> None:
        self.source = source
        self.subject = subject
        self.instance = instance
        self.startup_seconds = startup_seconds
        self.devices = device_count(instance, catalog.gpu(instance.gpu))
        self.support = source.support
        self.keys: dict[str, str] = self.support.property_names
        self.texts: dict[str, str] = {
            ours: source.texts[key] for ours, key in self.keys.items() if key in source.texts
        }

    def draft(self) -> Draft:
        """Every setting that is worth a key of its own."""
        found = lengths(
            {name: number for name in _LENGTHS if (number := self._whole(name)) is not None},
            self.keys,
            self.subject.facts.max_position_embeddings if self.subject.facts else None,
        )
        draft = Draft(
            model=self._model(),
            traffic={
                "max_input_len": found.max_input_len,
                "max_output_len": found.max_output_len,
            },
            hardware=self._hardware(found.max_input_len + found.max_output_len),
        )
        if found.reason is not None:
            draft.remarks["traffic"] = found.reason
        if self.subject.size_in_name is not None:
            size = f"estimated from {self.subject.size_in_name} in the name, 2 bytes a parameter"
            draft.remarks["model.weights_gib"] = size
        if "model_loading_timeout" not in self.texts:
            who = "the image" if self.startup_seconds is None else "the endpoint"
            draft.remarks["model_loading_timeout_seconds"] = f"what {who} allows"
        return draft

    def _whole(self, name: str) -> int | None:
        """A setting that is a whole number above 0."""
        value = scalar(self.texts.get(name, ""))
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return value if is_whole and isinstance(value, int) and value > 0 else None

    def _model(self) -> dict[str, Any]:
        subject = self.subject
        model: dict[str, Any] = {"id": subject.id}
        if subject.source is not None:
            model["source"] = subject.source
        elif _COMMIT.fullmatch(self.texts.get("revision", "")):
            model["revision"] = self.texts["revision"]
        if subject.weights_gib is not None:
            model["weights_gib"] = subject.weights_gib
        dtype = self._dtype()
        if dtype in self.support.dtypes:
            model["dtype"] = dtype
        if self.texts.get("trust_remote_code", "").lower() == "true":
            model["trust_remote_code"] = True
        return model

    def _dtype(self) -> str | None:
        text = self.texts.get("dtype", "")
        ours = {theirs: name for name, theirs in self.support.dtype_names.items()}
        return ours.get(text) or _DTYPES.get(text)

    def _hardware(self, together: int) -> dict[str, Any]:
        """The keys of the hardware profile, in the order in which people read them."""
        hardware: dict[str, Any] = {
            "instance_type": self.instance.name,
            "backend": self.source.backend,
        }
        degree = self._degree()
        if degree is not None:
            hardware["tensor_parallel_degree"] = degree
        batch = self._whole("max_rolling_batch_size")
        if batch is not None:
            hardware["max_rolling_batch_size"] = batch
        quantize = self._quantize()
        if quantize is not None:
            hardware["quantize"] = quantize
        hardware["model_loading_timeout_seconds"] = self._loading_seconds(degree)
        for path, value in self._others(together):
            section = hardware
            for part in path[:-1]:
                section = section.setdefault(part, {})
            section.setdefault(path[-1], value)
        return hardware

    def _degree(self) -> int | None:
        """GPUs of one copy, as the server counts them; None leaves it to the profile's rule."""
        source = self.source
        key = self.keys["tensor_parallel_degree"]
        text = source.texts.get(key) or source.effective.get(key)
        if text is None:
            entry = source.target.table.handler(source.backend).entries.get(key)
            text = None if entry is None else entry.default
        if text == "max" or (text is None and source.selection.is_mpi):
            return self.devices
        value = scalar(text or "1")
        return value if isinstance(value, int) and value > 0 else None

    def _quantize(self) -> dict[str, Any] | None:
        """The method, with its settings where they render as they stand."""
        method = self._method()
        if method is None:
            return None
        quantize: dict[str, Any] = {"method": method}
        for name in ("alpha", "per_token", "per_channel"):
            text = self.texts.get(f"smoothquant_{name}")
            if text is not None and renders(("quantize",), name, text, {"method": method}):
                quantize[name] = typed(text)
        return quantize

    def _method(self) -> QuantizeMethod | None:
        text = self.texts.get("quantize")
        facts = self.subject.facts
        already = facts.quantization if facts else None
        of_text = [
            method
            for method, row in self.support.quantize.items()
            if text is not None and row.value == text
        ]
        of_weights = [method for method in self.support.quantize if method == already]
        both = [method for method in of_text if method == already]
        return next(iter((*both, *of_text, *of_weights)), None)

    def _loading_seconds(self, degree: int | None) -> int:
        """What the source allows, within what a profile may; else the endpoint or the image."""
        seconds = self._whole("model_loading_timeout")
        if seconds is None and self.startup_seconds is not None:
            copies = self.devices // (degree or self.devices)
            seconds = (self.startup_seconds - SERVER_START_SECONDS) // max(1, copies)
        if seconds is None:
            seconds = self.source.target.container.model_loading_timeout_seconds
        return min(MAX_LOADING_SECONDS, max(MIN_LOADING_SECONDS, seconds))

    def _others(self, together: int) -> Iterator[tuple[tuple[str, ...], Value]]:
        """(path in the profile, value) of every further setting that the profile has a key for.

        `together` is the sum of the lengths, which the profile renders by itself.
        """
        section = BACKEND_SECTIONS[self.source.backend]
        for name, text in self.texts.items():
            if name == "n_positions" and text == str(together):
                continue
            key = SETTING_KEYS.get(name, name if name in Settings.model_fields else None)
            *sections, last = (key or f"{section}.{name}").split(".")
            if _SAID_ALREADY.isdisjoint(sections) and renders(tuple(sections), last, text):
                yield (*sections, last), typed(text)


def make_draft(
    source: Source, subject: Subject, instance: InstanceType, startup_seconds: int | None = None
) -> Draft:
    """The settings that a source comes to on an instance type.

    `startup_seconds` is what an endpoint allows until it has to answer.
    """
    return _Inverse(source, subject, instance, startup_seconds).draft()
