"""`lmi-deploy lock`, from the profiles to the file, against a server that answers as the hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from lmi_deployer.edges import hub as hub_edge
from lmi_deployer.edges import hub_errors, lock_files
from lmi_deployer.edges.lock_files import rewrite
from lmi_deployer.errors import InputError
from lmi_deployer.lockfile import LockedModel, read
from lmi_deployer.resources import data_folder
from tests.cli.conftest import Command
from tests.edges.hub_server import COMMIT, TOKEN, Fault, HubServer, Repo, running_hub, weights

CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
    "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2,
    "vocab_size": 1000, "max_position_embeddings": 2048, "tie_word_embeddings": True,
}  # fmt: skip
TENSORS = {"model.embed_tokens.weight": ("F16", [1000, 64]),
           "model.layers.weight": ("F16", [2, 41_024])}  # fmt: skip
"""Embedding, and two layers of 41,024 numbers: what CONFIG comes to, but for a norm."""
NAME = "TheBloke/Llama-2-7B-fp16"
LOCK = Path("profiles/lmi.lock")
OTHER = "b2" * 20


@pytest.fixture(autouse=True)
def nobody_is_signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "stored_tokens"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with running_hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        config = json.dumps(CONFIG).encode()
        server.repos[NAME] = Repo({"config.json": config, "model.safetensors": weights(TENSORS)})
        yield server
        close_session()


def profile(name: str, **replaced: str) -> Path:
    """Another profile beside the first: its text with words replaced."""
    text = Path("profiles/chat.yaml").read_text().replace("name: chat", f"name: {name}")
    for old, new in replaced.items():
        text = text.replace({"model": NAME}[old], new)
    path = Path(f"profiles/{name}.yaml")
    path.write_text(text)
    return path


def test_the_facts_of_the_hub_are_locked_beside_the_profiles(hub: HubServer, lmi: Command):
    done = lmi("lock")
    assert done.status == 0, done.err
    assert f"+ {NAME}" in done.out
    assert f"commit {COMMIT}" in done.out
    assert "ok  profiles/lmi.lock  written: 1 added" in done.out
    lock = read(LOCK)
    assert lock is not None
    (entry,) = lock.models
    assert (entry.commit, entry.facts_from, entry.parameters) == (COMMIT, "hub", {"F16": 146_048})
    assert entry.config["hidden_size"] == 64


def test_a_second_run_asks_nobody_and_changes_no_byte(hub: HubServer, lmi: Command):
    lmi("lock")
    before, asked = LOCK.stat(), len(hub.requests)
    done = lmi("lock")
    assert "unchanged: 1 kept" in done.out
    assert LOCK.stat() == before
    assert len(hub.requests) == asked
    lmi("lock", "--upgrade")
    assert LOCK.stat() == before


def test_upgrade_shows_what_moved(hub: HubServer, lmi: Command):
    lmi("lock")
    hub.repos[NAME].commit = OTHER
    hub.repos[NAME].files["config.json"] = json.dumps(
        {**CONFIG, "max_position_embeddings": 4096}
    ).encode()
    assert "1 kept" in lmi("lock").out
    done = lmi("lock", "--upgrade")
    assert f"{COMMIT} -> {OTHER}" in done.out
    assert "config.max_position_embeddings  2048 -> 4096" in done.out
    assert "written: 1 moved" in done.out


def test_check_fails_for_a_stale_lock_and_asks_nobody(hub: HubServer, lmi: Command):
    missing = lmi("lock", "--check")
    assert (missing.status, hub.requests) == (2, [])
    assert "there is no lmi.lock beside these profiles" in missing.out
    lmi("lock")
    asked = len(hub.requests)
    assert lmi("lock", "--check").status == 0
    profile("other", model="acme/other")
    stale = lmi("lock", "--check")
    assert stale.status == 2
    assert "error[LMI411] profiles/other.yaml:4:13: model.id: acme/other is not in" in stale.out
    assert "stale  profiles/lmi.lock" in stale.out
    Path("profiles/chat.yaml").unlink()
    assert f"no profile names {NAME} any more" in lmi("lock", "--check").out
    assert len(hub.requests) == asked


def test_check_tells_programs_the_same(hub: HubServer, lmi: Command):
    done = lmi("lock", "--check", "-o", "json")
    document = json.loads(done.out)
    assert (done.status, document["schema_version"]) == (2, 1)
    (lock,) = document["locks"]
    assert lock["is_current"] is False
    assert lock["findings"][0]["code"] == "LMI411"


def test_the_result_is_a_document_for_programs(hub: HubServer, lmi: Command):
    lmi("lock")
    hub.repos[NAME].commit = OTHER
    done = lmi("lock", "--upgrade", "-o", "json", "-q")
    assert done.err == ""
    (model,) = json.loads(done.out)["locks"][0]["models"]
    assert (model["id"], model["change"], model["commit"]) == (NAME, "moved", OTHER)
    assert model["moved"] == [{"fact": "commit", "before": COMMIT, "after": OTHER}]


def test_offline_the_catalog_gives_the_facts_and_leaves_the_revision_open(
    hub: HubServer, lmi: Command
):
    done = lmi("lock", "--offline")
    assert (done.status, hub.requests) == (0, [])
    assert "revision left open; facts of the catalog" in done.out
    lock = read(LOCK)
    assert lock is not None
    assert (lock.models[0].commit, lock.models[0].facts_from) == (None, "catalog")
    assert lmi("lock", "--check").status == 0
    assert "facts_from" in lmi("lock").out
    lock = read(LOCK)
    assert lock is not None
    assert lock.models[0].commit == COMMIT


def test_offline_a_model_that_nobody_knows_is_a_finding(lmi: Command):
    profile("other", model="acme/other")
    done = lmi("lock", "--offline")
    assert done.status == 2
    assert "error[LMI412] profiles/other.yaml:4:13" in done.out
    assert "--from acme/other=FOLDER" in done.out
    lock = read(LOCK)
    assert lock is not None
    assert [entry.model_id for entry in lock.models] == [NAME]


def test_a_gated_model_stops_no_other(hub: HubServer, lmi: Command):
    profile("gated", model="acme/gated")
    files = hub.repos[NAME].files
    hub.repos["acme/gated"] = Repo(dict(files), gated="manual")
    done = lmi("lock")
    assert done.status == 2
    assert "acme/gated is gated" in done.out
    assert "1 added, 1 failed" in done.out
    lock = read(LOCK)
    assert lock is not None
    assert [entry.model_id for entry in lock.models] == [NAME]


def test_a_token_goes_to_the_hub_and_nowhere_else(
    hub: HubServer, lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    hub.repos[NAME].private = True
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    done = lmi("lock")
    assert done.status == 0
    assert any(token for _, _, token in hub.requests)
    assert TOKEN not in done.out + done.err + LOCK.read_text()
    for path in Path.cwd().parent.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes()


def test_a_copy_in_a_folder_is_locked_without_a_hub(hub: HubServer, lmi: Command, tmp_path: Path):
    copy = tmp_path / "copy"
    copy.mkdir()
    file = weights(TENSORS)
    (copy / "config.json").write_text(json.dumps(CONFIG))
    (copy / "model.safetensors").write_bytes(file.part(0, file.size - 1))
    done = lmi("lock", "--from", f"{NAME}={copy}")
    assert (done.status, hub.requests) == (0, [])
    lock = read(LOCK)
    assert lock is not None
    (entry,) = lock.models
    assert (entry.facts_from, entry.commit) == ("folder", None)
    assert str(entry.content).startswith("sha256:")
    assert str(tmp_path) not in LOCK.read_text()
    before = LOCK.read_bytes()
    lmi("lock", "--from", f"{NAME}={copy}")
    assert LOCK.read_bytes() == before


def test_a_copy_on_s3_is_locked_with_the_accounts_credentials(
    hub: HubServer, lmi: Command, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
):
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="acme-models")
    file = weights(TENSORS)
    for name, body in (
        ("config.json", json.dumps(CONFIG).encode()),
        ("model.safetensors", file.part(0, file.size - 1)),
    ):
        client.put_object(Bucket="acme-models", Key=f"chat/{name}", Body=body)
    text = Path("profiles/chat.yaml").read_text()
    source = "s3://acme-models/chat/"
    Path("profiles/chat.yaml").write_text(
        text.replace(f"id: {NAME}", f"id: {NAME}, source: {source}")
    )
    done = lmi("lock", "--region", "us-east-1")
    assert (done.status, hub.requests) == (0, []), done.err
    lock = read(LOCK)
    assert lock is not None
    (entry,) = lock.models
    assert (entry.source, entry.facts_from) == (source, "s3")
    assert entry.parameters == {"F16": 146_048}
    client.put_object(Bucket="acme-models", Key="chat/tokenizer.json", Body=b"{}")
    moved = lmi("lock", "--upgrade", "--region", "us-east-1")
    assert "tokenizer.files" in moved.out


def test_a_hub_that_cannot_be_reached_leaves_the_file_as_it_was(
    hub: HubServer, lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hub_errors, "FIRST_PAUSE_SECONDS", 0)
    lmi("lock", "--offline")
    before = LOCK.read_bytes()
    hub.faults.append(Fault("model.safetensors", cut=True))
    done = lmi("lock")
    assert done.status == 1
    assert "no answer from 127.0.0.1" in done.err
    assert LOCK.read_bytes() == before
    assert sorted(path.name for path in Path("profiles").iterdir()) == ["chat.yaml", "lmi.lock"]


def test_an_interruption_leaves_the_file_as_it_was(
    hub: HubServer, lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    lmi("lock", "--offline")
    before = LOCK.read_bytes()
    monkeypatch.setattr(hub_edge.Hub, "part", interrupted)
    assert lmi("lock").status == 130
    assert LOCK.read_bytes() == before


def test_two_that_lock_at_the_same_time_undo_nothing(tmp_path: Path):
    path = tmp_path / "lmi.lock"

    def add(number: int) -> None:
        entry = LockedModel(
            model_id=f"acme/{number:02}", facts_from="hub", commit=COMMIT, checked="2026-11-21"
        )
        rewrite(path, lambda models: (*models, entry))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    lock = read(path)
    assert lock is not None
    assert [entry.model_id for entry in lock.models] == [f"acme/{n:02}" for n in range(40)]


def test_a_killed_writer_leaves_the_file_whole_and_the_next_one_free(tmp_path: Path):
    path = tmp_path / "lmi.lock"
    program = (
        "import sys\nfrom pathlib import Path\nfrom lmi_deployer.edges import lock_files as files\n"
        "from lmi_deployer.lockfile import LockedModel\n"
        "entry = LockedModel(model_id='acme/chat', facts_from='hub', checked='2026-11-21')\n"
        "print(flush=True)\nwhile True:\n"
        "    for models in ((entry,), ()):\n"
        "        files.rewrite(Path(sys.argv[1]), lambda _now, models=models: models)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as it:
        assert it.stdout is not None
        it.stdout.readline()
        while not path.exists():
            pass
        it.kill()
    assert read(path) is not None
    assert rewrite(path, lambda _models: (LockedModel(
        model_id="acme/other", facts_from="hub", checked="2026-11-21"
    ),))  # fmt: skip
    lock = read(path)
    assert lock is not None
    assert [entry.model_id for entry in lock.models] == ["acme/other"]


def test_a_lock_behind_a_link_is_rewritten_where_it_is(hub: HubServer, lmi: Command):
    shared = Path("shared.lock")
    shared.write_text('{"lock_version": 1, "models": []}\n')
    LOCK.symlink_to(Path("..") / shared)
    assert lmi("lock").status == 0
    assert LOCK.is_symlink()
    assert COMMIT in shared.read_text()


def test_a_lock_that_could_not_be_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lock_files, "MAX_FILE_BYTES", 100)
    entry = LockedModel(model_id="acme/chat", facts_from="hub", checked="2026-11-21")
    with pytest.raises(InputError, match="would be larger than 100 bytes"):
        rewrite(tmp_path / "lmi.lock", lambda _models: (entry,))
    assert not [path for path in tmp_path.iterdir() if "lmi.lock" in path.name]


def test_a_named_profile_alone_is_locked_and_the_others_stay(hub: HubServer, lmi: Command):
    lmi("lock")
    hub.repos["acme/other"] = hub.repos[NAME]
    profile("other", model="acme/other")
    done = lmi("lock", "other")
    assert done.status == 0
    assert "1 added" in done.out
    lock = read(LOCK)
    assert lock is not None
    assert {entry.model_id for entry in lock.models} == {NAME, "acme/other"}


def test_a_broken_profile_is_told_and_nothing_is_locked(hub: HubServer, lmi: Command):
    Path("profiles/broken.yaml").write_text("apiVersion: [")
    done = lmi("lock")
    assert done.status == 2
    assert "error[LMI001] profiles/broken.yaml:2:1" in done.err
    assert not LOCK.exists()
    assert hub.requests == []


def test_an_unusable_lock_is_told_with_its_line(lmi: Command):
    LOCK.write_text("{\n}}")
    for words in (("lock", "--check"), ("lock", "--offline")):
        done = lmi(*words)
        assert done.status == 2
        assert "error[LMI414] profiles/lmi.lock:2:2: is not valid JSON" in done.err
    assert LOCK.read_text() == "{\n}}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--check", "--upgrade"), "--check changes nothing"),
        (("--offline", "--upgrade"), "--upgrade asks for news"),
        (("--from", "folder"), "is not of the form MODEL_ID=PLACE"),
        (("--from", "acme/other=/x"), "no profile names 'acme/other'"),
        (("--from", f"{NAME}=/none"), "there is no folder /none"),
        (("none",), "there is no profile 'none'"),
        (("llama2-70b",), "comes with lmi-deploy"),
    ],
)
def test_what_makes_no_sense_is_refused(lmi: Command, words: tuple[str, ...], said: str):
    done = lmi("lock", *words)
    assert done.status in {1, 2}
    assert said in done.err
    assert not LOCK.exists()


def test_without_huggingface_hub_the_command_says_how_to_get_it(
    lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.delitem(sys.modules, "lmi_deployer.edges.hub")
    monkeypatch.delitem(sys.modules, "lmi_deployer.edges.hub_errors")
    done = lmi("lock")
    assert done.status == 2
    assert "pip install 'lmi-deploy[hub]'" in done.err
    assert "--offline" in done.err


def test_the_shipped_profiles_come_with_a_lock_that_is_current(lmi: Command):
    done = lmi("lock", "--check", str(data_folder("profiles")))
    assert done.status == 0, done.out


def test_a_process_of_its_own_finds_hub_and_token_in_its_environment(hub: HubServer):
    hub.repos[NAME].gated = "manual"
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN}
    done = subprocess.run(
        [sys.executable, "-m", "lmi_deployer", "lock"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert COMMIT in LOCK.read_text()
    asked = {path for _, path, token in hub.requests if token}
    assert asked == {
        f"/api/models/{NAME}/revision/main",
        *(f"/{NAME}/resolve/{COMMIT}/{name}" for name in hub.repos[NAME].files),
    }
