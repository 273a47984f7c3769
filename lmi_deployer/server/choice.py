"""What the server chooses for one set of settings, and the working copy while it chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.server.facts import Facts

if TYPE_CHECKING:
    from lmi_deployer.catalog.option_rows import Outcome

ENGINE = "engine"
MPI_MODE = "option.mpi_mode"
ASYNC_MODE = "option.async_mode"
ROLLING_BATCH = "option.rolling_batch"
ENTRY_POINT = "option.entryPoint"
MODEL_ID = "option.model_id"
DEGREE = "option.tensor_parallel_degree"
BATCH_SIZE = "option.max_rolling_batch_size"
AUTO, DISABLE = "auto", "disable"
UNKNOWN_MODEL = ModelFacts()
JAVA_INT_RANGE = range(-(2**31), 2**31)
_MOST_DIGITS = len(str(2**31))
_BOOLEANS = frozenset({"true", "false"})


class Problem(NamedTuple):
    """What goes wrong while the server chooses."""

    key: str
    outcome: Outcome
    problem: str
    """The end of a sentence that begins with the key."""
    fix: str | None
    missing: tuple[str, ...] = ()
    """Facts without which one cannot tell whether it goes wrong; empty where it surely does."""


class Selection(NamedTuple):
    """What serves a model, as the server decides it."""

    engine: str | None
    """None where it cannot be told."""
    is_mpi: bool | None
    """Whether the handler runs once per GPU under mpirun; None where it cannot be told."""
    is_async: bool
    entry_point: str | None
    """The handler's module; None where it cannot be told."""
    rolling_batch: str | None
    """After every decision; None or `disable` without one, and where it cannot be told."""
    handler: str | None
    """One of option_rows.Handler, `custom` for the user's own code; None where it cannot be
    told, where the server stops before, and where no Python runs."""
    reason: str | None
    """Why the handler cannot be told."""
    written: Mapping[str, str]
    """Keys that the server writes or replaces, with their values."""
    problems: tuple[Problem, ...]
    assumed: tuple[str, ...]
    """Facts that were taken for granted because nobody gave them: a text generation model."""
    runs_python: bool = True
    """False for an engine that runs no Python handler."""


class Choice:
    """The settings while the server decides about them; what it has decided so far."""

    __slots__ = (
        "assumed", "engine", "entry_point", "facts", "handler", "is_async", "is_mpi",
        "is_written_engine", "late", "model", "problems", "reason", "rolling_batch",
        "runs_python", "settings", "written",
    )  # fmt: skip

    def __init__(
        self,
        facts: Facts,
        settings: Mapping[str, str],
        model: ModelFacts | None,
        late: frozenset[str],
    ) -> None:
        self.facts = facts
        self.settings = settings
        self.model = UNKNOWN_MODEL if model is None else model
        self.late = late
        self.engine: str | None = None
        self.is_written_engine = False
        """True where the handler sees the engine, as written or as the server wrote it."""
        self.runs_python = True
        self.is_mpi: bool | None = None
        self.is_async = False
        self.entry_point: str | None = None
        self.rolling_batch: str | None = None
        self.handler: str | None = None
        self.reason: str | None = None
        self.written: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.assumed: list[str] = []

    def get(self, key: str) -> str | None:
        """A key's value by now."""
        value = self.written.get(key)
        return self.settings.get(key) if value is None else value

    def seen(self, key: str) -> str | None:
        """A key's value as far as the server sees it before it has chosen."""
        return None if key in self.late else self.settings.get(key)

    def fail(
        self,
        key: str,
        outcome: Outcome,
        problem: str,
        fix: str | None = None,
        missing: tuple[str, ...] = (),
    ) -> None:
        """Note what goes wrong."""
        self.problems.append(Problem(key, outcome, problem, fix, missing))

    def replace(self, key: str, value: str, why: str, fix: str | None = None) -> None:
        """Write a key, and say so where the user wrote something else."""
        own = self.settings.get(key)
        if own is not None and not _is_same(own, value):
            self.fail(key, "fallback", f"is replaced with {value}: {why}", fix)
        self.written[key] = value

    @property
    def lmi(self) -> str:
        """The version's name in messages."""
        return f"LMI {self.facts.version}"

    def selection(self) -> Selection:
        """What has been decided."""
        return Selection(
            self.engine,
            self.is_mpi,
            self.is_async,
            self.entry_point,
            self.rolling_batch,
            self.handler,
            self.reason if self.handler is None else None,
            self.written,
            tuple(self.problems),
            tuple(self.assumed),
            self.runs_python,
        )


def _is_same(own: str, value: str) -> bool:
    """Whether two values say the same to Boolean.parseBoolean, or letter by letter."""
    return own.lower() == value if value in _BOOLEANS else own == value


def is_java_true(text: str | None) -> bool:
    """Whether Boolean.parseBoolean is true: `true` in any case, and nothing else."""
    return text is not None and text.lower() == "true"


def java_int(text: str | None) -> int | None:
    """The number that Integer.parseInt reads, in digits of any script; None where it throws.

    >>> java_int("+8"), java_int("8 "), java_int("4294967296")
    (8, None, None)
    """
    if text is None:
        return None
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not digits.isdecimal() or len(digits) > _MOST_DIGITS:
        return None
    number = int(text)
    return number if number in JAVA_INT_RANGE else None
