from __future__ import annotations

from pathlib import Path

import pytest

from lmi_deployer.diffing.operands import (
    FORMS,
    BundleFolder,
    BundleTree,
    File,
    Folder,
    Git,
    Live,
    SavedPlan,
    parse,
)
from lmi_deployer.errors import InputError
from lmi_deployer.resources import data_folder


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("profiles").mkdir()
    Path("profiles/chat.yaml").write_text("name: chat\n", encoding="utf-8")


def test_a_file_is_a_file_and_may_name_one_hardware_profile():
    path = Path("profiles/chat.yaml")
    assert parse("profiles/chat.yaml") == File(path=path)
    assert parse("profiles/chat.yaml#g5") == File(path=path, hardware="g5")


def test_the_name_of_a_profile_is_its_file():
    assert parse("chat") == File(path=Path("profiles/chat.yaml"))
    assert parse("chat#g5") == File(path=Path("profiles/chat.yaml"), hardware="g5")
    shipped = data_folder("profiles") / "llama2-70b.yaml"
    assert parse("llama2-70b#p4d") == File(path=shipped, hardware="p4d", is_shipped=True)
    assert parse(str(shipped)) == File(path=shipped)


def test_a_path_that_exists_goes_before_a_name():
    Path("chat").mkdir()
    assert parse("chat") == Folder(path=Path("chat"))
    Path("odd#name.yaml").write_text("name: odd\n", encoding="utf-8")
    assert parse("odd#name.yaml") == File(path=Path("odd#name.yaml"))
    assert parse("odd#name.yaml#g5") == File(path=Path("odd#name.yaml"), hardware="g5")


def test_live_is_what_runs_and_a_folder_of_that_name_is_written_as_a_path():
    Path("live").mkdir()
    assert parse("live") == Live()
    assert parse("./live") == Folder(path=Path("live"))


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("git:main", Git(revision="main")),
        ("git:origin/main", Git(revision="origin/main")),
        ("git:HEAD~2", Git(revision="HEAD~2")),
        ("git:main:profiles", Git(revision="main", path="profiles")),
        ("git:main:a b/c.yaml#g5", Git(revision="main", path="a b/c.yaml", hardware="g5")),
        ("git:main:./c.yaml", Git(revision="main", path="./c.yaml")),
        ("git:main@{2024-05-01 12:00}:x", Git(revision="main@{2024-05-01 12:00}", path="x")),
        ("git:HEAD^{/fix: it}", Git(revision="HEAD^{/fix: it}")),
    ],
)
def test_a_revision_is_taken_with_and_without_a_path(text, operand):
    assert parse(text) == operand


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("git:", "names no revision"),
        ("git::profiles", "names no revision"),
        ("git:main:", "names no path"),
        ("git:--output=x", "is no git revision"),
        ("", "names nothing"),
        ("a\nb", "names nothing"),
        ("#g5", "not of the form FILE#HARDWARE"),
        ("chat#", "not of the form FILE#HARDWARE"),
        ("profiles#g5", "is a folder"),
        ("none.yaml", "there is no file"),
        ("x" * 5000, "there is no"),
    ],
)
def test_what_names_nothing_says_what_is_allowed(text, problem):
    with pytest.raises(InputError, match=problem) as raised:
        parse(text)
    assert raised.value.fix


@pytest.mark.parametrize(("text", "near"), [("chta", "chat"), ("lve", "live")])
def test_a_misspelt_word_offers_the_nearest_and_names_the_forms(text, near):
    with pytest.raises(InputError) as raised:
        parse(text)
    assert raised.value.fix == f"did you mean {near!r}? ({FORMS})"


def test_a_saved_plan_is_known_by_its_first_character_whatever_it_is_called():
    Path("approved").write_text('\n {"schema_version": 3}\n', encoding="utf-8")
    assert parse("approved") == SavedPlan(path=Path("approved"))
    Path("json.yaml").write_text('{"name": "chat"}\n', encoding="utf-8")
    assert parse("json.yaml") == File(path=Path("json.yaml"))


def test_a_folder_with_what_would_be_uploaded_is_a_bundle():
    Path("out/model").mkdir(parents=True)
    assert parse("out") == Folder(path=Path("out"))
    Path("out/model/serving.properties").write_text("engine=MPI\n", encoding="utf-8")
    assert parse("out") == BundleFolder(path=Path("out"))


@pytest.mark.parametrize("folders", [("g5", "p4d"), ("chat/g5", "talk/g5"), ("chat/g5", "p4d")])
def test_a_folder_of_bundles_is_known_by_what_is_in_it(folders):
    for name in folders:
        model = Path("rendered") / name / "model"
        model.mkdir(parents=True)
        (model / "serving.properties").write_text("engine=MPI\n", encoding="utf-8")
    bundles = tuple(Path("rendered") / name for name in folders)
    assert parse("rendered") == BundleTree(path=Path("rendered"), bundles=bundles)
    Path("rendered/chat.yaml").write_text("name: chat\n", encoding="utf-8")
    assert parse("rendered") == Folder(path=Path("rendered"))
