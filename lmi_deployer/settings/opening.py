"""Issues of what comes before the handler: reading together, and choosing what serves the model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lmi_deployer.catalog.rows import BackendSupport, Container
from lmi_deployer.findings import Severity
from lmi_deployer.nearest import nearest
from lmi_deployer.server.merged import Merged
from lmi_deployer.server.selection import Problem, Selection
from lmi_deployer.settings.keys import MOST_SETTINGS, PREFIX
from lmi_deployer.settings.table import Table
from lmi_deployer.settings.values import shown
from lmi_deployer.settings.view import Issue

CONTAINER = "container.version"
LOAD_MODELS = "load_models"
_ADDRESS = re.compile(r":((?:\w+:/)?/.*|[^:]*)$")
"""The address at the end of an item of it, where a colon stands before: all of it, or a path."""
OUTCOMES: Mapping[str, tuple[str, Severity]] = {
    "load_error": ("LMI316", "error"),
    "request_error": ("LMI316", "error"),
    "ignored": ("LMI307", "error"),
    "fallback": ("LMI308", "warning"),
    "unchecked": ("LMI316", "warning"),
}
"""Outcome: (code, severity)."""


def merging_issues(table: Table, merged: Merged) -> Iterator[Issue]:
    """What was written and does not reach the server, or only by luck."""
    for lost in merged.overridden:
        is_same = merged.texts.get(lost.key) == lost.value
        problem = f"does not hold: {lost.by} says " + ("the same" if is_same else "otherwise")
        severity: Severity = "note" if is_same else "warning"
        yield Issue("LMI314", severity, lost.name, problem, f"keep one of {lost.name}, {lost.by}")
    for unread in merged.unread:
        fix = f"set {unread.instead}" if unread.instead else "remove it"
        yield Issue("LMI313", "error", unread.name, unread.reason, fix)
    for advice in merged.advice:
        yield Issue("LMI311", "warning", advice.name, advice.reason)
    if LOAD_MODELS in merged.settings:
        yield from _load_models(table, merged)
    for name in merged.others[:MOST_SETTINGS]:
        yield from _unknown_variable(table, name)
    for key, setting in merged.settings.items():
        if setting.name != key and not setting.is_environment and key in table.keys:
            problem = f"works without its prefix for now: handlers see it, as {key}"
            yield Issue("LMI318", "note", key, problem, f"write {key}")


def _unknown_variable(table: Table, name: str) -> Iterator[Issue]:
    """LMI313: a variable that is nearly a known one, or an option without its prefix.

    One word by itself, such as DEVICE, is more likely a variable of the user's own code.
    """
    key = f"{PREFIX}{name.lower()}"
    near = nearest(name, table.variables, cutoff=0.8)
    problem = f"nothing in LMI {table.version} is known to read it"
    if name.isupper() and "_" in name and key in table.read_keys:
        is_read = table.server["option_variables"]["is_read"]
        fix = f"set OPTION_{name}" if is_read else f"write {key} in serving.properties"
        yield Issue("LMI313", "warning", name, f"{problem}, though it reads {key}", fix)
    elif near is not None:
        yield Issue("LMI313", "warning", name, problem, f"did you mean {near}?")


def _load_models(table: Table, merged: Merged) -> Iterator[Issue]:
    """LMI315: `name:version:engine:<address>`, where "=" belongs before the address.

    Without it all of the text is an address, from which no model comes. Source:
    MODEL_STORE_PATTERN of ModelServer.java, and of ModelStore.java later.
    """
    setting = merged.settings[LOAD_MODELS]
    for item in re.split("[, ]+", setting.value):
        fields = item.partition("/")[0].split(":")[1:-1]
        if "=" in item or ("" not in fields and table.engines.isdisjoint(fields)):
            continue
        address = _ADDRESS.search(item)
        right = item if address is None else f"{item[: address.start()]}={address[1]}"
        problem = f"has {shown(item)}, all of which counts as an address; no model is loaded"
        fix = f"an equals sign before the address: {shown(right)}"
        yield Issue("LMI315", "error", setting.name, problem, fix)


def image_issues(container: Container, flavor: str, selection: Selection) -> Iterator[Issue]:
    """A version whose server is not public, and a backend that another image of it holds."""
    if not container.is_verified:
        problem = f"the server of LMI {container.version} is not public; "
        problem += f"its facts were taken over from {container.facts_of}"
        yield Issue("LMI403", "note", CONTAINER, problem)
    backends: Mapping[Any, BackendSupport] = container.backends
    support = backends.get(selection.handler)
    if support is None or support.flavor == flavor or selection.handler == "hf-accelerate":
        return
    if flavor == "neuronx":  # its images bring vLLM and LMI-Dist as libraries of their own
        return
    key = "option.rolling_batch" if selection.rolling_batch else "option.entryPoint"
    problem = f"chooses {selection.handler}, which the {flavor} image of LMI "
    problem += f"{container.version} does not hold"
    yield Issue("LMI316", "error", key, problem, f"use the {support.flavor} image")


def selection_issues(selection: Selection) -> Iterator[Issue]:
    """What goes wrong while the server chooses engine, handler and rolling batch."""
    for problem in selection.problems:
        if problem.missing:
            yield _open(problem)
            continue
        code, severity = OUTCOMES[problem.outcome]
        yield Issue(code, severity, problem.key, problem.problem, problem.fix)
    is_open = selection.handler is None and selection.reason is not None
    if is_open and selection.runs_python and not selection.problems:
        text = f"what serves the model cannot be told: {selection.reason}"
        yield Issue("LMI317", "note", "engine", text, "give the model's facts")
    if selection.assumed:
        text = f"taken for granted: {', '.join(selection.assumed)}"
        yield Issue("LMI403", "note", "option.model_id", text, "give the model's facts")


def _open(problem: Problem) -> Issue:
    facts = ", ".join(problem.missing)
    text = f"depends on {facts}, which is not known: {problem.problem}"
    return Issue("LMI317", "note", problem.key, text, problem.fix)
