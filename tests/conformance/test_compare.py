"""The rule of agreement between lint and server."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.conformance import compare as compared
from tests.conformance.cases import make_case
from tests.conformance.classify import Verdict
from tests.conformance.compare import compare, disagreements
from tests.conformance.report import agreement_table, disagreement_table
from tests.conformance.server_table import load_table

KEY = "option.quantize"


@dataclass(frozen=True)
class Said:
    severity: str
    key: str | None = KEY
    message: str = "the server uses bitsandbytes"


def accepted(**changed: str | None) -> Verdict:
    return Verdict(is_rejected=False, changed={f"option.{key}": v for key, v in changed.items()})


def kinds(verdict: Verdict, *findings: Said, version: str = "0.26.0") -> list[tuple[str, ...]]:
    case = make_case(version, load_table().backend(version, "lmi-dist"), {KEY: "bitsandbytes8"})
    return [(one.key, one.expected, one.got) for one in disagreements(case, verdict, findings)]


@pytest.mark.parametrize(
    ("verdict", "findings"),
    [
        (Verdict.rejection("why"), [Said("error", key=None)]),
        (accepted(), []),
        (accepted(), [Said("warning"), Said("note")]),
        (accepted(quantize=None), [Said("error")]),
        (accepted(quantize=None), [Said("warning", message="is ignored")]),
        (accepted(quantize="bitsandbytes"), [Said("warning")]),
        (Verdict(is_rejected=False, handed_on=(KEY,)), [Said("error")]),
    ],
)
def test_lint_and_server_agree(verdict, findings):
    assert kinds(verdict, *findings) == []


@pytest.mark.parametrize(
    ("verdict", "findings", "expected"),
    [
        (Verdict.rejection("", ("quantize",)), [Said("warning")], (KEY, "rejected", "no error")),
        (Verdict.rejection(""), [], (KEY, "rejected", "no error")),
        (accepted(), [Said("error")], (KEY, "accepted", "an error")),
        (accepted(), [Said("error", key=None)], ("(no key)", "accepted", "an error")),
        (accepted(quantize=None), [Said("note")], (KEY, "ignored", "no error or warning")),
        (
            accepted(quantize=None),
            [Said("error", key="option.dtype"), Said("warning")],
            ("option.dtype", "accepted", "an error"),
        ),
        (
            accepted(quantize="gptq"),
            [Said("warning")],
            (KEY, "replaced by gptq", "a finding that does not name the replacement"),
        ),
    ],
)
def test_lint_and_server_differ(verdict, findings, expected):
    assert kinds(verdict, *findings) == [expected]


def test_disagreements_are_grouped_over_versions_and_reported(monkeypatch):
    monkeypatch.setattr(compared, "ask_lint", lambda *_: [])
    table = load_table()
    pairs = [
        (make_case(v, table.backend(v, "lmi-dist"), {KEY: "x"}), Verdict.rejection(""))
        for v in ("0.26.0", "0.27.0", "0.29.0")
    ]
    agreeing = make_case("0.26.0", table.backend("0.26.0", "lmi-dist"), {})
    comparison = compare([*pairs, (agreeing, accepted())])
    assert list(agreement_table(comparison))[2] == "| 0.26.0 | lmi-dist | 2 | 1 | 50.0 % |"
    (row,) = list(disagreement_table(comparison))[2:]
    assert row == (
        "| 3 | 0.26.0..0.27.0, 0.29.0 | lmi-dist | `option.quantize` | rejected | no error "
        "| `option.quantize=x` on 0.26.0, 4 devices |"
    )
