"""Every issue of one set of settings: keys, values, combinations, then the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lmi_deployer.findings import Severity
from lmi_deployer.settings import keys
from lmi_deployer.settings.conditions import Match
from lmi_deployer.settings.rules import rules_for
from lmi_deployer.settings.values import Fault, shown
from lmi_deployer.settings.view import Issue, View

FAULTS: dict[str, tuple[str, Severity, str]] = {
    "load_error": ("LMI309", "error", "the model does not load"),
    "request_error": ("LMI309", "error", "every request fails"),
    "ignored": ("LMI308", "error", "the server ignores it"),
    "fallback": ("LMI308", "error", "the server uses {replacement} instead"),
    "unchecked": ("LMI310", "warning", "nothing checks it before the library behind it fails"),
    "divided": ("LMI308", "warning", "the server takes it for {replacement}, the handler may not"),
    "empty": ("LMI308", "warning", "it counts as left out"),
}
"""Outcome of a Fault: (code, severity, what happens)."""
_PLACEHOLDER = re.compile(r"\{([\w.]+)\}")
"""A key in a combination's problem, for which its value is written."""


def judge(view: View) -> list[Issue]:
    """All issues, in the order of the settings; those of several settings come last."""
    issues: list[Issue] = []
    entries = view.entries.entries
    for key, text in view.settings.items():
        entry = entries.get(key)
        if entry is None or not entry.is_used:
            issue = keys.unread(view, key)
            if issue is not None:
                issues.append(issue)
        if entry is not None:
            fault = entry.fault(text)
            if fault is not None:
                issues.append(_faulty(key, fault))
            elif entry.advice is not None and entry.is_used:
                issues.append(keys.deprecated(view, key, entry.advice))
    issues.extend(_combined(view))
    # A combination says what the server does; a rule about the same has nothing to add.
    said = {(issue.code, issue.key) for issue in issues}
    found = (issue for rule in rules_for(view) for issue in rule(view))
    issues.extend(issue for issue in found if (issue.code, issue.key) not in said)
    return issues


def _faulty(key: str, fault: Fault) -> Issue:
    code, severity, effect = FAULTS[fault.outcome]
    taken = fault.replacement or "its default"
    problem = f"{fault.problem}; {effect.format(replacement=taken)}"
    return Issue(code, severity, key, problem, fault.allowed)


def _combined(view: View) -> Iterator[Issue]:
    if view.handler is None:
        return
    for match in view.table.combinations(view.handler).matches(view):
        row = match.row
        if match.missing:
            yield _open(match, view)
        else:
            yield Issue(
                row["code"],
                row.get("severity", "error"),
                row["key"],
                _filled(row["problem"], view),
                row.get("fix"),
            )


def _filled(problem: str, view: View) -> str:
    """A combination's problem, with the values of the keys it names in braces."""
    return _PLACEHOLDER.sub(lambda found: shown(view.effective(found[1]) or ""), problem)


def _open(match: Match, view: View) -> Issue:
    facts = ", ".join(match.missing)
    problem = _filled(match.row["problem"], view)
    problem = f"not checked, since {facts} is not known: {problem}"
    return Issue("LMI403", "note", match.row["key"], problem)


def effective(view: View) -> dict[str, str]:
    """Key: value that takes effect.

    What the server ignores is left out, what it replaces is replaced; a value that stops the load
    stays as it is.
    """
    result = {}
    entries = view.entries.entries
    for key, text in view.settings.items():
        entry = entries.get(key)
        if (entry is None or not entry.is_used) and keys.unread(view, key) is not None:
            continue
        fault = None if entry is None else entry.fault(text)
        if fault is not None and fault.outcome in {"ignored", "empty"}:
            continue
        is_replaced = fault is not None and fault.outcome == "fallback"
        result[key] = str(fault.replacement or "") if is_replaced and fault else text
    return result
