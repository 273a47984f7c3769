"""The git edge against real repositories: what it finds, what it refuses, what it never runs."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lmi_deployer.edges import git_process
from lmi_deployer.edges.git import Repository
from lmi_deployer.errors import InputError
from tests.edges.git_repositories import GitRepository, isolated


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch):
    isolated(monkeypatch)


@pytest.fixture
def made(tmp_path) -> GitRepository:
    repository = GitRepository(tmp_path / "repository")
    repository.commit({"profiles/chat.yaml": "name: chat\n", "README": "hello\n"})
    return repository


def found(made: GitRepository) -> Repository:
    return Repository.find(made.folder)


def test_a_repository_is_found_from_a_folder_inside_of_it(made):
    repository = Repository.find(made.folder / "profiles")
    assert repository.root == made.folder.resolve()
    assert not repository.is_shallow


def test_a_folder_without_a_repository_is_said_to_be_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputError, match="is not inside a git repository") as raised:
        Repository.find(tmp_path)
    assert raised.value.fix


def test_a_broken_repository_is_told_in_the_words_of_git(made):
    (made.folder / ".git" / "config").write_text("[core\n", encoding="utf-8")
    with pytest.raises(InputError, match="git cannot read the repository: fatal: bad config"):
        found(made)


def test_a_machine_without_git_is_told_so(made, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="`git` is not here"):
        found(made)


def test_the_repository_is_the_one_around_the_folder_whatever_the_environment_says(
    made, monkeypatch, tmp_path
):
    other = GitRepository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.folder))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "none"))
    repository = found(made)
    assert repository.root == made.folder.resolve()
    assert repository.resolve("HEAD") == made.git("rev-parse", "HEAD")


@pytest.mark.parametrize("revision", ["main", "HEAD", "v1", "HEAD^{/change}", "main@{0}"])
def test_a_revision_resolves_as_git_resolves_it(made, revision):
    made.git("tag", "-a", "v1", "-m", "first")
    assert found(made).resolve(revision) == made.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("revision", "way_on"),
    [
        ("mian", "did you mean 'main'?"),
        ("feature", "did you mean 'origin/feature'?"),
        ("0" * 40, "one of HEAD, main"),
    ],
)
def test_an_unknown_revision_names_the_nearest(made, revision, way_on):
    made.git("update-ref", "refs/remotes/origin/feature", "HEAD")
    with pytest.raises(InputError, match="there is no git revision") as raised:
        found(made).resolve(revision)
    assert way_on in str(raised.value.fix)


@pytest.mark.parametrize("revision", ["", "--all", "-n1", "--output=stolen", "a\0b"])
def test_a_revision_that_could_be_an_option_is_refused(made, revision):
    with pytest.raises(InputError, match="is no git revision"):
        found(made).resolve(revision)


@pytest.mark.parametrize("asked", [lambda it: it.resolve("HEAD"), Repository.default_branch])
def test_a_repository_without_a_commit_says_so(tmp_path, asked):
    repository = Repository.find(GitRepository(tmp_path / "new").folder)
    with pytest.raises(InputError, match="the repository has no commit yet"):
        asked(repository)


def test_a_branch_without_a_commit_is_told_from_a_name_that_is_none(made):
    made.git("checkout", "--quiet", "--orphan", "new")
    with pytest.raises(InputError, match="that is checked out has no commit yet"):
        found(made).resolve("HEAD~1")
    with pytest.raises(InputError, match="there is no git revision 'mian'"):
        found(made).resolve("mian")


def test_the_default_branch_is_what_the_remote_says_then_a_usual_name(made, tmp_path):
    assert found(made).default_branch() == "refs/heads/main"
    made.git("branch", "trunk")
    clone = made.cloned(tmp_path / "clone", "--branch=trunk")
    assert found(clone).default_branch() == "refs/remotes/origin/main"
    clone.git("remote", "set-head", "origin", "--delete")
    assert found(clone).default_branch() == "refs/remotes/origin/main"
    clone.git("update-ref", "-d", "refs/remotes/origin/main")
    with pytest.raises(InputError, match="which branch is the default"):
        found(clone).default_branch()
    clone.git("config", "init.defaultBranch", "trunk")
    assert found(clone).default_branch() == "refs/heads/trunk"


def test_the_merge_base_is_where_two_branches_parted(made):
    base = made.git("rev-parse", "HEAD")
    made.branch("change")
    there = made.commit({"a": "1"})
    made.git("checkout", "--quiet", "main")
    here = made.commit({"b": "1"})
    assert found(made).merge_bases(here, there, names=("main", "change")) == [base]


def test_histories_without_a_common_commit_are_told_apart(made):
    here = made.git("rev-parse", "HEAD")
    made.git("checkout", "--quiet", "--orphan", "other")
    there = made.commit(message="begin anew")
    with pytest.raises(InputError, match="no history in common"):
        found(made).merge_bases(here, there, names=("main", "other"))


def test_a_shallow_clone_without_the_base_says_just_that_and_the_way_out(made, tmp_path):
    made.branch("change")
    made.commit({"a": "1"})
    made.git("checkout", "--quiet", "main")
    made.commit({"b": "1"})
    clone = made.cloned(tmp_path / "clone", "--depth=1", "--no-single-branch")
    repository = found(clone)
    tips = repository.resolve("origin/main"), repository.resolve("origin/change")
    with pytest.raises(InputError, match="shallow, and does not hold the merge base of") as raised:
        repository.merge_bases(*tips, names=("main", "change"))
    assert "git fetch --unshallow" in str(raised.value.fix)
    assert "fetch-depth: 0" in str(raised.value.fix)


def test_an_unknown_revision_of_a_shallow_clone_may_be_beyond_it(made, tmp_path):
    clone = made.cloned(tmp_path / "clone", "--depth=1")
    with pytest.raises(InputError) as raised:
        found(clone).resolve("v1")
    assert "fetch --unshallow" in str(raised.value.fix)


NAMES = [
    "with space.yaml",
    "new\nline.yaml",
    "-dash.yaml",
    "ümläut.yaml",
    '"quoted".yaml',
    "*.yaml",
]


@pytest.mark.parametrize("name", NAMES)
def test_files_are_found_whatever_they_are_called(made, name):
    commit = made.commit({f"profiles/{name}": "odd\n"})
    repository = found(made)
    path = f"profiles/{name}"
    listed = {file.path: file for file in repository.folder_at(commit, "profiles")}
    assert listed.keys() == {"profiles/chat.yaml", path}
    file = repository.file_at(commit, path)
    assert file == listed[path]
    assert path in repository.tracked("profiles")
    with repository.blobs() as blobs:
        assert blobs.read(file.oid) == b"odd\n"
    made.write(".gitignore", "profiles/chat.yaml\n")
    assert repository.ignored([path, "profiles/other.yaml"]) == set()


def test_a_name_that_is_no_text_is_found(made):
    oid = made.git("hash-object", "-w", "README")
    tree = made.git("mktree", "-z", given=b"100644 blob " + oid.encode() + b"\t\xff.yaml\0")
    commit = made.git("commit-tree", tree, "-m", "odd")
    [file] = found(made).folder_at(commit, "")
    assert file.path.encode(errors="surrogateescape") == b"\xff.yaml"


def test_what_git_ignores_is_told(made):
    made.write(".gitignore", "scratch*\n")
    ignored = found(made).ignored(["scratch.yaml", "kept.yaml"])
    assert ignored == {"scratch.yaml"}


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_both_kinds_of_object_ids_are_known(tmp_path, kind):
    made = GitRepository(tmp_path / kind, f"--object-format={kind}")
    made.commit({"a": "1"})
    assert found(made).hash_name == kind


def test_a_bare_repository_has_commits_and_no_work_tree(made, tmp_path):
    bare = made.cloned(tmp_path / "bare", "--bare")
    repository = found(bare)
    assert repository.folder_at(repository.resolve("main"), "profiles")
    with pytest.raises(InputError, match="bare repository"):
        _ = repository.top


def test_a_linked_work_tree_has_a_top_of_its_own(made, tmp_path):
    made.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked")
    repository = Repository.find(tmp_path / "linked" / "profiles")
    assert repository.root == (tmp_path / "linked").resolve()


def test_a_path_outside_of_the_repository_is_refused(made, tmp_path):
    (made.folder / "profiles" / "out").symlink_to(tmp_path, target_is_directory=True)
    for path in (tmp_path / "x.yaml", made.folder / "profiles" / "out" / "x.yaml"):
        with pytest.raises(InputError, match="outside of the git repository"):
            found(made).inside(path)
    assert found(made).inside(made.folder / "profiles" / "x.yaml") == "profiles/x.yaml"
    assert found(made).inside(made.folder) == ""


def test_a_blob_that_is_too_large_is_refused_and_the_next_one_is_read(made):
    commit = made.commit({"big": b"x" * 10_000_000})
    repository = found(made)
    big, small = (repository.file_at(commit, name) for name in ("big", "README"))
    assert big is not None
    assert small is not None
    with repository.blobs() as blobs:
        with pytest.raises(InputError, match="is larger than"):
            blobs.read(big.oid)
        assert blobs.read(small.oid) == b"hello\n"


def test_a_partial_clone_is_not_filled_up(made, tmp_path):
    made.git("config", "uploadpack.allowFilter", "true")
    clone = made.cloned(tmp_path / "clone", "--filter=blob:none", "--no-checkout")
    repository = found(clone)
    file = repository.file_at(repository.resolve("HEAD"), "README")
    assert file is not None
    with repository.blobs() as blobs, pytest.raises(InputError, match="is not in this clone"):
        blobs.read(file.oid)
    missing = clone.git("rev-list", "--objects", "--missing=print", "--all")
    assert f"?{file.oid}" in missing


HOSTILE_ATTRIBUTES = "* diff=evil filter=evil merge=evil text\n"


def test_nothing_that_a_repository_names_is_run(made, tmp_path):
    """Hooks, a file system monitor, external diffs, text conversions, filters and transports."""
    proof = tmp_path / "proof"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\necho ran >> {shlex.quote(str(proof))}\ncat\n", encoding="utf-8")
    script.chmod(0o755)
    commit = made.commit({".gitattributes": HOSTILE_ATTRIBUTES})
    hooks = made.folder / ".git" / "hooks"
    hooks.mkdir()
    for hook in (
        "post-index-change",
        "fsmonitor-watchman",
        "post-checkout",
        "reference-transaction",
    ):
        (hooks / hook).symlink_to(script)
    for key in (
        "core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "core.askPass",
        "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean",
        "filter.evil.smudge", "filter.evil.process", "gpg.program", "credential.helper",
        "core.alternateRefsCommand", "uploadpack.packObjectsHook", "pager.ls-tree",
    ):  # fmt: skip
        made.git("config", key, str(script))
    made.git("config", "diff.orderFile", str(tmp_path / "none"))
    made.write("profiles/chat.yaml", "name: changed\n")
    proof.unlink(missing_ok=True)

    repository = found(made)
    assert repository.resolve("main") == commit
    repository.default_branch()
    repository.merge_bases(commit, commit, names=("main", "main"))
    [file] = repository.folder_at(commit, "profiles")
    repository.everything_at(commit)
    repository.tracked("profiles")
    repository.ignored(["profiles/new.yaml"])
    with repository.blobs() as blobs:
        assert blobs.read(file.oid) == b"name: chat\n"
    with pytest.raises(InputError):
        repository.resolve("none")
    assert not proof.exists()


def test_nothing_in_the_repository_is_written(made):
    def state() -> dict[str, int]:
        paths = (made.folder / ".git").rglob("*")
        return {str(path): path.stat().st_mtime_ns for path in paths}

    (made.folder / "README").touch()
    before = state()
    repository = found(made)
    commit = repository.resolve("main")
    repository.tracked("")
    repository.folder_at(commit, "")
    repository.ignored(["x"])
    assert state() == before


def test_variables_that_trace_or_point_elsewhere_do_not_reach_git(monkeypatch):
    for name in ("GIT_TRACE", "GIT_EXTERNAL_DIFF", "GIT_SSH", "GIT_OBJECT_DIRECTORY", "LANGUAGE"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    environment = git_process.environment()
    ours = {name for name in environment if name.startswith("GIT_")}
    assert ours == {
        "GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_OPTIONAL_LOCKS",
        "GIT_TERMINAL_PROMPT", "GIT_LITERAL_PATHSPECS", "GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL",
    }  # fmt: skip
    assert "LANGUAGE" not in environment
    assert environment["LC_ALL"] == "C"


def test_a_repository_of_somebody_else_names_the_way_to_trust_it(monkeypatch, tmp_path):
    said = "fatal: detected dubious ownership in repository at '/x'"
    git = tmp_path / "git"
    git.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 128\n', encoding="utf-8")
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(InputError, match="somebody else owns it") as raised:
        Repository.find(Path())
    assert "safe.directory" in str(raised.value.fix)
