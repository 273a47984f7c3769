"""SARIF reports: the form that SARIF 2.1.0 and code scanning ask for, whatever is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_deployer import __version__, sarif
from lmi_deployer.findings import CODES, Finding, Place, Severity

ERROR = Finding.error(
    "LMI201",
    "is 8, but ml.g5.12xlarge has 4 GPUs",
    place=Place("profiles/chat.yaml", 12, 29),
    key="tensor_parallel_degree",
    fix="4 here",
)


def thing(required: str, optional: str = "", **properties: Any) -> dict[str, Any]:
    """JSON Schema of an object with exactly these members, each of them text unless said."""
    names = [*required.split(), *optional.split()]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": {name: properties.get(name, {"type": "string"}) for name in names},
    }


def items(of: dict[str, Any], fewest: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": fewest}


COUNT = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = thing("text")
REGION = thing("startLine", "startColumn", startLine=COUNT, startColumn=COUNT)
PHYSICAL = thing(
    "artifactLocation", "region", artifactLocation=thing("uri", "uriBaseId"), region=REGION
)
RESULT = thing(
    "ruleId ruleIndex level message properties",
    "locations",
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=MESSAGE,
    properties=thing("", "key fix"),
    locations=items(thing("physicalLocation", physicalLocation=PHYSICAL), fewest=1),
)
RULE = thing(
    "id shortDescription fullDescription help defaultConfiguration properties",
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=thing("text markdown"),
    defaultConfiguration=thing("level", level=LEVEL),
    properties=thing("problem.severity page"),
)
DRIVER = thing("name version semanticVersion rules", rules=items(RULE, fewest=1))
RUN = thing(
    "tool automationDetails columnKind originalUriBaseIds results",
    tool=thing("driver", driver=DRIVER),
    automationDetails=thing("id"),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    originalUriBaseIds={"type": "object", "additionalProperties": {"type": "object"}},
    results=items(RESULT),
)
DOCUMENT = thing("$schema version runs", version={"const": "2.1.0"}, runs=items(RUN, fewest=1))
"""The part of the standard's schema that a report of ours can use, member by member."""


def report(*findings: Finding) -> dict[str, Any]:
    """The one run of a report, after it was checked and went through JSON."""
    document = json.loads(json.dumps(sarif.document(findings)))
    jsonschema.validate(document, DOCUMENT)
    (run,) = document["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    return dict(run)


def located(file: str, line: int = 0, column: int = 0) -> dict[str, Any]:
    """The physical location of a finding in a file."""
    place = Place(file, line, column)
    (result,) = report(Finding.error("LMI001", "x", place=place, fix=None))["results"]
    (location,) = result["locations"]
    return dict(location["physicalLocation"])


def test_a_finding_becomes_a_result_with_its_place():
    (result,) = report(ERROR)["results"]
    assert result["ruleId"] == "LMI201"
    assert result["level"] == "error"
    assert result["message"]["text"] == (
        "tensor_parallel_degree: is 8, but ml.g5.12xlarge has 4 GPUs\n  fix: 4 here"
    )
    assert result["properties"] == {"key": "tensor_parallel_degree", "fix": "4 here"}
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "profiles/chat.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 12, "startColumn": 29},
            }
        }
    ]


def test_every_code_is_a_rule_of_the_tool():
    driver = report()["tool"]["driver"]
    assert [rule["id"] for rule in driver["rules"]] == list(CODES)
    assert (driver["name"], driver["version"]) == ("lmi-deploy", __version__)
    rule = driver["rules"][list(CODES).index("LMI107")]
    assert rule["defaultConfiguration"] == {"level": "note"}
    assert rule["properties"] == {
        "problem.severity": "recommendation",
        "page": "docs/findings.md#lmi107",
    }
    assert CODES["LMI107"].fix in rule["help"]["markdown"]


@pytest.mark.parametrize("severity", ["error", "warning", "note"])
def test_a_severity_is_a_level_of_sarif(severity: Severity):
    finding = Finding(code="LMI201", severity=severity, problem="x", place=Place("a.yaml"))
    assert report(finding)["results"][0]["level"] == severity


def test_nothing_found_is_a_report_without_results():
    assert report()["results"] == []


def test_the_same_finding_is_reported_once():
    assert len(report(ERROR, ERROR)["results"]) == 1


def test_what_stands_on_the_command_line_has_no_place_in_a_file():
    (result,) = report(Finding.error("LMI003", "x", place=Place("--set"), fix=None))["results"]
    assert "locations" not in result
    assert result["properties"] == {}


@pytest.mark.parametrize(
    ("line", "column", "region"),
    [(0, 0, None), (7, 0, {"startLine": 7}), (7, 2, {"startLine": 7, "startColumn": 2})],
)
def test_a_place_says_no_more_than_is_known(line: int, column: int, region: object):
    assert located("a.yaml", line, column).get("region") == region


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b.yaml", "a%20b.yaml"),
        ("./x/100%.yaml", "x/100%25.yaml"),
        ("a#b?.yaml", "a%23b%3F.yaml"),
        ("c:odd.yaml", "c%3Aodd.yaml"),
        ("\u00e4.yaml", "%C3%A4.yaml"),
    ],
)
def test_an_address_is_relative_and_escaped(file: str, uri: str):
    assert located(file)["artifactLocation"] == {"uri": uri, "uriBaseId": "%SRCROOT%"}


def test_a_file_outside_the_repository_has_an_absolute_address(tmp_path: Path):
    address = located(str(tmp_path / "a b.yaml"))["artifactLocation"]
    assert address == {"uri": (tmp_path / "a b.yaml").as_uri()}
    assert address["uri"].startswith("file:///")


def test_two_commands_keep_their_results_apart():
    identities = {
        sarif.document([], command=command)["runs"][0]["automationDetails"]["id"]
        for command in ("validate", "lint")
    }
    assert identities == {"lmi-deploy/validate/", "lmi-deploy/lint/"}


names = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1).filter(
    lambda name: name not in {".", ".."} and not name.startswith("-")
)
found = st.builds(
    Finding,
    code=st.sampled_from(sorted(CODES)),
    severity=st.sampled_from(["error", "warning", "note"]),
    problem=st.text(min_size=1),
    place=st.builds(Place, names, st.integers(0, 9), st.integers(0, 9)),
    key=st.none() | st.text(),
    fix=st.none() | st.text(),
)


@settings(deadline=None)  # the first run reads the codes
@given(st.lists(found, max_size=4))
def test_whatever_is_found_makes_valid_results_each_once(findings: list[Finding]):
    results = json.loads(json.dumps(sarif.document(findings)))["runs"][0]["results"]
    jsonschema.validate(results, items(RESULT))
    assert len(results) == len(set(findings))
    files = [item["locations"][0]["physicalLocation"]["artifactLocation"] for item in results]
    for address, finding in zip(files, dict.fromkeys(findings), strict=True):
        parts = urlsplit(address["uri"])
        assert (parts.scheme, parts.query, parts.fragment) == ("", "", "")
        assert unquote(parts.path) == finding.place.file
