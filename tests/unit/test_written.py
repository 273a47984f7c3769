"""Folders and files as they lie on a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmi_deployer.lint import Linted, lint, make_target
from lmi_deployer.written import read_written

SETTINGS = "engine=Python\noption.model_id=s3://acme-models/chat/\noption.my_prompt=formal\n"
OWN = "from djl_python import Output\n\n\ndef handle(inputs):\n    return Output()\n"
FORMATTER = (
    "from djl_python import input_formatter\n\n\n@input_formatter\ndef handle_it(x):\n    pass\n"
)
TARGET = make_target("0.30.0", "lmi")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "serving.properties").write_text(SETTINGS)
    return tmp_path


def linted(path: Path) -> Linted:
    return lint(read_written(path, TARGET.facts), TARGET)


def unknown_keys(path: Path) -> list[str]:
    return [finding.key or "" for finding in linted(path).findings if finding.code == "LMI301"]


@pytest.mark.parametrize("name", ["", "serving.properties"], ids=["folder", "file"])
def test_a_model_py_beside_the_file_is_the_handler(folder, name):
    assert unknown_keys(folder / name) == ["option.my_prompt"]
    (folder / "model.py").write_text(OWN)
    assert {finding.severity for finding in linted(folder / name).findings} <= {"note"}
    assert linted(folder / name).handler == "custom"
    assert linted(folder / name).effective["option.entryPoint"] == "model.py"


def test_a_file_of_another_name_is_judged_for_itself(folder):
    (folder / "model.py").write_text(OWN)
    (folder / "other.properties").write_text(SETTINGS)
    assert unknown_keys(folder / "other.properties") == ["option.my_prompt"]


@pytest.mark.parametrize(
    "named",
    [
        {"serving.properties": f"{SETTINGS}option.entryPoint=djl_python.huggingface\n"},
        {"environment": "DJL_ENTRY_POINT=djl_python.huggingface\n"},
        {"environment": "OPTION_ENTRYPOINT=djl_python.huggingface\n"},
    ],
)
def test_a_handler_that_is_named_comes_before_a_model_py(folder, named):
    (folder / "model.py").write_text(OWN)
    for name, text in named.items():
        (folder / name).write_text(text)
    assert unknown_keys(folder) == ["option.my_prompt"]


@pytest.mark.parametrize(
    ("code", "is_handler"),
    [
        (OWN, True),
        ("async def handle(inputs):\n    pass\n", True),
        ("from djl_python.huggingface import *\n", True),
        ("from mine import load, handle\n", True),
        ("from mine import (\n    load,\n    handle,\n)\n", True),
        ("import mine\n\nhandle = mine.serve\n", True),
        (FORMATTER, False),
        ("class Service:\n    def handle(self, inputs):\n        pass\n", False),
        ("# def handle(inputs)\n", False),
        ("handle\n", False),
        ("", False),
    ],
)
def test_a_model_py_without_the_function_only_formats(folder, code, is_handler):
    (folder / "model.py").write_text(code)
    assert (linted(folder).handler == "custom") is is_handler


def test_the_function_has_the_name_that_the_file_gives_it(folder):
    (folder / "model.py").write_text(OWN.replace("handle", "serve"))
    assert linted(folder).handler != "custom"
    with (folder / "serving.properties").open("a") as file:
        file.write("option.handler=serve\n")
    assert linted(folder).handler == "custom"
