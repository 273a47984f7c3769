"""`lmi-deploy show`: a profile, a bundle and a saved plan as plain text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.specs import PROFILE

SECOND = """\
  g5-12x:
    extends: g5
    instance_type: ml.g5.12xlarge
"""
PLAN = ("plan", "chat", "-p", "g5", "--out", "plan.json")


def test_a_profile_is_shown_with_every_hardware_profile_resolved(lmi: Command):
    Path("profiles/chat.yaml").write_text(PROFILE + SECOND)
    done = lmi("show", "chat")
    assert (done.status, done.err) == (0, "")
    headings = [line for line in done.out.splitlines() if line[:1].strip()]
    assert headings == ["chat / g5", "chat / g5-12x"]
    for line in (
        "  backend = lmi-dist",
        "  tensor_parallel_degree = 1",
        "  tensor_parallel_degree = 4",
        "    engine=MPI",
    ):
        assert f"{line}\n" in done.out
    assert lmi("show", "chat", "-p", "g5").out == done.out.split("\n\n")[0] + "\n"


def test_the_text_does_not_hang_on_where_the_file_lies_or_what_stands_on_which_line(
    lmi: Command, tmp_path: Path
):
    text = lmi("show", "profiles/chat.yaml").out
    other = tmp_path / "elsewhere" / "random-1234.yaml"
    other.parent.mkdir()
    other.write_text(f"# a comment\n\n{PROFILE}")
    assert lmi("show", str(other)).out == text
    assert "chat.yaml" not in text
    assert re.search(r"20\d\d-\d\d-\d\d", text) is None


def test_a_lock_that_is_named_is_taken_instead_of_the_one_beside_the_profile(
    lmi: Command, tmp_path: Path
):
    lmi("lock", "--offline")
    lock = Path("profiles/lmi.lock").rename(tmp_path / "other.lock")
    missing = lmi("show", "chat", "--lock", "profiles/lmi.lock")
    assert missing.status == 2
    assert "there is no lock profiles/lmi.lock" in missing.err
    assert lmi("show", "chat", "--lock", str(lock)).status == 0


def test_values_too_long_to_be_shown_are_still_told_apart(lmi: Command):
    texts = []
    for end in "ab":
        option = f"    options: {{option.x: {'y' * 2000}{end}}}\n"
        Path("profiles/chat.yaml").write_text(PROFILE + option)
        texts.append(lmi("show", "--textconv", "profiles/chat.yaml").out)
    assert texts[0] != texts[1]
    assert max(map(len, "".join(texts).splitlines())) < 1100


def test_an_invalid_profile_is_an_error_and_for_git_a_text(lmi: Command):
    text = PROFILE.replace("backend:", "bakend:")
    Path("profiles/chat.yaml").write_text(text)
    assert lmi("show", "chat").status == 2
    done = lmi("show", "--textconv", "profiles/chat.yaml")
    assert done.status == 0
    assert done.out == (
        "this is no profile that can be resolved\n"
        "error[LMI002] profiles.g5.bakend: is not a known key\n"
        f"\nas it is written:\n{text}"
    )


@pytest.mark.parametrize(
    "broken",
    [PROFILE.replace("backend:", "bakend:"), PROFILE.replace("lmi-dist", "neuronx"), "a: [\xff"],
    ids=["not read", "not decided", "not text"],
)
def test_git_sees_what_changes_in_a_profile_that_stays_broken(lmi: Command, broken: str):
    texts = []
    for length in ("1024", "1025"):
        text = broken.replace("1024", length) + f"# {length}\n"
        Path("profiles/chat.yaml").write_bytes(text.encode("latin-1"))
        done = lmi("show", "--textconv", "profiles/chat.yaml")
        assert (done.status, "error[LMI" in done.out) == (0, True)
        texts.append(done.out)
    assert texts[0] != texts[1]


def test_no_secret_of_a_profile_that_cannot_be_resolved_is_shown(lmi: Command):
    secrets = "options: {option.api_token: hunter2, env: hf_" + "a" * 34 + "}\n\x1b[2J\n"
    Path("profiles/chat.yaml").write_text(PROFILE + secrets)
    done = lmi("show", "--textconv", "profiles/chat.yaml")
    assert "option.api_token: ***" in done.out
    assert [word for word in ("hunter2", "hf_a", "\x1b") if word in done.out] == []


def test_a_profile_that_is_too_long_is_told_apart_by_a_hash(lmi: Command):
    texts = []
    for end in "ab":
        Path("profiles/chat.yaml").write_text("x" * 300_000 + end)
        texts.append(lmi("show", "--textconv", "profiles/chat.yaml").out)
    assert texts[0] != texts[1]
    assert max(map(len, texts)) < 1000


def test_what_is_said_against_a_profile_is_part_of_it(lmi: Command):
    Path("profiles/chat.yaml").write_text(PROFILE.replace("g5.2xlarge", "g4dn.xlarge"))
    done = lmi("show", "chat")
    assert done.status == 0
    assert "  warning[LMI205] instance_type: " in done.out


def test_a_bundle_is_shown_with_its_lines_loose_or_packed(lmi: Command):
    lmi("render", "chat", "--out", "bundle")
    Path("profiles/chat.yaml").write_text(f"{PROFILE}    endpoint: {{packaging: tar.gz}}\n")
    lmi("render", "chat", "--out", "packed")
    loose, packed = lmi("show", "bundle"), lmi("show", "packed")
    assert loose.out == packed.out
    assert loose.out.startswith("chat / g5\n  serving.properties\n    engine=MPI\n")


def test_a_saved_plan_is_shown_with_its_steps_and_what_it_was_decided_from(kept: Command, lmi):
    assert kept(*PLAN).status == 0
    done = lmi("show", "plan.json")
    assert done.status == 0
    assert "chat / g5    account 123456789012 in us-east-1" in done.out
    assert re.search(r"^Plan: \d to create", done.out, re.MULTILINE)
    assert "From     profiles/chat.yaml, sha256 " in done.out
    assert "Since    nothing of that has changed" in done.out
    assert "  backend = lmi-dist\n" in done.out
    Path("profiles/chat.yaml").write_text(f"# another day\n{PROFILE}")
    assert "Since    profiles/chat.yaml has changed" in lmi("show", "plan.json").out


def test_a_plan_is_applied_as_it_was_approved_though_the_profile_has_changed_since(
    kept: Command, lmi
):
    kept(*PLAN)
    Path("profiles/chat.yaml").write_text(PROFILE.replace("lmi-dist", "vllm"))
    done = kept("apply", "plan.json", "--yes")
    assert done.status == 0
    assert "since this plan was made: profiles/chat.yaml has changed" in done.err
    assert kept("status", "chat", "--exit-code").status == 3


def test_the_impact_of_an_update_stands_in_its_saved_plan(kept: Command, lmi):
    kept("up", "chat", "-p", "g5", "--yes")
    Path("profiles/chat.yaml").write_text(f"{PROFILE}    max_rolling_batch_size: 4\n")
    kept(*PLAN)
    assert "Impact   restart\n" in lmi("show", "plan.json").out


def test_programs_get_the_same(kept: Command, lmi):
    document = json.loads(lmi("show", "chat", "-o", "json").out)
    assert document["snapshots"][0]["values"]["backend"]["value"] == "lmi-dist"
    kept(*PLAN)
    document = json.loads(lmi("show", "plan.json", "-o", "json").out)
    assert document["plan"] == json.loads(Path("plan.json").read_text())


@pytest.mark.parametrize("option", [("-p", "g5"), ("--lock", "profiles/lmi.lock")])
def test_options_about_profiles_are_refused_for_bundles_and_plans(
    lmi: Command, option: tuple[str, str]
):
    lmi("render", "chat", "--out", "bundle")
    refused = lmi("show", "bundle", *option)
    assert refused.status == 2
    assert f"{option[0]} is for profiles" in refused.err


@pytest.mark.parametrize("content", ["{}", '{"schema_version": 3}', "[" * 5000, "{" * 5000, "\0"])
def test_what_is_no_plan_and_no_profile_is_refused(lmi: Command, content: str):
    Path("some.json").write_text(content)
    refused = lmi("show", "./some.json")
    assert refused.status == 2
    assert "Traceback" not in refused.err
