"""Runs the server's own handlers of one version on cases, in a process of its own.

Run as `python -m tests.conformance.inside.child`. The first line of standard input is the setup,
each further line a case, and each line of standard output the answer to one case. Only oracle.py
speaks to it.

setup   {"package": folder above djl_python, "pydantic": 1 or 2, "vllm_fields": [...]}
        with "describe": true the one answer is what describe.describe returns
case    {"id", "handler", "properties": {key: value}, "gpus", "environment"}
answer  {"id", "outcome": accepted, rejected or undecided, "message", "blamed": [key],
         "values": {key: value}, "reads": [key], "passed": [key], "warnings": [text],
         "environment": {name: value}}
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.conformance.inside import libraries
from tests.conformance.inside.describe import describe
from tests.conformance.inside.handlers import Handlers
from tests.conformance.inside.tracking import (
    Recorder,
    TrackedDict,
    WarningsOf,
    record_properties,
    values_of,
)

PATIENCE_SECONDS = 1.0
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class TookTooLong(BaseException):
    """A case that loops over a number of its own, such as billions of tokens to warm up with."""


def _give_up(*_: object) -> None:
    raise TookTooLong


@contextmanager
def fresh_environment(changes: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment plus `changes`; afterwards it is as before, and the dict has what was set."""
    before = dict(os.environ)
    os.environ.update(changes)
    start = dict(os.environ)
    changed: dict[str, str] = {}
    try:
        yield changed
    finally:
        changed.update({k: v for k, v in os.environ.items() if start.get(k) != v})
        os.environ.clear()
        os.environ.update(before)


def mutable_defaults(base: type) -> list[Any]:
    """Every default of the server's settings that one case could change for the next."""
    found: list[Any] = []
    for cls in _subclasses(base):
        fields: Any = getattr(cls, "model_fields", None) or getattr(cls, "__fields__", {})
        found += [f.default for f in fields.values() if isinstance(f.default, dict | list)]
    return found


def _subclasses(cls: type) -> Iterator[type]:
    yield cls
    children: list[type] = cls.__subclasses__()
    for child in children:
        yield from _subclasses(child)


def judge(case: Mapping[str, Any], handlers: Handlers, recorder: Recorder) -> dict[str, Any]:
    """The answer to one case."""
    cuda: Any = sys.modules["torch"].cuda
    cuda.gpus = case["gpus"]
    recorder.start()
    outcome, message = "accepted", ""
    blamed: list[str] = []
    with fresh_environment(case.get("environment", {})) as changed:
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)
        try:
            handlers[case["handler"]](TrackedDict(case["properties"], recorder.reads))
        except TookTooLong:
            outcome = "undecided"
        except Exception as error:  # noqa: BLE001 - whatever a handler raises fails the load
            outcome, message = "rejected", f"{type(error).__name__}: {error}"
            message = ADDRESS.sub("", message)
            blamed = blamed_fields(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    keys = list(case["properties"])
    return {
        "id": case["id"],
        "outcome": outcome,
        "message": message,
        "blamed": blamed,
        "values": values_of(recorder.created, keys) if outcome == "accepted" else {},
        "reads": sorted(recorder.reads.intersection(keys)),
        "passed": sorted(recorder.passed.intersection(keys)),
        "warnings": list(recorder.warnings),
        "environment": changed,
    }


def blamed_fields(error: Exception) -> list[str]:
    """The fields that a validation error names; empty for errors of another kind."""
    errors: Any = getattr(error, "errors", None)
    if not callable(errors):
        return []
    named = {str(part["loc"][0]) for part in errors() if part["loc"]}
    return sorted(named - {"__root__"})


def use_pydantic_1() -> None:
    """Let `import pydantic` mean version 1, which pydantic 2 brings along as pydantic.v1."""
    for name in ("pydantic.v1", "pydantic.v1.class_validators", "pydantic.v1.main"):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.startswith("pydantic.v1")]:
        sys.modules[name.replace("pydantic.v1", "pydantic", 1)] = sys.modules[name]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout = sys.stderr
    setup = json.loads(sys.stdin.readline())
    sys.path.insert(0, setup["package"])
    if setup["pydantic"] == 1:
        use_pydantic_1()
    libraries.install(setup["vllm_fields"])
    if setup.get("describe"):
        answers.write(json.dumps(describe(setup["package"])))
        answers.close()
        return
    signal.signal(signal.SIGALRM, _give_up)
    recorder = Recorder()
    logging.getLogger().handlers[:] = [WarningsOf(recorder)]
    defaults = mutable_defaults(record_properties(recorder))
    handlers = Handlers()
    for line in sys.stdin:
        answer = judge(json.loads(line), handlers, recorder)
        if any(defaults):
            raise AssertionError(f"case {answer['id']} has changed a default: {defaults}")
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
