from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.diffing.pairing import paired
from lmi_deployer.diffing.snapshot import Item, Snapshot
from lmi_deployer.impact import Deployed


def side(hardware: str, endpoint: str | None = None, machine: str = "ml.g5.2xlarge") -> Snapshot:
    texts = {"instance_type": machine, "model.id": "m", "backend": "vllm"}
    return Snapshot(
        profile="chat",
        hardware=hardware,
        file="chat.yaml",
        values={
            key: Item(value=text, source="profile", reason="here") for key, text in texts.items()
        },
        deployed=Deployed(endpoint=endpoint or f"chat-{hardware}", properties={}),
    )


def names(before: list[Snapshot], after: list[Snapshot]) -> list[tuple[str | None, str | None]]:
    return [
        (
            None if pair.before is None else pair.before.hardware,
            None if pair.after is None else pair.after.hardware,
        )
        for pair in paired(before, after)
    ]


def test_hardware_profiles_are_paired_by_name_whatever_their_machine():
    before = [side("a", machine="ml.g5.xlarge"), side("b")]
    assert names(before, [side("b", machine="ml.g5.xlarge"), side("a")]) == [
        ("b", "b"),
        ("a", "a"),
    ]


def test_a_renamed_one_is_known_by_its_endpoint():
    before = [side("a", "first"), side("b", "second")]
    after = [side("c", "second", "ml.p4d.24xlarge"), side("d", "first", "ml.p4d.24xlarge")]
    assert names(before, after) == [("b", "c"), ("a", "d")]


def test_a_renamed_one_with_another_endpoint_is_known_by_machine_model_and_backend():
    assert names([side("a"), side("b")], [side("a"), side("c")]) == [("a", "a"), ("b", "c")]


def test_what_may_be_either_of_two_is_neither():
    found = names([side("a"), side("b")], [side("c")])
    assert found == [(None, "c"), ("a", None), ("b", None)]


def test_another_machine_under_another_name_is_another_hardware_profile():
    found = names([side("a")], [side("c", machine="ml.p4d.24xlarge")])
    assert found == [(None, "c"), ("a", None)]


def test_what_could_not_be_decided_is_paired_by_name_alone():
    broken = replace(side("a"), values={}, deployed=None)
    assert names([broken], [broken]) == [("a", "a")]
    assert names([broken], [replace(broken, hardware="c")]) == [(None, "c"), ("a", None)]


def test_the_earlier_name_of_the_file_stands_with_what_was_in_it():
    pairs = paired([side("a")], [side("a"), side("b", machine="x")], "old.yaml")
    assert [pair.file_before for pair in pairs] == ["old.yaml", None]


SIDES = st.lists(
    st.builds(
        side,
        st.sampled_from("abcdef"),
        st.sampled_from(["first", "second", None]),
        st.sampled_from(["ml.g5.xlarge", "ml.g5.2xlarge", "ml.p4d.24xlarge"]),
    ),
    max_size=6,
    unique_by=lambda item: item.hardware,
)


@given(SIDES, SIDES)
def test_everything_is_in_one_pair_and_the_pairs_mirror(before, after):
    found = names(before, after)
    assert sorted(name for name, _ in found if name) == sorted(item.hardware for item in before)
    assert [name for _, name in found if name] == [item.hardware for item in after]
    assert {(right, left) for left, right in found} == set(names(after, before))
