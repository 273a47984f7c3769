"""Both sides of a comparison out of real git repositories, sound, broken and hostile."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from lmi_deployer.diffing import reading_profiles
from lmi_deployer.diffing.comparison import Comparison
from lmi_deployer.diffing.operands import File, parse
from lmi_deployer.diffing.reading import Asked, Sides, read
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import MergedProfile
from tests.edges.git_repositories import GitRepository, isolated
from tests.specs import PROFILE

CHAT = "profiles/chat.yaml"
LOCK = "profiles/lmi.lock"
TWO = PROFILE + "  p4d: {extends: g5, instance_type: ml.p4d.24xlarge}\n"
UNLIKE = PROFILE.replace("chat", "new").replace("\n", "  # unlike the others\n")
"""A profile that no other one was renamed to."""
SECRET = "hf_abcdefghijklmnopqrstuvwx"


def with_batch(batch: int, text: str = PROFILE) -> str:
    return text.replace(
        "profiles:\n", f"defaults: {{max_rolling_batch_size: {batch}}}\nprofiles:\n"
    )


def named(name: str, text: str = PROFILE) -> str:
    return text.replace("name: chat", f"name: {name}")


def lock_of(*models: str, bytes_of: int = 13_000_000_000) -> str:
    """A lock whose facts of the models are those of a Llama 2 7B."""
    config = {
        "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32,
        "num_hidden_layers": 32, "intermediate_size": 11008, "vocab_size": 32000,
        "max_position_embeddings": 4096, "torch_dtype": "float16",
    }  # fmt: skip
    rows = [
        {
            "id": model, "requested": "main", "commit": "a" * 40, "facts_from": "hub",
            "checked": "2024-05-01", "config": config,
            "weights": {"safetensors": {"bytes": bytes_of, "files": 2}},
        }
        for model in models
    ]  # fmt: skip
    return json.dumps({"lock_version": 1, "models": rows})


MODEL = "TheBloke/Llama-2-7B-fp16"


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch):
    isolated(monkeypatch)


@pytest.fixture
def made(tmp_path, monkeypatch) -> GitRepository:
    """A branch `change` that has not left `main` yet, checked out."""
    repository = GitRepository(tmp_path / "repository")
    repository.commit({CHAT: PROFILE, "profiles/other.yaml": named("other")})
    repository.branch("change")
    monkeypatch.chdir(repository.folder)
    return repository


def sides_of(*words: str, **asked: object) -> Sides:
    operands = [parse(word) for word in words]
    a, b = (*operands, None, None)[:2]
    return read(a, b, Asked(region="us-east-1", **asked))  # type: ignore[arg-type]


def compared(*words: str, **asked: object) -> Comparison:
    return sides_of(*words, **asked).compared()


def told(comparison: Comparison) -> dict[str, str]:
    return {f"{item.file}#{item.hardware}": item.status for item in comparison.profiles}


def changed_keys(comparison: Comparison) -> set[str]:
    return {change.key for item in comparison.profiles for change in item.changes}


def test_a_work_tree_like_the_branch_it_came_from_has_no_differences(made):
    comparison = compared()
    assert not comparison.is_changed
    assert comparison.unchanged_files == 2
    assert comparison.before.startswith("main (")
    assert comparison.after == "work tree"


def test_by_default_the_merge_base_is_compared_with_the_work_tree(made):
    base = made.git("rev-parse", "--short=8", "HEAD")
    made.commit({CHAT: with_batch(4)})
    made.git("checkout", "--quiet", "main")
    made.commit({"profiles/other.yaml": with_batch(4, named("other"))})
    made.git("checkout", "--quiet", "change")
    tip = made.git("rev-parse", "--short=8", "main")
    comparison = compared()
    assert comparison.before == f"merge base of main ({base})"
    assert told(comparison) == {f"{CHAT}#g5": "changed"}
    assert comparison.notes == (f"main is at {tip}; it parted from HEAD at {base}",)
    assert told(compared("git:main")) == told(comparison)
    assert told(compared("git:main", "git:change")) == told(comparison)
    exact = compared("git:main", exact=True)
    assert exact.before == f"main ({tip})"
    assert told(exact) == {f"{CHAT}#g5": "changed", "profiles/other.yaml#g5": "changed"}


def test_uncommitted_and_new_files_are_compared_and_ignored_ones_are_not(made):
    made.write(".gitignore", "scratch*\n")
    made.write("profiles/scratch.yaml", named("scratch"))
    made.write("profiles/new.yaml", UNLIKE)
    made.write(CHAT, with_batch(4))
    (made.folder / "profiles/other.yaml").unlink()
    comparison = compared()
    assert told(comparison) == {
        f"{CHAT}#g5": "changed",
        "profiles/new.yaml#g5": "added",
        "profiles/other.yaml#g5": "removed",
    }
    assert not comparison.notes


def test_what_is_not_committed_is_named_where_commits_are_compared_as_well(made):
    made.commit({CHAT: with_batch(4)})
    assert not compared().notes
    made.write("profiles/other.yaml", with_batch(4, named("other")))
    made.write("profiles/new.yaml", UNLIKE)
    told_of = "not committed yet: profiles/new.yaml, profiles/other.yaml"
    assert compared().notes == (told_of,)
    assert compared("profiles/new.yaml").notes == ("not committed yet: profiles/new.yaml",)
    assert not compared(CHAT).notes
    assert not compared("git:HEAD").notes


def test_a_file_that_is_named_is_compared_though_git_ignores_it(made):
    made.write(".gitignore", "scratch*\n")
    made.write("profiles/scratch.yaml", named("scratch"))
    assert told(compared("profiles/scratch.yaml")) == {"profiles/scratch.yaml#g5": "added"}


def test_files_that_swapped_their_names_have_no_effective_change(made):
    for old, new in ((CHAT, "x"), ("profiles/other.yaml", CHAT), ("x", "profiles/other.yaml")):
        made.git("mv", old, new)
    comparison = compared("git:HEAD")
    assert set(told(comparison).values()) == {"equal"}
    assert {(item.title, item.file_before) for item in comparison.profiles} == {
        ("chat / g5", CHAT),
        ("other / g5", "profiles/other.yaml"),
    }
    made.write(CHAT, with_batch(4, named("other")))
    assert told(compared("git:HEAD"))[f"{CHAT}#g5"] == "changed"
    assert changed_keys(compared("git:HEAD")) == {"max_rolling_batch_size"}


def test_a_profile_whose_path_a_new_one_took_is_followed(made):
    made.git("mv", CHAT, "profiles/talk.yaml")
    made.write(CHAT, UNLIKE)
    comparison = compared()
    assert told(comparison) == {"profiles/talk.yaml#g5": "equal", f"{CHAT}#g5": "added"}


@pytest.mark.parametrize("staged", [True, False])
def test_a_renamed_file_with_changes_is_one_pair(made, staged):
    made.write("profiles/talk.yaml", with_batch(4))
    (made.folder / CHAT).unlink()
    if staged:
        made.git("add", "--all")
    comparison = compared()
    assert told(comparison) == {"profiles/talk.yaml#g5": "changed"}
    assert comparison.profiles[0].file_before == CHAT
    assert changed_keys(comparison) == {"max_rolling_batch_size"}


def test_renames_agree_with_those_that_git_finds(made):
    made.git("mv", CHAT, "profiles/talk.yaml")
    made.git("mv", "profiles/other.yaml", "profiles/another.yaml")
    made.commit({"profiles/talk.yaml": with_batch(2), "profiles/fresh.yaml": "name: fresh\n"})
    lines = made.git("diff", "-M", "--name-status", "main", "change").splitlines()
    by_git = {tuple(line.split("\t")[1:]) for line in lines if line.startswith("R")}
    comparison = compared("git:main", "git:change")
    assert {(item.file_before, item.file) for item in comparison.profiles} == by_git


def test_a_folder_that_moved_is_followed(made):
    made.git("mv", "profiles", "models")
    made.commit({"models/chat.yaml": with_batch(4)})
    comparison = compared("git:main", "models")
    assert told(comparison) == {"models/chat.yaml#g5": "changed", "models/other.yaml#g5": "equal"}
    assert comparison.profiles[0].file_before == CHAT


def test_files_elsewhere_are_nobodys_business(made):
    made.commit({"docs/example.yaml": named("example"), "compose.yaml": "services: {}\n"})
    (made.folder / "docs/example.yaml").unlink()
    assert not compared("git:change").is_changed


def test_profiles_at_the_top_of_a_repository_are_told_from_other_files(tmp_path, monkeypatch):
    made = GitRepository(tmp_path / "flat")
    made.commit({"chat.yaml": PROFILE, "compose.yaml": "services: {}\n"})
    monkeypatch.chdir(made.folder)
    made.write("chat.yaml", with_batch(4))
    made.write("compose.yaml", "services: {a: {}}\n")
    comparison = compared()
    assert told(comparison) == {"chat.yaml#g5": "changed"}
    assert not comparison.unread


def test_from_a_folder_inside_names_are_from_the_top_as_git_has_them(made, monkeypatch):
    made.write(CHAT, with_batch(4))
    monkeypatch.chdir(made.folder / "profiles")
    for words in ((), ("git:main:./chat.yaml",), ("git:main:profiles/chat.yaml",), ("chat.yaml",)):
        assert told(compared(*words)) == {f"{CHAT}#g5": "changed"}
    with pytest.raises(InputError) as raised:
        compared("git:main:chat.yaml")
    assert "'./chat.yaml'" in str(raised.value.fix)


def test_a_path_from_the_root_of_the_disk_is_one_of_the_repository(made):
    made.write(CHAT, with_batch(4))
    assert told(compared(f"git:main:{made.folder.resolve()}/{CHAT}")) == {f"{CHAT}#g5": "changed"}


@pytest.mark.parametrize("path", ["../../etc", "/etc/passwd", "profiles/../../x"])
def test_a_path_cannot_leave_the_repository(made, path):
    with pytest.raises(InputError, match="leads out of the repository"):
        compared(f"git:main:{path}")


def test_a_path_that_is_not_there_names_the_nearest(made):
    with pytest.raises(InputError, match=r"there is no profiles/cat\.yaml at main") as raised:
        compared("git:main:profiles/cat.yaml")
    assert raised.value.fix == "did you mean 'profiles/chat.yaml'?"


def test_one_file_at_a_revision_is_followed_to_the_name_that_it_has_now(made):
    made.git("mv", CHAT, "profiles/talk.yaml")
    made.write("profiles/talk.yaml", with_batch(4))
    made.write("profiles/other.yaml", with_batch(4, named("other")))
    assert told(compared(f"git:main:{CHAT}")) == {"profiles/talk.yaml#g5": "changed"}
    assert told(compared("profiles/talk.yaml")) == {"profiles/talk.yaml#g5": "changed"}
    assert told(compared(f"git:main:{CHAT}", "profiles/other.yaml")) == {
        "profiles/other.yaml#g5": "changed"
    }


def test_two_hardware_profiles_are_just_that_pair(made):
    made.write(CHAT, TWO)
    comparison = compared(f"{CHAT}#g5", f"{CHAT}#p4d")
    assert told(comparison) == {f"{CHAT}#p4d": "changed"}
    assert comparison.profiles[0].file_before == f"{CHAT}#g5"
    assert "instance_type" in changed_keys(comparison)


def test_two_files_are_paired_by_hardware_profile_whatever_they_are_called(made, tmp_path):
    (tmp_path / "copy.yaml").write_text(with_batch(4, named("copy", TWO)), encoding="utf-8")
    comparison = compared(CHAT, str(tmp_path / "copy.yaml"))
    statuses = {item.hardware: item.status for item in comparison.profiles}
    assert statuses == {"g5": "changed", "p4d": "added"}


def test_folders_outside_of_git_are_compared_by_file_then_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for folder, files in (
        ("old", {"a.yaml": named("a"), "b.yaml": named("b"), "gone.yaml": named("gone", TWO)}),
        ("new", {"a.yaml": named("a"), "c.yaml": with_batch(4, named("b"))}),
    ):
        for name, text in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    comparison = compared("old", "new")
    assert comparison.unchanged_files == 1
    statuses = {item.title: item.status for item in comparison.profiles}
    assert statuses == {"b / g5": "changed", "gone / g5": "removed", "gone / p4d": "removed"}


def test_hardware_profiles_can_be_chosen_and_a_misspelt_one_is_said(made):
    made.write(CHAT, with_batch(4, TWO))
    assert told(compared(hardware=("p4d",))) == {f"{CHAT}#p4d": "added"}
    assert len(told(compared(hardware=("all",)))) == 2
    with pytest.raises(InputError) as raised:
        compared(f"{CHAT}#p4e")
    assert raised.value.fix == "did you mean 'p4d'?"


@pytest.mark.parametrize("text", [TWO, with_batch(4, TWO)], ids=["the same", "changed"])
@pytest.mark.parametrize(
    ("words", "hardware"),
    [
        ((), ("p4e",)),
        ((), ("g5", "p4e")),
        (("git:main", "git:change"), ("p4e",)),
        ((f"{CHAT}#p4e",), ()),
        ((f"{CHAT}#p4e", "profiles/other.yaml"), ()),
        (("profiles/other.yaml", CHAT), ("p4e",)),
        ((CHAT, CHAT), ("p4e",)),
        ((f"{CHAT}#p4e", CHAT), ()),
        (("profiles", "profiles"), ("p4e",)),
    ],
)
def test_a_hardware_profile_that_is_nowhere_is_an_error_whatever_differs(
    made, text, words, hardware
):
    made.commit({CHAT: TWO})
    made.git("branch", "--force", "main")
    made.commit({CHAT: text})
    with pytest.raises(InputError, match="no hardware profile 'p4e'") as raised:
        compared(*words, hardware=hardware)
    assert raised.value.fix == "did you mean 'p4d'?"


def test_a_hardware_profile_of_files_that_are_the_same_is_told_to_be_there(made):
    made.commit({CHAT: TWO})
    made.git("branch", "--force", "main")
    made.write("profiles/other.yaml", with_batch(4, named("other")))
    comparison = compared(hardware=("p4d",))
    assert not comparison.profiles
    assert comparison.notes == ("no file that differs has a hardware profile p4d",)
    assert not compared(f"{CHAT}#p4d").notes


def test_a_hardware_profile_may_be_in_what_cannot_be_read(made):
    made.write(CHAT, "name: [")
    assert compared(hardware=("p4e",)).unread
    made.commit()
    made.git("branch", "--force", "main")
    made.write(CHAT, "p4e: [")
    made.commit()
    made.git("branch", "--force", "main")
    assert not compared(hardware=("p4e",)).unread


def test_overrides_are_of_the_later_side_and_reach_files_that_nobody_touched(made):
    comparison = compared(overrides=("max_rolling_batch_size=4",))
    assert told(comparison) == {f"{CHAT}#g5": "changed", "profiles/other.yaml#g5": "changed"}
    assert {change.cause for item in comparison.profiles for change in item.changes} == {"override"}
    with pytest.raises(ProfileError, match="--set"):
        compared(overrides=("max_rolling_batch_sice=4",))


# What cannot be read


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name: \xff\n", "is not UTF-8 text"),
        (b"\0\1\2" * 99, "is binary"),
        (b"#" * 5_000_000, "is larger than"),
        (b"name: [\n", "is not valid YAML"),
        (b"apiVersion: lmi-deploy/v0\nname: chat\n", "this lmi-deploy reads"),
        (PROFILE.encode() + b"bogus: 1\n", "bogus"),
    ],
)
@pytest.mark.parametrize("committed", [True, False])
def test_what_cannot_be_understood_is_told_and_the_rest_is_compared(
    made, content, problem, committed
):
    made.write(CHAT, content)
    if committed:
        made.commit()
        made.write(CHAT, PROFILE)
    made.write("profiles/other.yaml", with_batch(4, named("other")))
    comparison = compared("git:change" if committed else "git:main")
    [unread] = comparison.unread
    assert (unread.name, unread.side) == (CHAT, "before" if committed else "after")
    assert problem in str(unread.findings[0])
    assert told(comparison) == {"profiles/other.yaml#g5": "changed"}
    is_text = problem not in {"is not UTF-8 text", "is binary", "is larger than"}
    assert bool(unread.text_diff) == is_text


def test_a_file_that_is_broken_on_both_sides_is_told_once_for_each(made):
    made.commit({CHAT: "name: [\n"})
    made.write(CHAT, "name: {\n")
    assert [item.side for item in compared("git:change").unread] == ["before", "after"]


def test_no_secret_of_a_broken_file_is_shown(made):
    made.write(CHAT, PROFILE + f"environment: {{TOKEN: {SECRET}}}\nhf_token: plain-secret\n")
    [unread] = compared().unread
    text = "\n".join([*unread.text_diff, *map(str, unread.findings)])
    assert unread.text_diff
    assert SECRET not in text
    assert "plain-secret" not in text


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_link_out_of_the_repository_is_not_followed(made, side, tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text(named("stolen"), encoding="utf-8")
    (made.folder / CHAT).unlink()
    (made.folder / CHAT).symlink_to(secret)
    if side == "before":
        made.commit()
        (made.folder / CHAT).unlink()
        made.write(CHAT, PROFILE)
    comparison = compared("git:change" if side == "before" else "git:main")
    [unread] = comparison.unread
    assert unread.side == side
    assert "is a symbolic link that leads out of the repo" in unread.findings[0].problem
    assert "stolen" not in str(comparison)


LINK = "profiles/sym.yaml"
LINKED = "other/new.yaml"


@pytest.fixture
def linked(made: GitRepository) -> GitRepository:
    """A profile that is a link to a file of another folder, by way of a link to that folder."""
    made.write(LINKED, named("new"))
    (made.folder / "way").symlink_to("other")
    (made.folder / LINK).symlink_to("../way/new.yaml")
    made.commit()
    return made


@pytest.mark.parametrize("words", [(), ("git:HEAD",), ("git:HEAD~1", "git:HEAD"), (LINK,)])
def test_a_link_is_compared_by_what_it_leads_to(linked, words):
    linked.git("branch", "--force", "main")
    linked.write(LINKED, with_batch(4, named("new")))
    if len(words) != 1:
        linked.commit()
    comparison = compared(*words)
    assert told(comparison) == {f"{LINK}#g5": "changed"}
    assert changed_keys(comparison) == {"max_rolling_batch_size"}
    assert not comparison.unread


def test_a_link_to_what_nobody_changed_is_no_difference(linked):
    linked.git("branch", "--force", "main")
    comparison = compared()
    assert not comparison.is_changed
    assert not comparison.unread
    assert comparison.unchanged_files == 3
    assert not compared("git:main", "git:change").is_changed


def test_a_link_that_became_a_file_of_the_same_content_is_no_difference(linked):
    (linked.folder / LINK).unlink()
    linked.write(LINK, named("new"))
    assert not compared("git:HEAD").is_changed


@pytest.mark.parametrize(
    ("target", "told_of"),
    [
        ("../../outside.yaml", "out of the repository"),
        ("nowhere.yaml", "to nothing"),
        ("chat.yaml/below", "to nothing"),
        ("sym.yaml", "to itself"),
        ("../other", "to a folder"),
    ],
)
def test_a_link_to_no_file_of_the_repository_is_told_though_nobody_changed_it(
    linked, tmp_path, target, told_of
):
    (tmp_path / "outside.yaml").write_text(named("stolen"), encoding="utf-8")
    (linked.folder / LINK).unlink()
    (linked.folder / LINK).symlink_to(target)
    linked.commit()
    linked.git("branch", "--force", "main")
    for words in ((), ("git:main", "git:change")):
        comparison = compared(*words)
        assert not comparison.notes
        assert {unread.side for unread in comparison.unread} == {"before", "after"}
        for unread in comparison.unread:
            problem = f"is a symbolic link that leads {told_of}"
            assert (unread.name, unread.findings[0].problem) == (LINK, problem)
        assert "stolen" not in str(comparison)


@pytest.mark.parametrize("target", ["../.git/config", "../.GIT/config", "../part/.git/config"])
def test_a_link_to_what_git_keeps_for_itself_is_not_followed(linked, target):
    kept = linked.folder / "profiles" / target
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("a", encoding="utf-8") as stream:
        stream.write("[http]\n\textraheader = stolen\n")
    (linked.folder / LINK).unlink()
    (linked.folder / LINK).symlink_to(target)
    comparison = compared("git:HEAD")
    [unread] = comparison.unread
    assert (unread.name, unread.side) == (LINK, "after")
    assert "stolen" not in str(comparison)


def test_a_folder_of_profiles_that_is_a_link_is_followed_in_the_work_tree_alone(made):
    made.git("mv", "profiles", "models")
    (made.folder / "profiles").symlink_to("models")
    made.commit()
    made.git("branch", "--force", "main")
    made.write("models/chat.yaml", with_batch(4))
    assert told(compared()) == {"models/chat.yaml#g5": "changed"}
    made.commit()
    for words in (("git:main", "git:change"), ("git:main:profiles",)):
        with pytest.raises(InputError, match=r"profiles at main .+ is a symbolic link"):
            compared(*words)
    (made.folder / "models").rename(made.folder.parent / "models")
    (made.folder / "profiles").unlink()
    (made.folder / "profiles").symlink_to("../models")
    with pytest.raises(InputError, match="outside of the git repository"):
        compared()


def test_a_folder_that_became_a_link_is_not_looked_through(made):
    (made.folder / "profiles").rename(made.folder.parent / "elsewhere")
    (made.folder / "profiles").symlink_to("../elsewhere")
    with pytest.raises(InputError, match="profiles at work tree is a symbolic link"):
        compared("git:HEAD:profiles")


def test_links_in_folders_outside_of_git_are_followed_and_broken_ones_are_told(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "chat.yaml").symlink_to(tmp_path / f"{folder.name}.yaml")
    (tmp_path / "old.yaml").write_text(PROFILE, encoding="utf-8")
    [unread] = compared(str(old), str(new)).unread
    assert unread.findings[0].problem == "is a symbolic link that leads to nothing"
    (tmp_path / "new.yaml").write_text(with_batch(4), encoding="utf-8")
    assert list(told(compared(str(old), str(new))).values()) == ["changed"]


def test_a_folder_and_a_submodule_in_the_place_of_a_profile_are_told(made, tmp_path):
    (made.folder / CHAT).unlink()
    (made.folder / CHAT).mkdir()
    [unread] = compared().unread
    assert unread.findings[0].problem == "is a folder"
    (made.folder / CHAT).rmdir()
    commit = made.git("rev-parse", "HEAD")
    made.git("update-index", "--cacheinfo", f"160000,{commit},{CHAT}")
    made.git("commit", "--quiet", "--message=submodule")
    [unread] = compared("git:main", "git:change").unread
    assert unread.findings[0].problem == "is a submodule"


NAMES = ("with space", "new\nline", "-dash", "ümläut", "*", "a:b", "a#b")


def test_files_are_compared_whatever_they_are_called(made):
    files = {f"profiles/{name}.yaml": name for name in NAMES}
    for number, path in enumerate(files):
        made.write(path, named(f"odd-{number}"))
    made.commit()
    for number, path in enumerate(files):
        made.write(path, with_batch(4, named(f"odd-{number}")))
    comparison = compared("git:main")
    assert set(told(comparison)) == {f"{path}#g5" for path in files}
    assert not comparison.unread


@pytest.mark.parametrize("is_repository", [False, True])
@pytest.mark.parametrize("words", [("git:main:profiles/chat.yaml",), ("git:main",)])
def test_a_revision_is_compared_with_a_file_that_is_not_in_its_repository(
    made, tmp_path, monkeypatch, words, is_repository
):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    other = tmp_path / "elsewhere" / "chat.yaml"
    other.parent.mkdir()
    other.write_text(with_batch(4), encoding="utf-8")
    if is_repository:
        GitRepository(other.parent).commit()
    made.commit({"profiles/other.yaml": with_batch(4, named("other"))})
    comparison = compared(*words, str(other))
    assert told(comparison) == {f"{other}#g5": "changed"}
    assert changed_keys(comparison) == {"max_rolling_batch_size"}
    [note] = comparison.notes
    assert note.startswith(f"{other} is not in this repository: main (")
    assert compared(str(other), *words).after.startswith("main (")
    assert not compared(*words, str(other), exact=True).notes


def test_a_file_of_a_submodule_is_not_one_of_the_repository_around_it(made, tmp_path):
    inner = GitRepository(tmp_path / "inner")
    inner.commit({CHAT: with_batch(4)})
    made.git("-c", "protocol.file.allow=always", "submodule", "add", str(inner.folder), "inner")
    made.commit()
    comparison = compared(f"git:main:{CHAT}", f"inner/{CHAT}")
    assert told(comparison) == {f"inner/{CHAT}#g5": "changed"}


def test_from_outside_a_file_brings_its_repository(made, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = made.write(CHAT, with_batch(4))
    assert told(compared("git:main", str(path))) == {f"{CHAT}#g5": "changed"}


def test_a_conflict_that_is_not_settled_is_told_and_a_settled_file_is_compared(made):
    made.commit({CHAT: with_batch(4)})
    made.git("checkout", "--quiet", "main")
    made.commit({CHAT: with_batch(2)})
    with pytest.raises(AssertionError):
        made.git("merge", "change")
    [unread] = compared("git:HEAD").unread
    assert "<<<<<<< HEAD" in "".join(unread.text_diff)
    made.write(CHAT, with_batch(6))
    assert told(compared("git:HEAD")) == {f"{CHAT}#g5": "changed"}


def test_not_a_repository_says_what_can_be_done(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is not inside a git repository") as raised:
        compared()
    assert "lmi-deploy diff OLD NEW" in str(raised.value.fix)


def test_folders_without_profiles_say_so(made, monkeypatch):
    made.commit({"empty/readme": "x"})
    monkeypatch.chdir("empty")
    for words, folder in ((("git:HEAD",), "empty/profiles or empty"), ((".",), "empty")):
        with pytest.raises(InputError) as raised:
            compared(*words)
        assert raised.value.problem.startswith(f"there are no profiles in {folder} at ")
        assert raised.value.problem.endswith(f", nor in {folder} at work tree")
        assert "--profiles" in str(raised.value.fix)
    with pytest.raises(InputError, match="no profiles in \\., nor in /"):
        compared(".", str(made.folder / "empty"))
    assert compared("../profiles", ".").notes == ("there are no profiles in .",)


def test_a_path_in_a_submodule_says_so(made):
    commit = made.git("rev-parse", "HEAD")
    made.git("update-index", "--add", "--cacheinfo", f"160000,{commit},parts/shared")
    made.git("commit", "--quiet", "--message=submodule")
    with pytest.raises(InputError, match="parts/shared is a submodule at HEAD") as raised:
        compared("git:HEAD:parts/shared/profiles/chat.yaml")
    assert "parts/shared" in str(raised.value.fix)


def test_a_shipped_profile_is_not_compared_in_the_repository_that_it_lies_in(made):
    made.write(".venv/profiles/talk.yaml", named("talk"))
    shipped = File(path=Path(".venv/profiles/talk.yaml"), is_shipped=True)
    asked = Asked(region="us-east-1")
    for before, after in ((shipped, None), (None, shipped)):
        with pytest.raises(InputError, match="talk comes with lmi-deploy") as raised:
            read(before, after, asked)
        assert raised.value.fix == "name two sides: lmi-deploy diff OLD talk"
    made.commit({"profiles/own.yaml": with_batch(4, named("talk"))})
    [profile] = read(parse("git:HEAD"), shipped, asked).compared().profiles
    assert (profile.status, profile.file_before) == ("changed", "profiles/own.yaml")
    assert [change.key for change in profile.changes] == ["max_rolling_batch_size"]
    assert not read(shipped, shipped, asked).compared().is_changed


def test_a_shallow_clone_is_refused_without_the_base_and_noted_with_it(made, tmp_path, monkeypatch):
    made.commit({CHAT: with_batch(4)})
    made.git("checkout", "--quiet", "main")
    made.commit({"profiles/other.yaml": with_batch(4, named("other"))})
    clone = made.cloned(tmp_path / "clone", "--depth=1", "--no-single-branch", "--branch=change")
    monkeypatch.chdir(clone.folder)
    with pytest.raises(InputError, match="does not hold the merge base of origin/main") as raised:
        compared()
    assert "--unshallow" in str(raised.value.fix)
    comparison = compared("git:origin/main", exact=True)
    assert len(told(comparison)) == 2
    assert any("shallow" in note for note in comparison.notes)


def test_a_bare_repository_compares_revisions(made, tmp_path, monkeypatch):
    made.commit({CHAT: with_batch(4)})
    bare = made.cloned(tmp_path / "bare", "--bare")
    monkeypatch.chdir(bare.folder)
    assert told(compared("git:main", "git:change")) == {f"{CHAT}#g5": "changed"}
    chosen = compared("git:main", "git:change", profiles=Path("profiles"))
    assert told(chosen) == {f"{CHAT}#g5": "changed"}
    with pytest.raises(InputError, match="bare repository"):
        compared("git:main")


def test_files_that_a_sparse_checkout_leaves_out_are_not_gone(made):
    made.commit({"extra/a": "x"})
    made.git("sparse-checkout", "set", "extra")
    assert not (made.folder / CHAT).exists()
    assert not compared().is_changed


def test_a_work_tree_with_the_line_ends_of_another_system_is_no_difference(made):
    made.write(CHAT, PROFILE.replace("\n", "\r\n"))
    assert not compared().is_changed


def test_nothing_that_a_repository_names_is_run(made, tmp_path):
    proof, script = tmp_path / "proof", tmp_path / "evil"
    script.write_text(f"#!/bin/sh\necho ran >> {shlex.quote(str(proof))}\ncat\n", encoding="utf-8")
    script.chmod(0o755)
    made.commit({".gitattributes": "* diff=evil filter=evil\n"})
    for key in ("core.fsmonitor", "diff.external", "diff.evil.textconv", "filter.evil.clean",
                "filter.evil.smudge", "core.sshCommand"):  # fmt: skip
        made.git("config", key, str(script))
    made.write(CHAT, with_batch(4))
    made.write("profiles/new.yaml", named("new"))
    assert len(told(compared())) == 2
    assert not proof.exists()


# Locks


def test_a_lock_that_changed_reaches_only_the_profiles_of_its_models(made):
    other = named("other").replace(MODEL, "acme/other")
    made.commit({LOCK: lock_of(MODEL, "acme/other"), "profiles/other.yaml": other})
    document = json.loads(lock_of(MODEL, "acme/other"))
    document["models"][0]["weights"]["safetensors"]["bytes"] = 14_000_000_000
    made.write(LOCK, json.dumps(document))
    comparison = compared("git:change")
    assert told(comparison) == {f"{CHAT}#g5": "changed"}
    assert comparison.unchanged_files == 1


def test_a_lock_that_was_only_written_anew_reaches_nothing(made):
    made.commit({LOCK: lock_of(MODEL, "acme/other")})
    made.write(LOCK, json.dumps(json.loads(lock_of("acme/other", MODEL)), indent=1))
    comparison = compared("git:change")
    assert not comparison.is_changed
    assert comparison.unchanged_files == 2


def test_a_lock_that_appears_is_looked_at_for_every_profile(made):
    made.write(LOCK, lock_of(MODEL))
    comparison = compared()
    assert set(told(comparison)) == {f"{CHAT}#g5", "profiles/other.yaml#g5"}


def test_a_lock_that_cannot_be_read_is_told_once_and_other_folders_are_compared(made):
    made.commit({LOCK: lock_of(MODEL)})
    made.write(LOCK, "<<<<<<< HEAD\n")
    made.write(CHAT, with_batch(4))
    comparison = compared("git:change")
    assert [(item.name, item.side) for item in comparison.unread] == [
        (LOCK, "after"),
        (CHAT, "after"),
    ]
    assert all(item.findings[0].code == "LMI414" for item in comparison.unread)
    assert "+defaults: {max_rolling_batch_size: 4}" in comparison.unread[1].text_diff
    assert "1 file is the same, but a lock beside them cannot be read" in comparison.notes


# What is not decided twice


def test_a_hardware_profile_that_surely_comes_to_the_same_is_decided_once(made, monkeypatch):
    made.write(CHAT, "# a comment\n" + TWO)
    made.commit()
    made.write(CHAT, TWO.replace("ml.p4d.24xlarge", "ml.g5.12xlarge"))
    decided: list[str] = []
    taken = reading_profiles.taken

    def noted(merged: MergedProfile, region: str) -> Snapshot:
        decided.append(merged.hardware)
        return taken(merged, region)

    monkeypatch.setattr(reading_profiles, "taken", noted)
    statuses = told(compared("git:change"))
    assert statuses == {f"{CHAT}#g5": "equal", f"{CHAT}#p4d": "changed"}
    assert sorted(decided) == ["g5", "p4d", "p4d"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PROFILE, PROFILE.replace("  g5:\n", "  base: {backend: lmi-dist}\n  g5:\n")),
        (PROFILE, "# moved\n" + PROFILE),
        (PROFILE.replace("lmi-dist", "auto"), PROFILE),
        (PROFILE, with_batch(64)),
        (with_batch(64), with_batch(4)),
        (PROFILE, PROFILE.replace("1024", "2048")),
    ],
)
def test_deciding_once_tells_the_same_as_deciding_both(made, monkeypatch, before, after):
    made.commit({CHAT: before})
    made.write(CHAT, after)
    once = compared("git:change")
    monkeypatch.setattr(reading_profiles, "_is_equal", lambda *_: False)
    assert compared("git:change") == once


def test_turning_the_sides_turns_what_is_told(made):
    made.write("profiles/new.yaml", named("new"))
    made.commit({CHAT: with_batch(4)})
    forth = compared("git:main", "git:change")
    back = compared("git:change", "git:main", exact=True)
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    assert told(back) == {key: turned[status] for key, status in told(forth).items()}
    for one, other in zip(forth.profiles, back.profiles, strict=True):
        assert [(c.key, c.before, c.after) for c in one.changes] == [
            (c.key, c.after, c.before) for c in other.changes
        ]
