"""The hub's edge: the unmodified huggingface_hub against a server that answers as the hub does."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session, constants

from lmi_deployer.edges import hub as hub_edge
from lmi_deployer.edges.hub import Hub
from lmi_deployer.edges.hub_errors import ATTEMPTS, HubError
from lmi_deployer.errors import InputError, LmiDeployError
from lmi_deployer.locking.checkpoint import CheckpointError, CheckpointFacts, facts_of
from tests.edges.hub_server import (
    COMMIT,
    TOKEN,
    Fault,
    HubServer,
    Repo,
    Sparse,
    index,
    running_hub,
    weights,
)

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
    "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2,
    "num_key_value_heads": 2, "vocab_size": 1000, "torch_dtype": "float16",
    "max_position_embeddings": 2048, "bos_token_id": 1, "transformers_version": "4.31.0",
}  # fmt: skip
EMBEDDING = {"model.embed_tokens.weight": ("F16", [1000, 64])}
HEAD = {"lm_head.weight": ("F16", [1000, 64])}
SMALL = {"config.json": json.dumps(CONFIG).encode(), "tokenizer.json": b"{}"}
MODEL = "acme/small"


@pytest.fixture(autouse=True)
def nobody_is_signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "stored_tokens"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.repos[MODEL] = Repo({**SMALL, "model.safetensors": weights(EMBEDDING | HEAD)})
        yield hub
        close_session()


class Waits:
    """A clock that does not wait, and a place for lines of progress."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.lines: list[str] = []

    def hub(self) -> Hub:
        return Hub(say=self.lines.append, sleep=self.seconds.append)


@pytest.fixture
def waits() -> Waits:
    return Waits()


def facts(waits: Waits, model_id: str = MODEL, revision: str = "main") -> CheckpointFacts:
    return facts_of(waits.hub().repository(model_id, revision))


def refusal(waits: Waits, kind: type[LmiDeployError], model_id: str = MODEL) -> LmiDeployError:
    with pytest.raises(kind) as caught:
        facts(waits, model_id)
    assert TOKEN not in str(caught.value)
    assert all(TOKEN not in line for line in waits.lines)
    return caught.value


def test_a_public_model_gives_its_commit_its_config_and_exact_counts(
    server: HubServer, waits: Waits
):
    found = waits.hub().repository(MODEL, "main")
    assert (found.commit, found.model_id, found.gated, found.is_private) == (
        COMMIT, MODEL, False, False,
    )  # fmt: skip
    known = facts_of(found)
    assert known.parameters == {"F16": 2 * 1000 * 64}
    assert known.weights["safetensors"].bytes == server.repos[MODEL].files["model.safetensors"].size  # type: ignore[union-attr]
    assert known.config["num_key_value_heads"] == 2
    assert "bos_token_id" not in known.config
    assert known.tokenizer == {"files": ["tokenizer.json"], "vocab_size": 1000}
    assert known.doubts == ()


