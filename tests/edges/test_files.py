"""Files are read with a clear error, and written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lmi_deployer.edges.files import MAX_FILE_BYTES, read_text, write_folder, write_text
from lmi_deployer.errors import InputError


def test_text_is_read_with_or_without_a_byte_order_mark(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: \xc3\xa9")
    assert read_text(path) == "name: \u00e9"


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"a\nb\xff", ":2: is not UTF-8"), (b"x" * (MAX_FILE_BYTES + 1), "is larger than")],
)
def test_what_cannot_be_text_is_refused(tmp_path: Path, content: bytes, problem: str):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_text(path)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_text(tmp_path / "a.yaml")


@pytest.mark.parametrize("name", ["a\0b", "a\ud800"])
def test_a_name_that_no_file_can_have_is_told(name: str):
    with pytest.raises(InputError, match="is no name that a file can have") as told:
        read_text(Path(name))
    assert told.value.problem.isprintable()


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "a.yaml")
    with pytest.raises(InputError, match="is no regular file"):
        read_text(tmp_path / "a.yaml")


def test_what_a_shell_has_open_already_is_read():
    ours, theirs = os.pipe()
    os.write(theirs, b"name: a")
    os.close(theirs)
    try:
        assert read_text(Path(f"/dev/fd/{ours}")) == "name: a"
    finally:
        os.close(ours)


def test_a_file_is_replaced_whole(tmp_path: Path):
    path = tmp_path / "deep" / "a.plan"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert [item.name for item in path.parent.iterdir()] == ["a.plan"]


def test_a_folder_is_written_with_all_its_files(tmp_path: Path):
    target = tmp_path / "bundle"
    write_folder(target, {"model/serving.properties": b"a=b\n", "manifest.json": b"{}"})
    write_folder(target, {"model/serving.properties": b"a=c\n", "manifest.json": b"{}"})
    assert (target / "model/serving.properties").read_bytes() == b"a=c\n"
    assert [item.name for item in tmp_path.iterdir()] == ["bundle"]


def test_the_folder_one_stands_in_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_folder(Path(), {"a": b"1"})
    assert (tmp_path / "here/a").read_bytes() == b"1"
    assert [item.name for item in tmp_path.iterdir()] == ["here"]


def test_a_link_to_a_folder_is_that_folder(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_folder(tmp_path / "link", {"a": b"1"})
    assert (tmp_path / "real/a").read_bytes() == b"1"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_path_cannot_leave_the_folder(tmp_path: Path, path: str):
    with pytest.raises(ValueError, match="must stay below"):
        write_folder(tmp_path / "bundle", {path: b""})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_folder(tmp_path / "file" / "bundle", {"a": b""})
