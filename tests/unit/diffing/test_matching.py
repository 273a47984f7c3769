from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.diffing.matching import match
from lmi_deployer.diffing.reading_files import IS_FOLDER, IS_LINK, SHA1, Entry, content_ids


def side(**texts: str) -> dict[str, Entry]:
    return {key: entry(key, text) for key, text in texts.items()}


def entry(key: str, text: str, problem: str | None = None) -> Entry:
    ids = content_ids(text.encode(), SHA1)
    return Entry(key=key, place=text, file=key, ids=ids, problem=problem)


def text_of(found: Entry) -> str | None:
    return None if found.problem else found.place


def keys(before: dict[str, Entry], after: dict[str, Entry]) -> list[tuple[str | None, str | None]]:
    pairs = match(before, after, text_of, text_of).pairs
    return [(old.key if old else None, new.key if new else None) for old, new in pairs]


def body(*lines: object) -> str:
    return "".join(f"{line}\n" for line in lines)


def test_files_with_the_same_path_are_the_same_file_whatever_they_say():
    assert keys(side(a="name: x\n"), side(a="name: y\n")) == [("a", "a")]


def test_files_that_swapped_their_names_are_known_by_the_names_of_their_profiles():
    before = side(a="name: x\n1\n", b="name: y\n2\n", c="name: z\n")
    after = side(a="name: y\n2\n", b="name: x\n9\n", c="name: z\n4\n")
    assert keys(before, after) == [("b", "a"), ("a", "b"), ("c", "c")]


def test_a_profile_whose_path_another_one_took_is_known_where_it_went():
    before = side(a="name: x\n1\n")
    assert keys(before, side(a="name: new\n", b="name: x\n2\n")) == [(None, "a"), ("a", "b")]
    assert keys(side(a="name: new\n", b="name: x\n2\n"), before) == [("b", "a"), ("a", None)]


def test_three_files_in_a_ring_are_all_known():
    before = side(a="name: x\n", b="name: y\n", c="name: z\n")
    after = side(a="name: z\n", b="name: x\n", c="name: y\n")
    assert keys(before, after) == [("c", "a"), ("a", "b"), ("b", "c")]


def test_names_that_went_nowhere_leave_files_at_their_paths():
    before = side(a="name: x\n", b="name: y\n", c="name: z\n")
    after = side(a="name: new\n", b="none\n", c="name: z\n4\n", d="name: z\n5\n")
    assert ("a", "a") in keys(before, after)
    assert ("b", "b") in keys(before, after)
    assert ("c", "c") in keys(before, after)


def test_what_has_the_same_content_is_only_counted():
    matched = match(side(a="1\n"), side(a="1\n"), text_of, text_of)
    assert len(matched.same) == 1
    assert not matched.pairs


def test_line_ends_of_another_system_are_no_difference():
    assert keys(side(a="1\n2\n"), side(a="1\r\n2\r\n")) == []


def test_a_renamed_file_is_known_by_its_content_before_anything_else():
    before = side(a="name: x\none\n", b="name: y\ntwo\n")
    after = side(c="name: y\ntwo\n", d="name: x\none\n")
    assert keys(before, after) == [("b", "c"), ("a", "d")]


def test_a_renamed_file_with_changes_is_known_by_the_name_of_its_profile():
    before = side(a=body("name: x", *range(9)), b=body("name: y", *range(9)))
    after = side(c=body("name: y"), d=body("name: x  # kept", "other"))
    assert keys(before, after) == [("b", "c"), ("a", "d")]


def test_a_renamed_profile_in_a_renamed_file_is_known_by_what_they_share():
    before = side(a=body("name: x", *range(30)))
    assert keys(before, side(b=body("name: y", *range(28)))) == [("a", "b")]
    assert keys(before, side(b=body("name: y", *range(30, 60)))) == [("a", None), (None, "b")]


def test_the_most_alike_are_paired_first():
    before = side(a=body(*range(20)), b=body(*range(16), *"xyzw"))
    after = side(c=body(*range(19), "x"))
    assert keys(before, after) == [("b", None), ("a", "c")]


def test_two_files_of_one_profile_name_are_not_told_apart_by_it():
    before = side(a=body("name: x", *range(20)), b=body("name: x", *range(50, 70)))
    assert keys(before, side(c=body("name: x", *range(50, 71)))) == [("a", None), ("b", "c")]


def test_folders_in_the_place_of_files_are_no_difference_and_what_cannot_be_read_may_be_one():
    folder, link = entry("a", "", IS_FOLDER), entry("a", "b.yaml", IS_LINK)
    assert keys({"a": folder}, {"a": folder}) == []
    assert keys({"a": link}, {"a": link}) == [("a", "a")]
    assert keys({"a": link}, {"a": entry("a", "b.yaml")}) == [("a", "a")]


TEXTS = st.dictionaries(
    st.sampled_from("abcdef"), st.sampled_from(["", "name: x\n", "name: y\n1\n", "1\n2\n3\n"])
)


@given(before=TEXTS, after=TEXTS)
def test_every_file_is_somewhere_once_and_turning_the_sides_turns_the_pairs(before, after):
    one, other = side(**before), side(**after)
    matched = match(one, other, text_of, text_of)
    rows = [*matched.same, *matched.pairs]
    assert sorted(row[0].key for row in rows if row[0]) == sorted(before)
    assert sorted(row[1].key for row in rows if row[1]) == sorted(after)
    turned = match(other, one, text_of, text_of)
    assert len(turned.pairs) == len(matched.pairs)
    assert len(turned.same) == len(matched.same)
