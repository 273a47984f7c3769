"""Workflow commands: one line a finding, and what a runner reads out of it is what was meant."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.annotations import lines
from lmi_deployer.findings import CODES, Finding, Place, Severity

PLACE = Place("profiles/chat.yaml", 12, 29)
COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")
"""What a runner takes for a command: no colon of a property may end the properties."""
ESCAPES = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}


def unescaped(text: str) -> str:
    return re.sub("|".join(ESCAPES), lambda match: ESCAPES[match.group()], text)


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Level, properties and message of a command, as a runner reads them."""
    match = COMMAND.fullmatch(line)
    assert match is not None, line
    level, properties, message = match.groups()
    pairs = (pair.split("=", 1) for pair in properties.split(","))
    return level, {name: unescaped(text) for name, text in pairs}, unescaped(message)


def finding(
    problem: str = "is wrong",
    *,
    severity: Severity = "error",
    place: Place = PLACE,
    fix: str | None = None,
) -> Finding:
    return Finding(
        code="LMI201", severity=severity, problem=problem, place=place, key="a.b", fix=fix
    )


def test_a_finding_is_shown_beside_its_line():
    (line,) = lines([finding(fix="right it")])
    assert line == (
        "::error file=profiles/chat.yaml,line=12,col=29,title=LMI201::"
        "a.b: is wrong%0A  fix: right it"
    )


@pytest.mark.parametrize(
    ("severity", "level"), [("error", "error"), ("warning", "warning"), ("note", "notice")]
)
def test_a_note_is_a_notice_there(severity: Severity, level: str):
    (line,) = lines([finding(severity=severity)])
    assert line.startswith(f"::{level} ")


def test_the_same_finding_is_shown_once():
    assert len(list(lines([finding(), finding()]))) == 1


def test_signs_with_a_meaning_are_escaped():
    (line,) = lines([finding("100%\r\n::set", place=Place("a,b:c%.yaml", 3))])
    told = "a.b: 100%25\\r\\n::set"  # line breaks of a hostile file are spelt out before
    assert line == f"::error file=a%2Cb%3Ac%25.yaml,line=3,title=LMI201::{told}"


@pytest.mark.parametrize(
    ("place", "properties"),
    [
        (Place("a.yaml"), "file=a.yaml,title=LMI201"),
        (Place("--set"), "title=LMI201"),
    ],
)
def test_what_has_no_line_or_no_file_says_so_by_leaving_it_out(place: Place, properties: str):
    (line,) = lines([finding(place=place)])
    assert line == f"::error {properties}::a.b: is wrong"


found = st.builds(
    Finding,
    code=st.sampled_from(sorted(CODES)),
    severity=st.sampled_from(["error", "warning", "note"]),
    problem=st.text(),
    place=st.builds(
        Place, st.sampled_from(["a.yaml", "a:b,c%.yaml", "d\r\n.yaml"]), st.integers(1, 9)
    ),
    key=st.none() | st.text(),
    fix=st.none() | st.text(),
)


@given(found)
def test_a_runner_reads_what_was_meant_from_one_line(item: Finding):
    (line,) = lines([item])
    assert "\n" not in line
    assert "\r" not in line
    _, properties, message = read(line)
    assert message == item.text
    assert properties == {
        "file": item.place.file,
        "line": str(item.place.line),
        "title": item.code,
    }
