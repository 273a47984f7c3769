"""Rendered files kept in a repository: written, and checked against the profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.specs import PROFILE

FILE = Path("rendered/chat/g5/model/serving.properties")
SECOND = """\
  g5-12x:
    extends: g5
    instance_type: ml.g5.12xlarge
"""


def test_a_tree_holds_a_folder_for_each_profile_and_hardware_profile(lmi: Command):
    Path("profiles/chat.yaml").write_text(PROFILE + SECOND)
    Path("profiles/talk.yaml").write_text(PROFILE.replace("name: chat", "name: talk"))
    done = lmi("render", "--tree", "rendered")
    assert (done.status, done.out) == (0, "")
    found = {str(path) for path in Path("rendered").glob("*/*/model/serving.properties")}
    assert found == {
        f"rendered/{name}/model/serving.properties"
        for name in ("chat/g5", "chat/g5-12x", "talk/g5")
    }
    assert FILE.read_text() == lmi("render", "chat", "-p", "g5").out


def test_a_tree_that_is_current_passes_and_is_left_as_it_is(lmi: Command):
    lmi("render", "--tree", "rendered")
    before = FILE.stat()
    done = lmi("render", "--tree", "rendered", "--check")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert FILE.stat() == before


def test_what_is_not_current_is_named_with_the_lines_that_differ(lmi: Command):
    lmi("render", "--tree", "rendered")
    Path("profiles/chat.yaml").write_text(f"{PROFILE}    max_rolling_batch_size: 4\n")
    done = lmi("render", "--tree", "rendered", "--check")
    assert done.status == 3
    assert f"{FILE}: differs\n" in done.out
    assert "  +option.max_rolling_batch_size=4\n" in done.out
    assert "lmi-deploy render --tree rendered" in done.err
    assert lmi("render", "--tree", "rendered").status == 0
    assert lmi("render", "--tree", "rendered", "--check").status == 0


def test_missing_files_and_those_of_profiles_that_are_gone_are_not_current(lmi: Command):
    Path("profiles/talk.yaml").write_text(PROFILE.replace("name: chat", "name: talk"))
    lmi("render", "--tree", "rendered")
    FILE.unlink()
    Path("profiles/talk.yaml").unlink()
    done = lmi("render", "--tree", "rendered", "--check")
    assert done.status == 3
    assert f"{FILE}: missing" in done.out
    assert "rendered/talk/g5/manifest.json: left over" in done.out
    lmi("render", "--tree", "rendered")
    assert not Path("rendered/talk").exists()


def test_a_hardware_profile_that_is_gone_leaves_nothing_behind(lmi: Command):
    Path("profiles/chat.yaml").write_text(PROFILE + SECOND)
    lmi("render", "--tree", "rendered")
    Path("profiles/chat.yaml").write_text(PROFILE)
    assert lmi("render", "--tree", "rendered", "--check").status == 3
    lmi("render", "--tree", "rendered")
    assert [path.name for path in Path("rendered/chat").iterdir()] == ["g5"]


def test_named_models_leave_the_others_of_a_tree_alone(lmi: Command):
    Path("profiles/talk.yaml").write_text(PROFILE.replace("name: chat", "name: talk"))
    lmi("render", "--tree", "rendered")
    Path("rendered/talk/g5/manifest.json").write_text("{}")
    assert lmi("render", "chat", "--tree", "rendered", "--check").status == 0
    assert lmi("render", "talk", "--tree", "rendered", "--check").status == 3


def test_files_of_somebody_else_are_never_removed(lmi: Command):
    lmi("render", "--tree", "rendered")
    Path("rendered/chat/notes.txt").write_text("keep")
    refused = lmi("render", "--tree", "rendered")
    assert refused.status == 2
    assert "holds other files: notes.txt" in refused.err
    assert Path("rendered/chat/notes.txt").read_text() == "keep"


def test_a_link_in_a_tree_is_refused_and_not_followed(lmi: Command, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.write_text("keep")
    lmi("render", "--tree", "rendered")
    FILE.unlink()
    FILE.symlink_to(outside)
    assert lmi("render", "--tree", "rendered").status == 2
    assert outside.read_text() == "keep"


def test_nothing_is_written_where_one_folder_cannot_be(lmi: Command):
    Path("profiles/talk.yaml").write_text(PROFILE.replace("name: chat", "name: talk"))
    lmi("render", "--tree", "rendered")
    Path("rendered/talk/notes.txt").write_text("keep")
    Path("profiles/chat.yaml").write_text(f"{PROFILE}    max_rolling_batch_size: 4\n")
    before = FILE.read_bytes()
    assert lmi("render", "--tree", "rendered").status == 2
    assert FILE.read_bytes() == before


def test_folders_that_hold_nothing_rendered_are_left_alone(lmi: Command):
    Path("empty").mkdir()
    assert lmi("render", "--tree", ".").status == 0
    assert {path.name for path in Path().iterdir()} >= {"profiles", "empty", "chat"}
    assert lmi("render", "--tree", ".", "--check").status == 0


def test_a_linked_folder_is_refused_and_nothing_behind_it_goes(lmi: Command, tmp_path: Path):
    lmi("render", "--tree", "rendered")
    outside = Path("rendered/chat").rename(tmp_path / "outside")
    Path("rendered/chat").symlink_to(outside)
    Path("profiles/chat.yaml").write_text(PROFILE.replace("name: chat", "name: talk"))
    refused = lmi("render", "--tree", "rendered")
    assert refused.status == 2
    assert "rendered/chat is a link" in refused.err
    assert (outside / "g5/manifest.json").is_file()


def test_what_somebody_wrote_into_a_tree_cannot_move_the_cursor(lmi: Command):
    lmi("render", "--tree", "rendered")
    FILE.write_text("a\x1b[2J\n")
    (FILE.parent / "b\x1b[2J").touch()
    out = lmi("render", "chat", "--tree", "rendered", "--check")
    assert "  -a\\x1b[2J\n" in out.out
    assert "/b\\x1b[2J: left over\n" in out.out
    assert "2 files; fix: lmi-deploy render chat --tree rendered" in out.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--check", "chat"),
        ("--tree", "rendered", "--out", "x", "chat"),
        ("--tree", "rendered", "-p", "g5", "chat"),
        ("--tree", "rendered", "--format", "env"),
        ("chat", "chat"),
        (),
    ],
)
def test_options_that_do_not_belong_together_are_refused(lmi: Command, arguments: tuple[str, ...]):
    assert lmi("render", *arguments).status == 2
    assert not Path("rendered").exists()


def test_two_files_of_one_profile_name_are_refused(lmi: Command):
    Path("profiles/again.yaml").write_text(PROFILE)
    refused = lmi("render", "--tree", "rendered")
    assert refused.status == 2
    assert "two profiles are called chat" in refused.err
