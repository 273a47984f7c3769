"""docs/failure-modes.md says of each failure mode what catches it, and the tests here prove it."""

from __future__ import annotations

import re
from pathlib import Path

from lmi_deployer import catalog

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "failure-modes.md"
TESTS = "".join(path.read_text("utf-8") for path in HERE.glob("test_*modes.py"))


def rows() -> dict[int, list[str]]:
    """Number of each failure mode on the page: symptom, cause, what catches it."""
    table = re.findall(r"^\| (\d+) \|(.+)\|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {int(number): [cell.strip() for cell in cells.split("|")] for number, cells in table}


def test_the_page_tells_of_every_failure_mode_what_catches_it_or_why_nothing_can():
    assert list(rows()) == list(range(1, 30))
    assert all(cell for cells in rows().values() for cell in cells)


def test_every_code_on_the_page_leads_to_its_section():
    codes = set(catalog.raw_rows("codes"))
    page = PAGE.read_text("utf-8")
    linked = re.findall(r"\[(LMI\d{3})\]\(findings\.md#(lmi\d{3})\)", page)
    assert linked
    assert all(code in codes and code.lower() == anchor for code, anchor in linked)
    assert len(linked) == len(re.findall(r"LMI\d{3}\b", page))


def test_every_failure_mode_that_something_catches_has_a_test_of_its_number():
    names = re.findall(r"^def (test_[\d_]+)", TESTS, re.MULTILINE)
    tested = {int(number) for name in names for number in re.findall(r"\d\d", name)}
    caught = {number for number, cells in rows().items() if "LMI" in cells[-1]}
    assert sorted(caught - tested) == []
