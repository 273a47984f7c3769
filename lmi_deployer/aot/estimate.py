"""How long compiling takes and what that costs, between the bounds of what has been published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmi_deployer import catalog, prices
from lmi_deployer.spec import GIB

if TYPE_CHECKING:
    from lmi_deployer.catalog.rows import Price
    from lmi_deployer.spec import ResolvedSpec

CALIBRATED = frozenset({"smoothquant", "awq", "static_int8", "fp8"})
"""Methods that run prompts through the weights before they quantize them."""
MINUTES_PER_HOUR = 60
SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class CompileEstimate:
    """Bounds, and not a forecast: published times differ by more than tenfold."""

    minutes_low: float
    minutes_high: float
    instance_type: str | None
    """The machine that is paid for; None where it is the user's own."""
    price: Price | None
    """Of that machine for hosting, since no price for training is known; spot costs less."""
    source: str
    """Where the minutes come from."""

    @property
    def usd_low(self) -> float | None:
        """At the hosting price; None where that is not known, or nothing is paid."""
        return self._usd(self.minutes_low)

    @property
    def usd_high(self) -> float | None:
        """At the hosting price; None where that is not known, or nothing is paid."""
        return self._usd(self.minutes_high)

    def _usd(self, minutes: float) -> float | None:
        return None if self.price is None else minutes / MINUTES_PER_HOUR * self.price.usd_per_hour

    def __str__(self) -> str:
        """`20 to 110 min, $8 to $46`."""
        minutes = _range(self.minutes_low, self.minutes_high)
        if self.usd_low is None or self.usd_high is None:
            return f"{minutes} min"
        return f"{minutes} min, {_usd_range(self.usd_low, self.usd_high)}"

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "minutes_low": round(self.minutes_low, 1),
            "minutes_high": round(self.minutes_high, 1),
            "usd_low": None if self.usd_low is None else round(self.usd_low, 2),
            "usd_high": None if self.usd_high is None else round(self.usd_high, 2),
            "instance_type": self.instance_type,
            "price_for": "hosting" if self.price else None,
            "price_region": self.price and self.price.region,
            "price_as_of": self.price and self.price.as_of.isoformat(),
            "source": self.source,
        }


def estimate(spec: ResolvedSpec, region: str | None = None) -> CompileEstimate:
    """What compiling a spec ahead of time takes, with fetching the weights and storing the result.

    The time SageMaker needs to find a machine, and a quality gate, are not counted. Prices are of
    `region`, or else of the nearest known. Raises ValueError for a spec that is not compiled.
    """
    compilation = spec.compilation
    if compilation is None:
        raise ValueError(f"{spec.title} is not compiled ahead of time")
    fetched = _transferred(spec.weights.download_bytes)
    stored = _transferred(spec.weights.gpu_bytes)
    work = _work(spec, compilation.compiler.kind)
    paid = (
        compilation.instance.name if compilation.runner in {"sagemaker", "optimization"} else None
    )
    return CompileEstimate(
        minutes_low=fetched[0] + work[0] + stored[0],
        minutes_high=fetched[1] + work[1] + stored[1],
        instance_type=paid,
        price=None if paid is None else prices.known().quote(paid, region).nearest,
        source=_source(compilation.compiler.kind),
    )


def estimate_at_start(spec: ResolvedSpec, region: str | None = None) -> CompileEstimate:
    """What compiling in the container adds to each start of each instance.

    The weights are fetched then as well, which is not counted: a compiled artifact is fetched too.
    Raises ValueError for a backend that compiles nothing.
    """
    compiler = catalog.compiler(spec.container.version, spec.backend)
    if compiler is None:
        raise ValueError(f"{spec.title} compiles nothing")
    kind = compiler.kind
    low, high = _work(spec, kind)
    return CompileEstimate(
        minutes_low=low,
        minutes_high=high,
        instance_type=spec.instance.name,
        price=prices.known().quote(spec.instance.name, region).nearest,
        source=_source(kind),
    )


def _work(spec: ResolvedSpec, kind: str) -> tuple[float, float]:
    """Minutes, at least and at most, of compiling, and of calibrating where that is part of it."""
    low, high = _minutes(kind, spec.weights.download_bytes)
    if kind == "trt_engine" and spec.weights.quantize in CALIBRATED and not _is_stored(spec):
        calibrating = _minutes("calibration", spec.weights.download_bytes)
        return low + calibrating[0], high + calibrating[1]
    return low, high


def _is_stored(spec: ResolvedSpec) -> bool:
    """True where the weights are published as they are quantized, so that nothing is calibrated."""
    facts = spec.weights.facts
    return facts is not None and facts.quantization is not None


def _transferred(size_bytes: int) -> tuple[float, float]:
    return _minutes("transfer", size_bytes)


def _minutes(name: str, size_bytes: int) -> tuple[float, float]:
    row = catalog.raw_rows("compile_times")[name]
    base, pace = row["base_minutes"], row["seconds_per_gib"]
    gib = size_bytes / GIB
    low, high = (base[end] + gib * pace[end] / SECONDS_PER_MINUTE for end in ("low", "high"))
    return low, high


def _source(name: str) -> str:
    row = catalog.raw_rows("compile_times")[name]
    return "; ".join(item["source"] for item in row["measured"]) or str(row["source"])


def _range(low: float, high: float) -> str:
    first, last = _rounded(low), _rounded(high)
    return str(last) if first == last else f"{first} to {last}"


def _rounded(minutes: float) -> int:
    """Whole minutes, and steps of five where there are many: nobody plans for 113 of them."""
    step = 5 if minutes >= 30 else 1  # noqa: PLR2004
    return max(1, round(minutes / step) * step)


def _usd_range(low: float, high: float) -> str:
    digits = 0 if high >= 10 else 2  # noqa: PLR2004 - dollars
    return f"${low:,.{digits}f} to ${high:,.{digits}f}"
