from __future__ import annotations

import pytest

from lmi_deployer.diffing.causes import answer_cause, is_input_changed, place_of, written_cause
from lmi_deployer.diffing.snapshot import Item, Source
from lmi_deployer.findings import Place

EARLIER, LATER = Place("chat.yaml", 4), Place("chat.yaml", 7)


def item(source: Source | None, place: Place | None = None) -> Item | None:
    return None if source is None else Item(value=1, source=source, reason="", place=place)


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        ("profile", "profile", "profile"),
        ("profile", "rule", "profile"),
        ("default", "profile", "profile"),
        (None, "profile", "profile"),
        ("profile", None, "profile"),
        ("profile", "override", "override"),
        ("override", "profile", "override"),
        ("lock", "lock", "lock"),
        ("rule", "lock", "lock"),
        ("lock", "profile", "profile"),
        ("rule", "rule", None),
        ("catalog", "rule", None),
        ("default", None, None),
    ],
)
def test_what_somebody_wrote_on_either_side_is_the_cause(before, after, cause):
    assert written_cause(item(before), item(after)) == cause


@pytest.mark.parametrize(
    ("before", "after", "is_changed"),
    [
        (("rule", None), ("rule", LATER), True),
        ((None, None), ("rule", LATER), True),
        (("rule", EARLIER), ("rule", LATER), False),
        (("rule", None), ("rule", None), False),
        (("default", None), ("override", None), True),
    ],
)
def test_an_auto_that_stands_on_one_side_only_was_written(before, after, is_changed):
    assert is_input_changed(item(*before), item(*after)) is is_changed


def test_an_answer_that_moves_alone_is_the_catalogs():
    assert answer_cause(is_input_changed=True) == "derived"
    assert answer_cause(is_input_changed=False) == "catalog"


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        (("profile", EARLIER), ("profile", LATER), LATER),
        (("rule", None), ("profile", LATER), LATER),
        (("profile", EARLIER), ("rule", None), EARLIER),
        (("profile", EARLIER), ("default", LATER), EARLIER),
        (("profile", EARLIER), ("override", None), EARLIER),
        (("profile", EARLIER), (None, None), EARLIER),
        (("rule", EARLIER), ("rule", LATER), LATER),
        (("rule", None), ("rule", None), None),
    ],
)
def test_the_line_to_look_at_is_the_later_one_that_says_it(before, after, place):
    assert place_of(item(*before), item(*after)) == place
