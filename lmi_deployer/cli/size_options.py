"""The flags of `lmi-deploy size`: every setting that changes the answer is one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
from click.core import ParameterSource

from lmi_deployer.cli.completing import words
from lmi_deployer.cli.container_option import container_option

if TYPE_CHECKING:
    from lmi_deployer.sizing.asked import Wanted

Function = TypeVar("Function", bound=Callable[..., Any])
MOST = 10_000_000
"""Of tokens or sequences; nothing holds more, and larger numbers are slips."""
MOST_GPUS = 1024
_SHOWN = 40
_SPELT_BY_LIBRARIES = {
    "float16": "fp16",
    "half": "fp16",
    "bfloat16": "bf16",
    "float32": "fp32",
    "float": "fp32",
    "fp8_e4m3": "fp8",
    "fp8_e5m2": "fp8",
}
"""Number formats as PyTorch and vLLM spell them: our name, which the container reads as well."""
_VERSION = re.compile(r"v?[0-9]{1,4}(\.[0-9]{1,4})+([.+a-z0-9-]{0,30})")


Callback = Callable[[click.Context, click.Parameter, "str | None"], Any]


def count(most: int = MOST, others: tuple[str, ...] = ()) -> Callback:
    """Reads a whole number from 1, or one of the words that may stand for it."""

    def read(_context: click.Context, _option: click.Parameter, value: str | None) -> Any:
        text = (value or "").strip().lower()
        if value is None or text in others:
            return text or None
        is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
        if not is_number or not 1 <= int(text) <= most:
            also = "".join(f", or {word}" for word in others)
            allowed = f"a whole number from 1 to {most:,}{also}"
            raise click.BadParameter(f"{_short(value)} is not {allowed}")
        return int(text)

    return read


def fraction(_context: click.Context, _option: click.Parameter, value: str | None) -> Any:
    """Reads a share above 0 and at most 1."""
    if value is None:
        return None
    try:
        share = float(value)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise click.BadParameter(f"{_short(value)} is not a number above 0 and at most 1")
    return share


def version(_context: click.Context, _option: click.Parameter, value: str | None) -> Any:
    """Reads a version of a library, which begins with its numbers."""
    if value is not None and not _VERSION.fullmatch(value):
        raise click.BadParameter(f"{_short(value)} is not a version, such as 0.6.3.post1")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _named(names: Sequence[str]) -> dict[str, Any]:
    """An option that takes one of these names, and offers the nearest to another."""

    def read(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
        from lmi_deployer.nearest import nearest

        if value is None or value in names:
            return value
        ours = _SPELT_BY_LIBRARIES.get(value)
        if ours in names:
            return ours
        near = nearest(value, names) if len(value) <= _SHOWN else None
        hint = f"; did you mean {near!r}?" if near else ""
        raise click.BadParameter(f"{_short(value)} is not one of {', '.join(names)}{hint}")

    return {"metavar": "NAME", "callback": read, "shell_complete": words(*names)}


def settings_options(function: Function) -> Function:
    """Add every setting of a question; `as_wanted` reads the values."""
    decorated: Any = function
    for option in reversed(_options()):
        decorated = option(decorated)
    result: Function = decorated
    return result


def as_wanted(values: Mapping[str, Any]) -> Wanted:
    """What the settings say."""
    from lmi_deployer.sizing.asked import Wanted

    given = {_RENAMED.get(name, name): value for name, value in values.items()}
    given["backend"] = None if given["backend"] == "auto" else given["backend"]
    return Wanted(**given)


def given_flags(values: Mapping[str, Any]) -> list[str]:
    """The flags that were written, of all settings."""
    source = click.get_current_context().get_parameter_source
    return [
        f"--{name.replace('_', '-')}"
        for name in values
        if source(name) is ParameterSource.COMMANDLINE
    ]


def _options() -> tuple[Callable[[Any], Any], ...]:
    from lmi_deployer.catalog.rows import Backend, QuantizeMethod

    tokens: dict[str, Any] = {"metavar": "N", "callback": count()}
    return (
        click.option(
            "--backend",
            **_named([*get_args(Backend), "auto"]),
            help="vllm, trtllm, lmi-dist, neuronx ...; as `auto` decides when left out.",
        ),
        container_option("LMI version; the newest that serves the model when left out."),
        click.option(
            "--engine-version",
            metavar="VERSION",
            callback=version,
            help="Version of the backend's library, such as 0.6.3.post1, instead of the bundled.",
        ),
        click.option(
            "--tensor-parallel-degree",
            metavar="N|auto|max",
            callback=count(MOST_GPUS, ("auto", "max")),
            default="auto",
            show_default=True,
            shell_complete=words("auto", "max", "1", "2", "4", "8"),
            help="Devices that share a copy; auto as in a profile, max as many as can.",
        ),
        click.option(
            "--pipeline-parallel-degree",
            metavar="N",
            callback=count(MOST_GPUS),
            help="Stages of a copy.",
        ),
        click.option("--dtype", **_named(["fp32", "fp16", "bf16"]), help="fp32, fp16 or bf16."),
        click.option(
            "--quantize",
            **_named([*get_args(QuantizeMethod), "none"]),
            help="How plain weights are quantized while they load: fp8, smoothquant ..., none.",
        ),
        click.option(
            "--kv-cache-dtype", **_named(["auto", "fp8", "int8"]), help="auto, fp8 or int8."
        ),
        click.option(
            "--memory-fraction",
            "--gpu-memory-utilization",
            "--kv-cache-free-gpu-mem-fraction",
            metavar="SHARE",
            callback=fraction,
            help="Share of the memory that the engine takes.",
        ),
        click.option("--max-input-len", **tokens, help="Tokens of the longest prompt."),
        click.option("--max-output-len", **tokens, help="Tokens of the longest answer."),
        click.option("--max-model-len", **tokens, help="Limit on both together."),
        click.option("--max-rolling-batch-size", **tokens, help="Sequences at once."),
        click.option(
            "--max-num-tokens",
            "--max-num-batched-tokens",
            "--max-rolling-batch-prefill-tokens",
            **tokens,
            help="Tokens of one forward pass.",
        ),
        click.option("--enable-chunked-prefill/--no-enable-chunked-prefill", default=None),
        click.option("--enforce-eager/--no-enforce-eager", default=None, help="No CUDA graphs."),
    )


_RENAMED = {"container": "container_version"}
"""Where a flag has another name than the setting."""
