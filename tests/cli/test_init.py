"""`init`: a profile to start from, as a file or on standard output."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from lmi_deployer.cli import cli
from tests.cli.conftest import Command

MODEL = "tiiuae/falcon-7b"
FILE = Path("profiles/falcon-7b.yaml")


def test_init_writes_a_profile_that_validates_and_says_how_to_go_on(lmi: Command):
    done = lmi("init", MODEL)
    assert (done.status, done.out) == (0, "")
    assert f"Wrote {FILE}" in done.err
    assert lmi("validate", "falcon-7b", "--strict").status == 0
    commands = [
        line.split()[1:] for line in done.err.splitlines() if line.startswith("  lmi-deploy")
    ]
    assert [words[0] for words in commands] == ["validate", "explain", "plan", "schema"]
    assert lmi(*commands[0]).status == 0
    assert lmi("render", *commands[2][1:]).status == 0


def test_init_prints_the_profile_alone_where_it_is_asked_to(lmi: Command):
    done = lmi("init", MODEL, "--out", "-", "--name", "chat", "--container", "0.27.0")
    assert done.status == 0
    assert done.err == ""
    assert not Path("profiles/falcon-7b.yaml").exists()
    Path("printed.yaml").write_text(done.out)
    assert "name: chat" in done.out
    assert lmi("validate", "printed.yaml").status == 0


def test_init_never_overwrites_a_file_unless_told_to(lmi: Command):
    FILE.write_text("mine")
    refused = lmi("init", MODEL)
    assert refused.status == 2
    assert "is there already" in refused.err
    assert FILE.read_text() == "mine"
    assert lmi("init", MODEL, "--force").status == 0
    assert FILE.read_text().startswith("# yaml-language-server")


def test_init_writes_where_it_is_told_and_names_that_file(lmi: Command):
    done = lmi("init", MODEL, "--out", "new folder/f.yaml", "--instance", "ml.g5.2xlarge")
    assert done.status == 0
    assert "lmi-deploy validate 'new folder/f.yaml'" in done.err
    assert lmi("validate", "new folder/f.yaml").status == 0
    assert sorted(path.name for path in Path("new folder").iterdir()) == ["f.yaml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["meta-llama/Llama-2-7b-hf"], "is gated"),
        (["acme/chat"], "--weights-gib"),
        ([MODEL, "--instance", "ml.g5.3xlarge"], "unknown instance type"),
        ([MODEL, "--container", "9.9"], "unknown container version"),
        (["TheBloke/Llama-2-70B-fp16", "--instance", "ml.g5.2xlarge"], "LMI203"),
        ([MODEL, "--name", "Chat"], "no name for a profile"),
        ([MODEL, "--weights-gib", "0"], "--weights-gib"),
    ],
)
def test_init_refuses_with_the_reason_and_writes_nothing(
    lmi: Command, arguments: list[str], words: str
):
    before = sorted(Path("profiles").iterdir())
    done = lmi("init", *arguments)
    assert (done.status, done.out) == (2, "")
    assert words in done.err
    assert sorted(Path("profiles").iterdir()) == before


def test_init_says_what_it_does_not_know(lmi: Command):
    done = lmi("init", "tiiuae/falkon-7b", "--out", "-")
    assert done.status == 0
    assert f"it holds {MODEL}" in done.err
    assert "warning[LMI403]" in done.err
    assert "estimated from 7b in the name" in done.out


def test_init_asks_no_network(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_arguments: object, **_options: object):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert lmi("init", MODEL).status == 0


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ([], "tiiuae/falcon-7", "tiiuae/falcon-7b"),
        ([MODEL, "--instance"], "ml.p4d", "ml.p4d.24xlarge"),
        ([MODEL, "--container"], "0.27", "0.27.0"),
    ],
)
def test_init_completes_the_names_of_the_catalog(words: list[str], incomplete: str, expected: str):
    complete = ShellComplete(cli, {}, "lmi-deploy", "_LMI_DEPLOY_COMPLETE")
    found = complete.get_completions(["init", *words], incomplete)
    assert expected in [item.value for item in found]
    assert all(item.value.startswith(incomplete) for item in found)
