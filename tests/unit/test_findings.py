"""Codes are data: each that is given has a row, and each row reads well."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

import lmi_deployer
from lmi_deployer.catalog.code_rows import CodeRow
from lmi_deployer.catalog.codes_page import GROUPS, page
from lmi_deployer.findings import CODES, Code, Finding, Place, Severity, errors_among

PACKAGE = Path(lmi_deployer.__file__).parent
ROWS = PACKAGE / "catalog" / "codes.yaml"
PAGE = PACKAGE.parent / "docs" / "findings.md"
RAW = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
NOT_YET_USED = frozenset({"LMI313", "LMI314", "LMI315", "LMI316", "LMI317", "LMI405"})
"""Temporary: codes whose rules are still to come. Remove each with its first rule."""


def texts() -> dict[Path, str]:
    """The sources that may give a finding, without those that only explain it."""
    paths = [*PACKAGE.rglob("*.py"), *(PACKAGE / "catalog").rglob("*.yaml")]
    return {path: path.read_text(encoding="utf-8") for path in paths if path != ROWS}


def test_every_code_in_the_sources_has_a_row():
    mentioned = {code for text in texts().values() for code in re.findall(r"\bLMI\d{3}\b", text)}
    assert mentioned - set(CODES) == set()


def test_every_row_is_used_somewhere():
    given = re.compile(r'"(LMI\d{3})"|\bcode: (LMI\d{3})\b')
    used = {code for text in texts().values() for pair in given.findall(text) for code in pair}
    assert set(CODES) - used - NOT_YET_USED == set()


def given_severities() -> Iterator[tuple[Path, str, str]]:
    """(source, code, severity) of each call that names both as they stand."""
    for path in PACKAGE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call):
                arguments = [*call.args, *(item.value for item in call.keywords)]
                words = [str(item.value) for item in arguments if isinstance(item, ast.Constant)]
                codes = [word for word in words if re.fullmatch(r"LMI\d{3}", word)]
                kinds = [word for word in words if word in {"error", "warning", "note"}]
                if isinstance(call.func, ast.Attribute) and call.func.attr == "error":
                    kinds = ["error"]  # Finding.error
                yield from ((path, code, kind) for code in codes for kind in kinds)


def test_every_severity_that_a_code_is_given_with_is_in_its_row():
    combinations = PACKAGE / "catalog" / "combinations.yaml"
    rows = yaml.safe_load(combinations.read_text(encoding="utf-8"))
    found = set(given_severities())
    found |= {(combinations, row["code"], row.get("severity", "error")) for row in rows}
    assert {code for _, code, _ in found} >= {"LMI001", "LMI201", "LMI403"}
    wrong = [item for item in found if item[2] not in CODES[item[1]].severities]
    assert sorted(wrong) == []


def test_the_compiled_rows_are_what_the_yaml_says():
    rows = TypeAdapter(list[CodeRow]).validate_python(RAW)
    assert [Code(**row.model_dump()) for row in rows] == list(CODES.values()), "run `make catalog`"


def test_the_rows_stand_in_the_order_of_their_codes_each_once():
    codes = [row["code"] for row in RAW]
    assert codes == sorted(set(codes))


@pytest.mark.parametrize("code", CODES)
def test_a_row_says_in_a_few_sentences_what_happens_and_how_to_get_out(code: str):
    row = CODES[code]
    assert 2 <= len(re.findall(r"\.(?= [A-Z`]|$)", row.explanation)) <= 6, row.explanation
    assert len(row.explanation) < 1024  # what code scanning shows of a description
    assert row.fix.endswith(".")
    assert not row.title.endswith(".")
    assert (row.bad is None) or (row.good is not None)
    order = ["error", "warning", "note"]
    assert list(row.severities) == sorted(set(row.severities), key=order.index)


def test_no_two_codes_mean_the_same():
    assert len({row.title for row in CODES.values()}) == len(CODES)


@pytest.mark.parametrize(
    ("change", "column"),
    [({"code": "LMI1"}, "code"), ({"severities": []}, "severities"), ({"fix": " "}, "fix")],
)
def test_an_incomplete_row_is_refused(change: dict[str, object], column: str):
    with pytest.raises(ValidationError, match=column):
        CodeRow.model_validate(RAW[0] | change)


def test_the_page_of_the_documentation_is_made_from_the_rows():
    again = "python -m lmi_deployer.catalog.codes_page > docs/findings.md"
    assert PAGE.read_text(encoding="utf-8") == page(), f"stale: run `{again}`"


def test_the_page_has_an_anchor_for_every_code():
    headings = re.findall(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {heading.lower() for heading in headings}
    assert [code for code, row in CODES.items() if row.page.partition("#")[2] not in anchors] == []
    assert {code[3] for code in CODES} == set(GROUPS)


def test_the_page_is_printed_by_its_module():
    words = [sys.executable, "-m", "lmi_deployer.catalog.codes_page"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == page()


def test_importing_the_findings_reads_no_rows():
    code = (
        "import sys; from lmi_deployer import findings;"
        "assert not {'pydantic', 'yaml', 'json'} & set(sys.modules);"
        "assert '_rows' not in vars(findings.CODES)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_finding_reads_as_severity_code_place_key_problem_and_fix():
    finding = Finding.error(
        "LMI002", "is not a known key", place=Place("p.yaml", 3, 5), key="a.b", fix="remove it"
    )
    assert str(finding) == ("error[LMI002] p.yaml:3:5: a.b: is not a known key\n  fix: remove it")
    assert finding.text == "a.b: is not a known key\n  fix: remove it"


def test_only_errors_stop_a_deployment():
    place = Place("p.yaml")
    kinds: tuple[Severity, ...] = ("error", "warning", "note")
    found = [Finding(code="LMI201", severity=kind, problem="", place=place) for kind in kinds]
    assert [item.severity for item in errors_among(found)] == ["error"]


@pytest.mark.parametrize(("file", "is_file"), [("a.yaml", True), ("--set", False), ("-", False)])
def test_overrides_and_standard_input_are_no_files(file: str, is_file: bool):
    assert Place(file).is_file == is_file


def test_the_compiled_rows_are_plain_json():
    text = (PACKAGE / "catalog" / "compiled" / "codes.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == list(CODES)
    assert text.isascii()
