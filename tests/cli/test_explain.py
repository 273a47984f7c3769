"""explain: a finding's code, an option of the container, the values of a profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lmi_deployer import catalog
from lmi_deployer.findings import CODES
from lmi_deployer.render import properties
from tests.cli.conftest import Command
from tests.specs import PROFILE, make_spec

TWO = PROFILE + "  g6:\n    instance_type: ml.g6.2xlarge\n    backend: vllm\n"


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_to_people_and_programs(lmi: Command, code: str):
    done = lmi("explain", code)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{code}  {CODES[code].title}")
    document = json.loads(lmi("explain", code.lower(), "-o", "json").out)
    assert document["schema_version"] == 1
    assert (document["code"], document["fix"]) == (code, CODES[code].fix)


def test_an_unknown_code_is_refused_with_the_nearest(lmi: Command):
    done = lmi("explain", "LMI2011")
    assert (done.status, done.out) == (2, "")
    assert "there is no finding LMI2011" in done.err
    assert "did you mean 'LMI2" in done.err


def test_a_code_is_wrapped_to_the_width_of_the_terminal(
    lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "50")
    narrow = lmi("explain", "LMI201").out
    assert max(map(len, narrow.splitlines())) <= 50
    monkeypatch.setenv("COLUMNS", "400")
    assert max(map(len, lmi("explain", "LMI201").out.splitlines())) <= 100


def test_explaining_a_code_imports_neither_pydantic_nor_yaml():
    code = (
        "import sys; from lmi_deployer.cli import run; assert run(['explain', 'LMI201']) == 0;"
        "assert not {'pydantic', 'yaml', 'jinja2', 'boto3'} & set(sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert "\x1b" not in process.stdout


@pytest.mark.parametrize(
    "word",
    [
        "option.max_rolling_batch_size",
        "max_rolling_batch_size",
        "OPTION_MAX_ROLLING_BATCH_SIZE",
    ],
)
def test_a_key_is_explained_by_each_of_its_spellings(lmi: Command, word: str):
    done = lmi("explain", word)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("option.max_rolling_batch_size\n")
    assert "OPTION_MAX_ROLLING_BATCH_SIZE" in done.out
    assert "whole number" in done.out
    assert "source" in done.out


def test_a_variable_is_explained_with_the_key_it_stands_for(lmi: Command):
    done = lmi("explain", "HF_MODEL_ID")
    assert done.status == 0
    assert done.out.startswith("option.model_id\n")
    assert "\nHF_MODEL_ID  environment variable, all versions\n" in done.out
    document = json.loads(lmi("explain", "HF_MODEL_ID", "-o", "json").out)
    assert [row["key"] for row in document["options"]] == ["option.model_id"]
    assert [row["name"] for row in document["variables"]] == ["HF_MODEL_ID"]


def test_one_container_version_is_explained_a_block_for_each_backend(lmi: Command):
    done = lmi("explain", "option.tensor_parallel_degree", "--container", "0.25.0")
    assert done.status == 0
    heads = [line for line in done.out.splitlines() if line.startswith("  LMI 0.25.0: ")]
    backends = set(catalog.container("0.25.0").backends)
    told = " ".join(heads).replace(",", " ").replace(":", " ").split()
    assert backends | {"the", "server"} <= set(told)
    document = json.loads(
        lmi("explain", "tensor_parallel_degree", "--container", "0.25.0", "-o", "json").out
    )
    (row,) = document["options"]
    assert document["container"] == "0.25.0"
    named = {name for reading in row["readings"] for name in reading["readers"]}
    assert backends | {"server"} <= named | set(row["unread_by"])


def test_an_unknown_container_is_refused_with_the_nearest(lmi: Command):
    done = lmi("explain", "option.dtype", "--container", "0.25.9")
    assert (done.status, done.out) == (2, "")
    assert "unknown container version '0.25.9'" in done.err


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("option.tensor_paralel_degree", "option.tensor_parallel_degree"),
        ("OPTION_ROLING_BATCH", "OPTION_ROLLING_BATCH"),
        ("max_rolling_batch_sise", "max_rolling_batch_size"),
        ("chatt", "chat"),
    ],
)
def test_a_word_that_names_nothing_is_refused_with_the_nearest(lmi: Command, word: str, near: str):
    done = lmi("explain", word)
    assert (done.status, done.out) == (2, "")
    assert f"there is no code, key, variable or profile '{word}'" in done.err
    assert f"did you mean '{near}'?" in done.err


def test_a_word_near_nothing_is_refused_with_where_to_look(lmi: Command):
    done = lmi("explain", "zzzzzzzzzzzz")
    assert done.status == 2
    assert "`lmi-deploy catalog options`" in done.err


def test_every_value_of_a_profile_is_told_with_its_origin(lmi: Command):
    done = lmi("explain", "chat", "-p", "g5")
    assert (done.status, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 100
    rows = {line.split()[0]: line for line in done.out.splitlines() if line}
    assert "lmi-dist" in rows["backend"]
    assert rows["backend"].endswith("profiles.g5 (line 10)")
    assert "rule: " in rows["tensor_parallel_degree"]
    assert rows["option.tensor_parallel_degree"].startswith(" ")  # below its value
    assert "per GPU" in done.out
    assert lmi("explain", "chat").out == done.out


def test_a_program_gets_every_value_and_the_properties_that_follow(lmi: Command):
    document = json.loads(lmi("explain", "chat", "-p", "g5", "-o", "json").out)
    (profile,) = document["profiles"]
    assert (profile["profile"], profile["hardware"]) == ("chat", "g5")
    told = {key: text for item in profile["values"] for key, text in item["properties"].items()}
    assert told == properties(make_spec())
    written = {item["key"]: item for item in profile["values"]}["backend"]
    assert (written["file"], written["line"]) == ("profiles/chat.yaml", 10)


def test_one_value_is_told_alone_and_an_override_is_its_origin(lmi: Command):
    done = lmi("explain", "chat", "dtype", "--set", "model.dtype=bf16")
    assert done.status == 0
    *_, row = done.out.splitlines()
    assert row.split()[:3] == ["model.dtype", "bf16", "option.dtype"]
    assert row.endswith("--set model.dtype=bf16")
    missed = lmi("explain", "chat", "bakend")
    assert (missed.status, missed.out) == (2, "")
    assert "did you mean 'backend'?" in missed.err


def test_values_are_told_as_another_container_would_have_them(lmi: Command):
    done = lmi("explain", "chat", "container.version", "--container", "0.26.0")
    assert done.out.splitlines()[-1].split()[:2] == ["container.version", "0.26.0"]
    assert lmi("explain", "chat", "--container", "0.26.9").status == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["LMI201", "--container", "0.25.0"], "a code means the same"),
        (["LMI201", "--set", "backend=vllm"], "a code means the same"),
        (["option.dtype", "--set", "backend=vllm"], "--set is for the values of a profile"),
        (["nobody", "-p", "g5"], "there is no profile 'nobody'"),
        ([], "Missing argument"),
    ],
)
def test_an_option_without_meaning_there_is_refused(
    lmi: Command, arguments: list[str], problem: str
):
    done = lmi("explain", *arguments)
    assert (done.status, done.out) == (2, "")
    assert problem in done.err


def test_several_hardware_profiles_are_told_one_after_the_other(lmi: Command):
    Path("profiles/chat.yaml").write_text(TWO)
    assert lmi("explain", "chat", "backend").status == 2  # which of them?
    done = lmi("explain", "chat", "backend", "-p", "g5,g6")
    assert done.out.index("chat / g5") < done.out.index("chat / g6")
    document = json.loads(lmi("explain", "chat", "-p", "all", "-o", "json").out)
    assert [item["hardware"] for item in document["profiles"]] == ["g5", "g6"]


def completed(words: str) -> list[str]:
    """What a shell offers for the last word of a line."""
    process = subprocess.run(
        [sys.executable, "-c", "from lmi_deployer.cli import cli; cli(prog_name='lmi-deploy')"],
        env={
            **os.environ,
            "_LMI_DEPLOY_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stderr == ""
    return [line.partition(",")[2] for line in process.stdout.splitlines()]


@pytest.mark.parametrize(
    ("start", "offered"),
    [
        ("LMI20", [code for code in CODES if code.startswith("LMI20")]),
        ("option.tensor_par", ["option.tensor_parallel_degree"]),
        ("OPTION_ROLLING_BATC", ["OPTION_ROLLING_BATCH"]),
        ("ch", ["chat"]),
        ("option.dtype --container 0.25", ["0.25.0"]),
    ],
)
def test_the_shell_completes_codes_keys_variables_and_profiles(start: str, offered: list[str]):
    assert set(offered) <= set(completed(f"lmi-deploy explain {start}"))


def test_what_the_lock_says_is_told_with_its_line(lmi: Command):
    lmi("lock", "--offline")
    lock = Path("profiles/lmi.lock")
    lock.write_text(lock.read_text().replace('"commit": null', f'"commit": "{"c" * 40}"'))
    arguments = ("explain", "chat", "model.commit", "--set", "backend=vllm")
    (profile,) = json.loads(lmi(*arguments, "-o", "json").out)["profiles"]
    (value,) = profile["values"]
    assert (value["value"], value["file"]) == ("c" * 40, str(lock))
    assert lock.read_text().splitlines()[value["line"] - 1].strip() == "{"
    assert f"({lock}:{value['line']}" in lmi(*arguments).out
