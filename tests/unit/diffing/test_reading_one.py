"""A saved plan, a bundle and what is live, as sides of a comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer import api
from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.operands import Live, parse
from lmi_deployer.diffing.reading import Asked, Sides, read
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.diffing.taking import take
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place
from lmi_deployer.render import serving_properties
from tests.specs import PROFILE, make_spec

TWO = PROFILE + "  p4d: {extends: g5, instance_type: ml.p4d.24xlarge}\n"


class Account:
    """An account in which everything is live as its profile says, but for what a test says."""

    region = "us-east-1"

    def __init__(self, missing: str = "", broken: str = "") -> None:
        self._missing = missing
        self._broken = broken

    def pair(
        self, checked: api.Checked, file: str
    ) -> tuple[Snapshot, Snapshot | None, Unread | None]:
        profile, hardware = checked.title.split(" / ")
        wanted = take(checked, region=self.region, profile=profile, hardware=hardware, file=file)
        if hardware == self._broken:
            found = Finding.error("LMI503", "no answer", place=Place("endpoint"), fix=None)
            return wanted, None, Unread(name=hardware, side="after", findings=(found,))
        if hardware == self._missing:
            return wanted, None, None
        return wanted, replace(wanted, is_decided=False), None


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("profiles").mkdir()
    Path("profiles/chat.yaml").write_text(TWO, encoding="utf-8")
    Path("out/model").mkdir(parents=True)
    properties = serving_properties(make_spec())
    Path("out/model/serving.properties").write_text(properties, encoding="ascii")


def sides_of(*words: str, **asked: object) -> Sides:
    a, b = (*map(parse, words), None)[:2]
    return read(a, b, Asked(region="us-east-1", **asked))  # type: ignore[arg-type]


def statuses(sides: Sides) -> dict[str, str]:
    return {item.hardware: item.status for item in sides.compared().profiles}


@pytest.mark.parametrize("words", [("live",), ("live", "chat"), ("live", "profiles")])
def test_what_is_live_is_compared_with_every_hardware_profile(words):
    sides = sides_of(*words, live=Account())
    assert sides.before == "live in us-east-1"
    assert statuses(sides) == {"g5": "equal", "p4d": "equal"}


def test_what_is_not_live_would_be_added_and_turned_round_it_is_gone():
    assert statuses(sides_of("live", "chat", live=Account(missing="g5")))["g5"] == "added"
    assert statuses(sides_of("chat", "live", live=Account(missing="g5")))["g5"] == "removed"


@pytest.mark.parametrize(
    ("words", "side"), [(("live", "chat"), "before"), (("chat", "live"), "after")]
)
def test_an_endpoint_that_cannot_be_read_is_told_on_its_side(words, side):
    sides = sides_of(*words, live=Account(broken="g5"))
    assert statuses(sides) == {"p4d": "equal"}
    assert [(item.name, item.side) for item in sides.unread] == [("g5", side)]


def test_a_broken_file_beside_what_is_live_is_told_and_the_others_are_compared():
    Path("profiles/bad.yaml").write_text("name: [\n", encoding="utf-8")
    sides = sides_of("live", live=Account())
    assert statuses(sides) == {"g5": "equal", "p4d": "equal"}
    assert [(item.name, item.side) for item in sides.unread] == [("profiles/bad.yaml", "after")]


def test_hardware_profiles_can_be_chosen_beside_what_is_live():
    assert list(statuses(sides_of("live", "chat#p4d", live=Account()))) == ["p4d"]
    assert list(statuses(sides_of("live", live=Account(), hardware=("g5",)))) == ["g5"]
    with pytest.raises(InputError) as raised:
        statuses(sides_of("live", "chat#p4e", live=Account()))
    assert raised.value.fix == "did you mean 'p4d'?"


def test_without_an_account_nothing_is_live():
    with pytest.raises(InputError, match="with an account"):
        sides_of("live", "chat")


def test_what_is_live_is_not_compared_with_itself():
    with pytest.raises(InputError, match="the same on both sides"):
        read(Live(), Live(), Asked(region="us-east-1"))


@pytest.mark.parametrize(("words", "before"), [(("out", "chat"), "out"), (("out",), "out")])
def test_a_bundle_is_compared_with_the_profile_that_it_was_made_from(words, before):
    sides = sides_of(*words)
    assert sides.before == before
    assert statuses(sides) == {"g5": "equal"}
    changed = sides_of(*words, overrides=("max_rolling_batch_size=4",)).compared()
    assert [item.status for item in changed.profiles] == ["changed"]
    assert "+option.max_rolling_batch_size=4" in changed.profiles[0].rendered


def test_a_bundle_of_another_profile_says_that_it_is_not_here():
    Path("profiles/chat.yaml").write_text(TWO.replace("chat", "talk"), encoding="utf-8")
    with pytest.raises(InputError, match="holds no profile 'chat'"):
        sides_of("out")


def test_a_bundle_does_not_say_what_is_live_of_it():
    with pytest.raises(InputError, match="does not say which endpoint"):
        sides_of("live", "out", live=Account())


def test_an_override_cannot_change_what_is_live_or_saved():
    for words in (("chat", "live"), ("chat", "out")):
        with pytest.raises(InputError, match="--set is of the later side"):
            sides_of(*words, live=Account(), overrides=("dtype=fp16",))