def test_weights_come_from_the_other_host_without_the_token(
    server: HubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    facts(waits)
    signed = {host: token for host, _, token in server.requests}
    assert signed == {"127.0.0.1": True, "localhost": False}
    assert not any("safetensors" in path and "cdn" not in path and "resolve/main" in path
                   for path in server.paths())  # fmt: skip


def test_every_file_is_read_at_the_commit_and_not_at_the_branch(server: HubServer, waits: Waits):
    facts(waits)
    assert all(f"/resolve/{COMMIT}/" in path for path in server.paths() if "/resolve/" in path)


def test_a_pinned_commit_is_asked_for_and_another_is_not_there(server: HubServer, waits: Waits):
    assert waits.hub().repository(MODEL, COMMIT).commit == COMMIT
    with pytest.raises(CheckpointError, match="no such revision"):
        waits.hub().repository(MODEL, "b" * 40)


def test_the_shards_that_the_index_names_are_counted_and_no_other_file(
    server: HubServer, waits: Waits
):
    first, second = weights(EMBEDDING), weights(HEAD)
    names = {f"model-0000{n}-of-00002.safetensors": file for n, file in ((1, first), (2, second))}
    tensors = {name: [f"t{name}"] for name in names}
    server.repos[MODEL].files = {
        **SMALL, **names, "model.safetensors.index.json": index(tensors),
        "consolidated.safetensors": weights(EMBEDDING | HEAD), "pytorch_model.bin": b"x" * 99,
    }  # fmt: skip
    known = facts(waits)
    assert known.parameters == {"F16": 128_000}
    assert known.weights["safetensors"].files == 2
    assert known.weights["safetensors"].bytes == first.size + second.size
    assert known.weights["pytorch"].bytes == 99


def test_a_header_longer_than_the_first_read_is_read_whole(server: HubServer, waits: Waits):
    tensors = {f"model.layers.{n}.mlp.experts.{n}.down_proj.weight": ("BF16", [8, 8])
               for n in range(2000)}  # fmt: skip
    server.repos[MODEL].files["model.safetensors"] = weights(tensors)
    assert facts(waits).parameters == {"BF16": 2000 * 64}


def test_a_shard_that_is_missing_is_a_contradiction(server: HubServer, waits: Waits):
    server.repos[MODEL].files = {
        **SMALL, "model.safetensors.index.json": index({"model-1.safetensors": ["a"]})
    }  # fmt: skip
    error = refusal(waits, CheckpointError)
    assert "model-1.safetensors" in str(error)
    assert isinstance(error, CheckpointError)
    assert error.code == "LMI413"


def test_a_weight_file_that_is_cut_off_on_the_hub_is_a_contradiction(
    server: HubServer, waits: Waits
):
    whole = weights(EMBEDDING | HEAD)
    server.repos[MODEL].files["model.safetensors"] = Sparse(whole.start, whole.size // 2)
    error = refusal(waits, CheckpointError)
    assert "its header tells of" in str(error)


def test_without_safetensors_there_are_bytes_and_a_doubt(server: HubServer, waits: Waits):
    server.repos[MODEL].files = {
        **SMALL, "pytorch_model-1.bin": b"x" * 700, "pytorch_model-2.bin": b"x" * 300,
        "pytorch_model.bin.index.json": index(
            {"pytorch_model-1.bin": ["a"], "pytorch_model-2.bin": ["b"]}
        ),
        "training_args.bin": b"x" * 50,
    }  # fmt: skip
    known = facts(waits)
    assert known.parameters == {}
    assert (known.weights["pytorch"].bytes, known.weights["pytorch"].files) == (1000, 2)
    assert "computed, not counted" in known.doubts[0]


def test_an_old_gptq_repository_says_beside_the_config_how_it_is_quantized(
    server: HubServer, waits: Waits
):
    said = {"bits": 4, "group_size": 128, "desc_act": True, "damp_percent": 0.1}
    server.repos[MODEL].files["quantize_config.json"] = json.dumps(said).encode()
    assert facts(waits).config["quantization_config"] == {
        "quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": True,
    }  # fmt: skip


def test_a_gated_model_names_the_page_with_its_terms_and_the_copy(server: HubServer, waits: Waits):
    server.repos[MODEL].gated = "manual"
    text = str(refusal(waits, CheckpointError))
    assert f"{MODEL} is gated" in text
    assert f"accept its terms on {server.url}/{MODEL} and" in text  # http, as the mirror is
    assert "hf auth login" in text
    assert "--from" in text


def test_a_gated_model_is_read_with_the_token_of_the_environment(
    server: HubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
):
    server.repos[MODEL].gated = "auto"
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert waits.hub().repository(MODEL, "main").gated == "auto"
    assert facts(waits).parameters


def test_a_private_model_is_read_with_the_token_of_the_file(
    server: HubServer, waits: Waits, tmp_path: Path
):
    server.repos[MODEL].private = True
    assert "may not see it" in str(refusal(waits, CheckpointError))
    (tmp_path / "token").write_text(TOKEN)
    assert waits.hub().repository(MODEL, "main").is_private is True
    assert facts(waits).parameters


def test_a_wrong_token_is_said_without_being_shown(
    server: HubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
):
    server.repos[MODEL].gated = "auto"
    monkeypatch.setenv("HF_TOKEN", TOKEN + "y")
    assert "the account of HF_TOKEN has no access" in str(refusal(waits, CheckpointError))


def test_a_renamed_model_is_followed_and_its_new_name_told(server: HubServer, waits: Waits):
    server.renamed["acme/old"] = MODEL
    found = waits.hub().repository("acme/old", "main")
    assert (found.title, found.model_id) == ("acme/old", MODEL)
    assert facts_of(found).parameters


def test_there_is_no_such_model(server: HubServer, waits: Waits):
    assert "no model acme/none" in str(refusal(waits, CheckpointError, "acme/none"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["a/b/c", "-x", "a b", "../../etc", "a" * 200])
def test_what_is_no_name_of_a_model_is_refused_before_anything_is_sent(
    server: HubServer, waits: Waits, name: str
):
    assert "no name of a model" in str(refusal(waits, CheckpointError, name))
    assert server.requests == []


def test_a_repository_without_a_config_says_so(server: HubServer, waits: Waits):
    server.repos[MODEL].files.pop("config.json")
    assert "has no config.json" in str(refusal(waits, CheckpointError))


def test_an_adapter_names_the_model_that_it_adapts(server: HubServer, waits: Waits):
    adapter = json.dumps({"base_model_name_or_path": "acme/base"}).encode()
    server.repos[MODEL].files = {"adapter_config.json": adapter, "adapter_model.bin": b"x"}
    assert "model.id: acme/base" in str(refusal(waits, CheckpointError))


@pytest.mark.parametrize("config", [b"<html>", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"a": 1'])
def test_a_config_that_is_no_json_object_says_so(server: HubServer, waits: Waits, config: bytes):
    server.repos[MODEL].files["config.json"] = config
    assert "is no JSON object" in str(refusal(waits, CheckpointError))


def test_a_file_that_is_no_safetensors_file_says_so(server: HubServer, waits: Waits):
    server.repos[MODEL].files["model.safetensors"] = b"version https://git-lfs.github.com/spec/v1"
    assert "is no safetensors file" in str(refusal(waits, CheckpointError))


def test_a_token_that_the_hub_does_not_accept_is_not_called_a_missing_model(
    server: HubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
):
    said = {"X-Error-Message": "Invalid credentials in Authorization header"}
    server.faults.append(Fault("/api/", status=401, headers=said))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    text = str(refusal(waits, HubError))
    assert "does not accept the token of the account of HF_TOKEN" in text
    assert "without a token" in text


@pytest.mark.parametrize("status", [302, 520])
def test_an_answer_that_leads_nowhere_is_told(server: HubServer, waits: Waits, status: int):
    server.faults.append(Fault("/api/", status=status, headers={"Location": "ftp://elsewhere/"}))
    text = str(refusal(waits, HubError))
    assert "does not answer as a hub" in text if status == 302 else "status 520" in text


def test_addresses_that_lead_in_a_circle_are_followed_once(server: HubServer, waits: Waits):
    server.renamed[MODEL] = MODEL
    assert "does not answer as a hub" in str(refusal(waits, HubError))
    assert waits.seconds == []


def test_a_compressed_flood_is_read_no_further_than_the_listed_size(
    server: HubServer, waits: Waits
):
    flood = gzip.compress(b" " * 100_000_000)
    server.faults.append(Fault("config.json", body=flood, headers={"Content-Encoding": "gzip"}))
    assert "is no JSON object" in str(refusal(waits, CheckpointError))


def test_an_answer_that_drips_is_given_up(
    server: HubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
):
    server.repos[MODEL].files["model.safetensors"] = weights({"a" * 90_000: ("F16", [9])})
    monkeypatch.setattr(hub_edge, "LONGEST_SECONDS", -1)
    assert "sends too slowly" in str(refusal(waits, HubError))


@pytest.mark.parametrize(
    "said",
    [
        {"sha": 5}, {"siblings": None}, {"siblings": [5]}, {"id": None}, {"lastModified": "x"},
        {"siblings": [{"rfilename": 5}]}, {"siblings": [{"rfilename": "config.json", "size": "x"}]},
        {"siblings": [{"rfilename": "\x1b[31m.safetensors"}, {"rfilename": "config.json"}]},
    ],
    ids=str,
)  # fmt: skip
def test_a_listing_that_no_hub_gives_is_an_error_and_no_crash(
    server: HubServer, waits: Waits, said: dict[str, Any]
):
    files = [{"rfilename": "config.json", "size": len(SMALL["config.json"])}]
    answer = {"id": MODEL, "sha": COMMIT, "siblings": files, **said}
    server.faults.append(Fault("/api/", body=json.dumps(answer).encode()))
    text = str(refusal(waits, LmiDeployError))
    assert text.isprintable() or "\n  fix:" in text
    assert "\x1b" not in text


def test_a_gate_of_another_kind_counts_as_one(server: HubServer, waits: Waits):
    server.repos[MODEL].gated = "\x1b[31m" * 9
    assert waits.hub().repository(MODEL, "main").gated is True


@pytest.mark.parametrize("wait", ["\N{SUPERSCRIPT TWO}", "soon", "Wed, 21 Oct 99999 07:28:00 GMT"])
def test_a_wait_that_is_none_is_not_waited_for(server: HubServer, waits: Waits, wait: str):
    headers = {"Retry-After": wait}
    server.faults.append(Fault("/api/", status=429, headers=headers, times=1))
    assert facts(waits).parameters
    assert waits.seconds == [0.5]


def test_a_hub_that_asks_to_wait_gets_its_time_and_then_the_question_again(
    server: HubServer, waits: Waits
):
    server.faults.append(Fault("/api/", status=429, headers={"Retry-After": "7"}, times=2))
    assert facts(waits).parameters
    assert waits.seconds == [7, 7]
    assert any("status 429" in line and "7 s" in line for line in waits.lines)


def test_the_hubs_own_header_says_how_long_to_wait(server: HubServer, waits: Waits):
    limit = {"RateLimit": '"api";r=0;t=11', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    server.faults.append(Fault("config.json", status=429, headers=limit, times=1))
    assert facts(waits).parameters
    assert waits.seconds == [11]


def test_a_hub_that_asks_for_a_long_wait_is_left_alone(server: HubServer, waits: Waits):
    server.faults.append(Fault("/api/", status=429, headers={"Retry-After": "3600"}))
    assert "asks to wait 3600 seconds" in str(refusal(waits, HubError))
    assert waits.seconds == []


def test_a_limit_without_an_end_is_given_up_after_some_tries(server: HubServer, waits: Waits):
    server.faults.append(Fault("/api/", status=429))
    text = str(refusal(waits, HubError))
    assert "status 429" in text
    assert "--offline" in text
    assert len(server.requests) == ATTEMPTS
    assert len(waits.seconds) == ATTEMPTS - 1


@pytest.mark.parametrize("path", ["/api/models", "config.json", "/cdn/"])
def test_an_answer_that_is_cut_off_is_asked_for_again(server: HubServer, waits: Waits, path: str):
    server.repos[MODEL].files["model.safetensors"] = weights(EMBEDDING | HEAD)
    server.faults.append(Fault(path, cut=True, times=2))
    assert facts(waits).parameters == {"F16": 128_000}
    assert len(waits.seconds) == 2


@pytest.mark.parametrize("path", ["/api/models", "config.json", "/cdn/"])
def test_answers_that_are_always_cut_off_are_given_up(server: HubServer, waits: Waits, path: str):
    server.faults.append(Fault(path, cut=True))
    assert "no answer" in str(refusal(waits, HubError))


def test_an_internal_error_of_the_hub_is_tried_again_and_then_told(server: HubServer, waits: Waits):
    server.faults.append(Fault("/api/", status=503))
    assert "status 503" in str(refusal(waits, HubError))


@pytest.mark.parametrize("body", [b"<html>sign in to the network</html>", b"{}", b"[]", b"null"])
def test_something_else_than_a_hub_is_told_as_such(server: HubServer, waits: Waits, body: bytes):
    server.faults.append(Fault("/api/", body=body))
    text = str(refusal(waits, HubError))
    assert "does not answer as a hub" in text or "names no commit" in text


def test_no_network_names_the_way_without_one(
    server: HubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    text = str(refusal(waits, HubError))
    assert "no answer from 127.0.0.1:9" in text
    assert "--offline" in text


def test_the_offline_switch_of_huggingface_hub_is_kept(
    server: HubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in str(refusal(waits, HubError))
    assert server.requests == []


@pytest.mark.parametrize("url", ["nowhere", "ftp://a.b", "http://", "http://a:99999999"])
def test_an_endpoint_that_is_no_address_is_refused(
    waits: Waits, monkeypatch: pytest.MonkeyPatch, url: str
):
    monkeypatch.setenv("HF_ENDPOINT", url)
    with pytest.raises(InputError, match="HF_ENDPOINT is no address"):
        waits.hub()


def test_a_password_in_the_endpoint_is_never_shown(
    server: HubServer, waits: Waits, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_ENDPOINT", "http://me:sesame@127.0.0.1:9")
    assert "sesame" not in str(refusal(waits, HubError))
    assert not any("sesame" in line for line in waits.lines)
