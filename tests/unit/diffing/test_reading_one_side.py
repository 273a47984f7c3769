"""A saved plan, a bundle and what is live, as sides of a comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lmi_deployer import api
from lmi_deployer.diffing import live_wanted
from lmi_deployer.diffing.comparison import Unread
from lmi_deployer.diffing.live_wanted import Wanted
from lmi_deployer.diffing.operands import Live, parse
from lmi_deployer.diffing.reading import Asked, Sides, read
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.diffing.taking import take
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, Place
from lmi_deployer.render import serving_properties
from lmi_deployer.spec import ResolvedSpec
from tests.specs import PROFILE, make_spec

CHAT = "profiles/chat.yaml"
TWO = PROFILE + "  p4d: {extends: g5, instance_type: ml.p4d.24xlarge}\n"


class Account:
    """An account in which everything is live as its profile says, but for what a test says."""

    region = "us-east-1"
    aws = None

    def __init__(self, missing: str = "", broken: str = "") -> None:
        self._missing = missing
        self._broken = broken
        self.asked: list[str] = []

    def wanted(self, checked: api.Checked, file: str, _looked: None) -> Wanted:
        self.asked.append(checked.title)
        profile, hardware = checked.title.split(" / ")
        return Wanted(
            snapshot=take(
                checked, region=self.region, profile=profile, hardware=hardware, file=file
            )
        )

    def pair(
        self, checked: api.Checked, file: str
    ) -> tuple[Snapshot, Snapshot | None, Unread | None]:
        hardware = checked.title.rpartition(" / ")[2]
        wanted = self.wanted(checked, file, None).snapshot
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


def test_what_is_not_live_would_be_added_whichever_side_is_live():
    assert statuses(sides_of("live", "chat", live=Account(missing="g5")))["g5"] == "added"
    assert statuses(sides_of("chat", "live", live=Account(missing="g5")))["g5"] == "added"


@pytest.mark.parametrize("words", [("live", "chat"), ("chat", "live")])
def test_nothing_stays_where_nothing_is_live(words):
    found = sides_of(*words, live=Account(missing="g5")).compared().profiles
    [item] = [item for item in found if item.status != "equal"]
    assert item.impact.label == "new-endpoint-config"
    assert item.notes == ("endpoint chat-g5 is not deployed",)


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


def bundles(*specs: ResolvedSpec, tree: str = "rendered/{name}/{hardware}") -> None:
    for spec in specs:
        folder = Path(tree.format(name=spec.name, hardware=spec.hardware)) / "model"
        folder.mkdir(parents=True)
        (folder / "serving.properties").write_text(serving_properties(spec), encoding="ascii")


def specs(text: str) -> list[ResolvedSpec]:
    Path("made.yaml").write_text(text, encoding="utf-8")
    return [spec for spec, _ in api.decide("made.yaml", ("all",))]


@pytest.mark.parametrize("tree", ["rendered/{name}/{hardware}", "rendered/{hardware}"])
@pytest.mark.parametrize("words", [("rendered",), ("rendered", "chat"), ("chat", "rendered")])
def test_each_bundle_of_a_folder_is_compared_with_its_hardware_profile(tree, words):
    bundles(*specs(TWO), tree=tree)
    sides = sides_of(*words)
    assert {sides.before, sides.after} == {"rendered", "profiles" if len(words) == 1 else CHAT}
    assert statuses(sides) == {"g5": "equal", "p4d": "equal"}
    assert statuses(sides_of(*words, hardware=("g5",))) == {"g5": "equal"}
    Path(CHAT).write_text(TWO.replace("ml.p4d.24xlarge", "ml.g5.12xlarge"), encoding="utf-8")
    assert statuses(sides_of(*words)) == {"g5": "equal", "p4d": "changed"}


def test_what_is_rendered_or_written_alone_is_added_or_removed():
    bundles(*specs(PROFILE), *specs(PROFILE.replace("chat", "talk").replace("g5:", "g6:")))
    assert statuses(sides_of("rendered")) == {"g5": "equal", "p4d": "added", "g6": "removed"}
    assert statuses(sides_of("rendered", "chat")) == {"g5": "equal", "p4d": "added"}
    assert statuses(sides_of("chat", "rendered")) == {"g5": "equal", "p4d": "removed"}
    with pytest.raises(InputError, match="no hardware profile 'p5'"):
        statuses(sides_of("rendered", hardware=("p5",)))


def test_a_bundle_that_cannot_be_read_is_told_and_the_others_are_compared():
    bundles(*specs(TWO))
    broken = Path("rendered/chat/g5/model.tar.gz")
    broken.write_bytes(b"no archive")
    sides = sides_of("rendered", "chat", hardware=("p4d",))
    assert statuses(sides) == {"p4d": "equal"}
    assert [(item.name, item.side) for item in sides.unread] == [("rendered/chat/g5", "before")]


def test_two_folders_of_bundles_are_compared_by_what_they_are_of():
    bundles(*specs(TWO))
    bundles(*specs(TWO.replace("ml.g5.2xlarge", "ml.g5.12xlarge")), tree="old/{hardware}")
    assert statuses(sides_of("old", "rendered")) == {"g5": "changed", "p4d": "equal"}
    assert statuses(sides_of("rendered", "out")) == {"g5": "equal", "p4d": "removed"}


def test_an_account_is_asked_of_what_a_bundle_is_compared_with(monkeypatch):
    account = Account()
    monkeypatch.setattr(live_wanted, "WantedReader", lambda *_: account)
    for words in (("out", "chat"), ("chat", "out"), ("out",)):
        assert statuses(sides_of(*words, live=account)) == {"g5": "equal"}
    bundles(*specs(TWO))
    statuses(sides_of("rendered", live=account))
    assert account.asked == ["chat / g5"] * 4 + ["chat / p4d"]


def test_profiles_beside_other_files_are_told_from_them():
    Path(CHAT).rename("chat.yaml")
    Path("profiles").rmdir()
    Path("compose.yaml").write_text("services: {}\n", encoding="utf-8")
    sides = sides_of("live", live=Account())
    assert statuses(sides) == {"g5": "equal", "p4d": "equal"}
    assert not sides.unread


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
