"""`lmi-deploy recommend`, with the real models of memory and speed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session

from lmi_deployer import prices
from lmi_deployer.resources import shipped_profiles
from tests.cli.conftest import Command
from tests.edges.hub_server import Repo, running_hub, small_model

MISTRAL = "mistralai/Mistral-7B-v0.1"
LLAMA_CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "max_position_embeddings": 4096,
    "torch_dtype": "float16",
}


@pytest.fixture(autouse=True)
def only_the_catalogs_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(prices.FILE_VARIABLE, "")
    prices.known.cache_clear()


def document(lmi: Command, *arguments: str) -> Any:
    return json.loads(lmi("recommend", *arguments, "-o", "json").out)


def test_the_table_shows_every_column_and_why_not_the_others(lmi: Command):
    done = lmi("recommend", "llama2-70b", "--quantize", "bitsandbytes8", "--top", "20")
    assert done.status == 0
    for heading in ("INSTANCE TYPE", "DEGREE", "COPIES", "QUANTIZE", "GIB PER GPU", "BATCH"):
        assert heading in done.out
    assert "LMI 0.25.0 (as the profile says)" in done.out
    assert "Why not the others" in done.out
    assert "GiB too little on each GPU" in done.out


def test_every_price_stands_with_its_region_and_day(lmi: Command):
    rows = document(lmi, "llama2-70b", "--top", "20")["recommendations"]
    assert rows
    priced = [row["price"] for row in rows if row["price"] is not None]
    assert all(price["region"] and price["as_of"] and price["source"] for price in priced)
    text = lmi("recommend", "llama2-70b").out
    assert "us-west-2 2026-09-01" in text


def test_no_figure_of_speed_or_cost_is_bare(lmi: Command):
    for row in document(lmi, "llama2-70b", "--top", "20")["recommendations"]:
        for band in (
            row["performance"]["output_tokens_per_second"],
            row["usd_per_million_output_tokens"],
        ):
            if band is None:
                continue
            assert band["low"] < band["middle"] < band["high"]
        assert row["performance"]["basis"] or row["performance"]["no_basis"]


def test_a_region_without_prices_says_so_beside_the_price_it_ranks_by(lmi: Command):
    done = lmi("recommend", "llama2-70b", "--region", "eu-west-3")
    assert "no price for eu-west-3" in done.out
    assert "us-west-2 is $25.25 of 2026-09-01 (ml.p4d.24xlarge)" in " ".join(done.out.split())


def test_prices_of_a_file_come_before_all_others(lmi: Command):
    Path("mine.yaml").write_text(
        "- name: mine\n  region: eu-west-3\n  as_of: 2024-01-01\n  source: our contract\n"
        "  checked: 2026-11-21\n  usd_per_hour: {ml.p4d.24xlarge: 9.5}\n"
    )
    rows = document(
        lmi, "llama2-70b", "--region", "eu-west-3", "--prices", "mine.yaml",
        "--instance", "ml.p4d.24xlarge",
    )["recommendations"]  # fmt: skip
    assert rows[0]["price"]["usd_per_hour"] == 9.5
    assert rows[0]["price"]["source"] == "our contract"
    assert rows[0]["price"]["is_of_the_region"]


def test_where_nothing_fits_the_nearest_and_a_way_out_are_told(lmi: Command):
    done = lmi("recommend", "llama2-70b", "--instance", "g5.12xlarge")
    assert done.status == 2
    assert "GiB too little on each GPU" in done.err
    assert "fix: --quantize" in done.err
    assert "it does not fit" in done.out


def test_the_way_out_that_is_told_leads_out(lmi: Command):
    done = lmi("recommend", "llama2-70b", "--max-usd-per-hour", "3")
    assert done.status == 2
    (flag, usd) = done.err.split("fix: ")[1].split()[:2]
    assert lmi("recommend", "llama2-70b", flag, usd).status == 0


def test_nothing_that_fits_is_a_document_too(lmi: Command):
    done = lmi("recommend", "llama2-70b", "--instance", "ml.g5.xlarge", "-o", "json")
    assert done.status == 2
    found = json.loads(done.out)
    assert found["recommendations"] == []
    assert found["discarded"][0]["count"] == found["candidates"]


def test_limits_are_told_and_kept(lmi: Command):
    arguments = ("--concurrency", "8", "--max-usd-per-hour", "20", "--goal", "throughput")
    found = document(lmi, MISTRAL, "--container", "0.30.0", *arguments)
    assert found["concurrency"] == 8
    for row in found["recommendations"]:
        assert row["price"]["usd_per_hour"] <= 20
        assert row["max_rolling_batch_size"] * row["copies"] >= 8
        assert row["container_version"] == "0.30.0"


def test_a_written_profile_validates_without_errors(lmi: Command):
    shutil.copy(shipped_profiles()["llama2-70b"], "profiles/llama2-70b.yaml")
    before = Path("profiles/llama2-70b.yaml").read_text()
    done = lmi("recommend", "llama2-70b", "--write=chosen")
    assert done.status == 0
    after = Path("profiles/llama2-70b.yaml").read_text()
    assert after.startswith(before.rstrip("\n"))
    assert lmi("validate", "llama2-70b").status == 0
    assert lmi("explain", "llama2-70b", "-p", "chosen").status == 0
    again = lmi("recommend", "llama2-70b", "--write=chosen")
    assert again.status == 2
    assert "already" in again.err
    assert Path("profiles/llama2-70b.yaml").read_text() == after


def test_another_row_can_be_picked(lmi: Command):
    shutil.copy(shipped_profiles()["llama2-70b"], "profiles/llama2-70b.yaml")
    second = document(lmi, "llama2-70b")["recommendations"][1]
    assert lmi("recommend", "llama2-70b", "--write=second", "--pick", "2").status == 0
    text = Path("profiles/llama2-70b.yaml").read_text()
    assert f"instance_type: {second['instance_type']}" in text.partition("  second:")[2]


def test_a_dry_run_shows_the_diff_and_writes_nothing(lmi: Command):
    done = lmi("recommend", MISTRAL, "--write", "--dry-run")
    assert done.status == 0
    assert "+++ profiles/mistral-7b-v0-1.yaml" in done.out
    assert not Path("profiles/mistral-7b-v0-1.yaml").exists()


def test_a_model_without_a_profile_gets_one_that_validates(lmi: Command):
    assert lmi("recommend", MISTRAL, "--write").status == 0
    assert lmi("validate", "mistral-7b-v0-1").status == 0
    refused = lmi("recommend", MISTRAL, "--write")
    assert refused.status == 2
    assert "is there already" in refused.err


def test_profiles_that_come_with_the_tool_are_not_written_to(lmi: Command):
    text = shipped_profiles()["llama2-70b"].read_text()
    done = lmi("recommend", "llama2-70b", "--write")
    assert done.status == 2
    assert "cp " in done.err
    assert shipped_profiles()["llama2-70b"].read_text() == text


def test_a_picture_is_drawn(lmi: Command):
    assert lmi("recommend", "llama2-70b", "--plot", "rows.svg", "--top", "3").status == 0
    assert "ml.p5en.48xlarge" in Path("rows.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("never-heard-of",), "neither a profile nor the catalog"),
        (("acme/never-heard-of",), "lmi-deploy lock"),
        (("llama2-70b", "--instance", "ml.p4d.24xlarg"), "did you mean 'ml.p4d.24xlarge'?"),
        (("llama2-70b", "--max-usd-per-hour", "nan"), "a number of dollars"),
        (("llama2-70b", "--gpu", "A100-80"), "A100"),
        (("llama2-70b", "--backend", "vlm"), "did you mean 'vllm'?"),
        (("llama2-70b", "--quantize", "awk"), "did you mean 'awq'?"),
        (("llama2-70b", "--container", "0.2.5"), "unknown container version"),
        (("llama2-70b", "--region", "us-east-11"), "did you mean 'us-east-1'?"),
        (("llama2-70b", "--max-input-len", "9000"), "4096"),
        (("llama2-70b", "--prices", "none.json"), "none.json"),
        (("llama2-70b", "--plot", "rows.gif"), ".svg"),
        (("llama2-70b", "--write", "--pick", "99"), "no row 99"),
    ],
)
def test_a_mistake_is_met_with_the_way_out(lmi: Command, arguments: tuple[str, ...], told: str):
    done = lmi("recommend", *arguments)
    assert done.status == 2
    assert told in done.err
    assert done.out == ""


def test_the_documentation_names_every_option():
    from lmi_deployer.cli.recommend_command import command

    page = (Path(__file__).parents[2] / "docs" / "recommending.md").read_text(encoding="utf-8")
    names = [name for option in command.params for name in option.opts if name.startswith("--")]
    assert [name for name in names if name not in page] == ["--output"]  # it stands as -o


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gpu", "A10"], "no SageMaker instance type has A10\n  fix: did you mean 'A10G'?"),
        (["--quantize", "gptq"], "quantized already; these are not"),
        (["--concurrency", "9" * 21], "is not a whole number from 1 to 10,000,000"),
    ],
)
def test_what_can_never_be_is_refused_at_once(lmi: Command, words: list[str], said: str):
    done = lmi("recommend", MISTRAL, *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_a_model_that_only_the_hub_knows_is_looked_up_when_asked(
    lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    with running_hub() as hub:
        hub.repos["acme/chat"] = Repo(small_model(LLAMA_CONFIG))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        close_session()
        assert "--refresh looks it up" in lmi("recommend", "acme/chat").err
        assert not hub.requests
        done = lmi("recommend", "acme/chat", "--refresh", "--top", "1")
    assert done.status == 0
    assert done.out.startswith("acme/chat    LMI ")


def test_the_comment_tells_the_cache_of_each_copy(lmi: Command):
    words = ("--write=x", "--dry-run", "--instance", "g5.48xlarge", "--container", "0.36.0-lmi27")
    done = lmi("recommend", MISTRAL, *words)
    words_alone = done.out.replace("#", " ").replace("+", " ").split()
    assert "tokens in each of 4 copies" in " ".join(words_alone)
