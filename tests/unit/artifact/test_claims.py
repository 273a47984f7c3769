"""Two that want to make the same artifact at once: one makes it."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmi_deployer.artifact import claims
from lmi_deployer.artifact.claims import Claim, ClaimLostError
from lmi_deployer.artifact.folder_store import FolderStore
from tests.unit.artifact.artifacts import Watched

PREFIX = "0123456789abcdef/"
NOW = 1_800_000_000.0
ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "cache")


def test_a_claim_keeps_others_out_until_it_runs_out(store: FolderStore):
    mine = claims.take(store, PREFIX, "me", NOW, 600)
    assert mine == Claim("me", NOW, NOW + 600)
    assert claims.take(store, PREFIX, "you", NOW + 599, 600) is None
    assert claims.look(store, PREFIX) == mine
    yours = claims.take(store, PREFIX, "you", NOW + 600, 600)
    assert yours == claims.look(store, PREFIX)


def test_a_renewed_claim_lasts_longer(store: FolderStore):
    mine = claims.take(store, PREFIX, "me", NOW, 600)
    assert mine is not None
    longer = claims.renew(store, PREFIX, mine, NOW + 500, 600)
    assert longer == Claim("me", NOW, NOW + 1100)
    assert claims.take(store, PREFIX, "you", NOW + 1099, 600) is None


def test_a_claim_that_was_taken_over_cannot_be_renewed_or_released(store: FolderStore):
    mine = claims.take(store, PREFIX, "me", NOW, 600)
    yours = claims.take(store, PREFIX, "you", NOW + 601, 600)
    assert mine is not None
    with pytest.raises(ClaimLostError, match="no longer that of me"):
        claims.renew(store, PREFIX, mine, NOW + 602, 600)
    claims.release(store, PREFIX, mine)
    assert claims.look(store, PREFIX) == yours


def test_a_claim_that_ran_out_and_that_nobody_took_can_be_renewed(store: FolderStore):
    mine = claims.take(store, PREFIX, "me", NOW, 600)
    assert mine is not None
    assert claims.renew(store, PREFIX, mine, NOW + 900, 600).is_live(NOW + 1000)


def test_a_released_claim_lets_the_next_one_in(store: FolderStore):
    mine = claims.take(store, PREFIX, "me", NOW, 600)
    assert mine is not None
    claims.release(store, PREFIX, mine)
    assert claims.take(store, PREFIX, "you", NOW + 1, 600) is not None


def test_ones_own_claim_can_be_taken_again(store: FolderStore):
    claims.take(store, PREFIX, "me", NOW, 600)
    assert claims.take(store, PREFIX, "me", NOW + 10, 600) == Claim("me", NOW + 10, NOW + 610)


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b'{"schema_version": 9}', b"\xff"])
def test_a_claim_that_cannot_be_read_holds_nobody_up(content: bytes, store: FolderStore):
    store.write(f"{PREFIX}claim.json", content)
    assert claims.take(store, PREFIX, "me", NOW, 600) is not None


@pytest.mark.parametrize("old", [None, "free", "expired"])
def test_of_many_threads_one_gets_the_claim(old: str | None, store: FolderStore):
    if old is not None:
        first = claims.take(store, PREFIX, "first", NOW - 1000, 600)
        assert first is not None
        if old == "free":
            claims.release(store, PREFIX, first)
    with ThreadPoolExecutor(8) as pool:
        taken = pool.map(lambda n: claims.take(store, PREFIX, f"{n}", NOW, 600), range(8))
        winners = [claim for claim in taken if claim is not None]
    assert winners == [claims.look(store, PREFIX)]


TAKE = """
import sys
from pathlib import Path
from lmi_deployer.artifact import claims
from lmi_deployer.artifact.folder_store import FolderStore

store = FolderStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
claim = claims.take(store, "k/", sys.argv[2], 1000.0, 600.0)
print("taken" if claim else "held", flush=True)
"""


@pytest.mark.parametrize("is_expired", [False, True])
def test_of_several_processes_one_gets_the_claim(is_expired: bool, tmp_path: Path):
    store = FolderStore(tmp_path)
    if is_expired:
        claims.take(store, "k/", "of yesterday", 0.0, 600.0)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, str(tmp_path), f"process {number}"],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0].strip() for process in processes]
    assert sorted(answers) == ["held", "held", "held", "taken"]
    found = claims.look(store, "k/")
    assert found is not None
    assert found.owner == f"process {answers.index('taken')}"


def test_an_answer_that_was_lost_does_not_lose_the_claim(store: FolderStore):
    """A client then sends its request again, and is refused by what it has written itself."""

    class Repeating(Watched):
        def create(self, path: str, content: bytes) -> bool:
            super().create(path, content)
            return super().create(path, content)

        def replace(self, path: str, content: bytes, version: str) -> bool:
            super().replace(path, content, version)
            return super().replace(path, content, version)

    repeating = Repeating(store)
    mine = claims.take(repeating, PREFIX, "me", NOW, 600)
    assert mine is not None
    assert claims.renew(repeating, PREFIX, mine, NOW + 1, 600) == claims.look(store, PREFIX)


def test_no_two_owners_have_the_same_name():
    assert claims.new_owner() != claims.new_owner()
