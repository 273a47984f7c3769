"""What shells are offered after options and arguments."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from click.shell_completion import ShellComplete

from lmi_deployer.cli import cli


def offered(words: Sequence[str], begun: str) -> list[str]:
    shell = ShellComplete(cli, {}, "lmi-deploy", "_LMI_DEPLOY_COMPLETE")
    return [item.value for item in shell.get_completions(list(words), begun)]


@pytest.mark.parametrize(
    ("words", "begun", "expected"),
    [
        (["size", "--instance"], "ml.g5.2", "ml.g5.2xlarge"),
        (["size", "--instance"], "g5.2", "g5.2xlarge"),
        (["size", "--gpu"], "a10", "A10G"),
        (["size", "--region"], "eu-w", "eu-west-1"),
        (["size", "--tensor-parallel-degree"], "m", "max"),
        (["size", "--dtype"], "b", "bf16"),
        (["size"], "meta-llama/llama-2-7b", "meta-llama/Llama-2-7b-hf"),
        (["size"], "llama2", "llama2-70b"),
        (["recommend"], "mistralai/", "mistralai/Mistral-7B-v0.1"),
        (["recommend", "--backend"], "t", "trtllm"),
        (["recommend", "--quantize"], "sm", "smoothquant"),
        (["recommend", "--instance"], "p4", "p4d.24xlarge"),
        (["catalog", "models"], "mistralai/", "mistralai/Mistral-7B-v0.1"),
        (["catalog", "prices"], "us-east-1", "us-east-1-2026-08-17"),
        (["catalog", "refresh", "--region"], "eu-w", "eu-west-1"),
    ],
)
def test_names_are_completed(words: list[str], begun: str, expected: str):
    found = offered(words, begun)
    assert expected in found
    assert all(item.lower().startswith(begun.lower()) for item in found)


def test_what_begins_no_name_is_completed_with_nothing():
    assert offered(["size", "--instance"], "zzz") == []
