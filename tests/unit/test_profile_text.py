"""Edits of a profile's text: by example here, and over generated texts in the second half."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lmi_deployer.findings import ProfileError
from lmi_deployer.profile_text import (
    AddComment,
    Change,
    EditError,
    RemoveKey,
    RenameKey,
    SetValue,
    edit,
    layout,
)
from lmi_deployer.profile_text.changes import changed, removal, same
from lmi_deployer.resources import shipped_profiles
from lmi_deployer.yaml_source import Path as KeyPath
from lmi_deployer.yaml_source import parse_yaml
from tests.unit.commented_yaml import Commented, documents, values

if TYPE_CHECKING:
    from pathlib import Path

generated = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PROFILE = """\
# yaml-language-server: $schema=profile.schema.json
name: chat   # as in the URL

model:
  # Not gated.
  id: 'org/model'  # from the hub
  # source: s3://acme/model/
  dtype: fp16

container: {version: "0.25.0"}  # newest with this backend
defaults:

profiles:
  # The cheap one.
  g5:
    instance_type: ml.g5.2xlarge
    backend: vllm  # fast
                   # enough
    options:
      a: 1

  # The large one.
  # Measured.
  p4d:
    extends: g5
    quantize: {method: awq, alpha: 0.5}
    # Keep this last.
"""


def difference(*changes: Change, text: str = PROFILE) -> list[str]:
    """The lines that the changes took away and added."""
    after = edit(text, changes).splitlines()
    lines = difflib.unified_diff(text.splitlines(), after, n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def read(text: str) -> Any:
    return parse_yaml(text, "p.yaml").data


@pytest.fixture(params=["the parser in C", "the parser in Python"])
def either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "the parser in Python":
        monkeypatch.setattr(layout, "PARSER", yaml.SafeLoader)


CONTAINER = '-container: {version: "0.25.0"}  # newest with this backend'
QUANTIZE = "-    quantize: {method: awq, alpha: 0.5}"


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        ("container.version", "0.30.0", [CONTAINER, "+" + CONTAINER[1:].replace("25", "30")]),
        (
            "model.id",
            "it's/another",
            ["-  id: 'org/model'  # from the hub", "+  id: 'it''s/another'  # from the hub"],
        ),
        ("model.dtype", "0.30", ["-  dtype: fp16", '+  dtype: "0.30"']),
        ("model.dtype", "bf16", ["-  dtype: fp16", "+  dtype: bf16"]),
        ("profiles.p4d.quantize", "none", [QUANTIZE, "+    quantize: none"]),
        ("profiles.g5.options.a", 1, []),
        ("profiles.g5.options.b", "on", ['+      b: "on"']),
        ("profiles.g5.options", 5, ["-    options:", "-      a: 1", "+    options: 5"]),
        ("profiles.g5.trtllm.x", 64, ["+    trtllm:", "+      x: 64"]),
        ("profiles.p4d.backend", "vllm", ["+    backend: vllm"]),
        ("profiles.p4d.quantize.x", True, [QUANTIZE, f"+{QUANTIZE[1:-1]}, x: true}}"]),
        (
            "container",
            {"flavor": "lmi", "version": "0.25.0"},
            [CONTAINER, '+container: {version: "0.25.0", flavor: lmi}  # newest with this backend'],
        ),
        (
            "container.version",
            {"a": 1},
            [CONTAINER, "+container: {version: {a: 1}}  # newest with this backend"],
        ),
        ("defaults.endpoint.instances", 2, ["+  endpoint:", "+    instances: 2"]),
        (
            "name",
            {"first": "a", "rest": ["b", 1]},
            [
                "-name: chat   # as in the URL",
                "+name:   # as in the URL",
                "+  first: a",
                "+  rest: [b, 1]",
            ],
        ),
    ],
)
def test_setting_a_value_touches_its_own_lines_only(
    path: str, value: object, lines: list[str]
) -> None:
    assert difference(SetValue(tuple(path.split(".")), value)) == lines


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("model.id", ["-  # Not gated.", "-  id: 'org/model'  # from the hub"]),
        ("model.dtype", ["-  dtype: fp16"]),
        ("container.version", [CONTAINER, "+container: {}  # newest with this backend"]),
        (
            "profiles.g5",
            [
                "-  # The cheap one.",
                "-  g5:",
                "-    instance_type: ml.g5.2xlarge",
                "-    backend: vllm  # fast",
                "-                   # enough",
                "-    options:",
                "-      a: 1",
                "-",
            ],
        ),
        (
            "profiles.p4d",
            [
                "-",
                "-  # The large one.",
                "-  # Measured.",
                "-  p4d:",
                "-    extends: g5",
                QUANTIZE,
                "-    # Keep this last.",
            ],
        ),
        ("profiles.g5.options.a", ["-    options:", "-      a: 1"]),
        ("profiles.g5.backend", ["-    backend: vllm  # fast", "-                   # enough"]),
        ("profiles.p4d.quantize.method", [QUANTIZE, "+    quantize: {alpha: 0.5}"]),
        ("profiles.p4d.quantize.alpha", [QUANTIZE, "+    quantize: {method: awq}"]),
        ("name", ["-name: chat   # as in the URL"]),
    ],
)
def test_a_key_goes_with_the_comments_about_it(path: str, lines: list[str]) -> None:
    assert difference(RemoveKey(tuple(path.split(".")))) == lines


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        ("0.25.0", "0.28.0", "0.28.0"),
        ("0.25.0", "0.30", '"0.30"'),
        ("0.25.0", "0.36.0-lmi27", "0.36.0-lmi27"),
        ("'0.25.0'", "0.30", "'0.30'"),
        ("'x'", "two\nlines", '"two\\nlines"'),
        ('"x"', "plain", '"plain"'),
        ('"8"', 8, "8"),
        ("x", "s3://acme/x/", "s3://acme/x/"),
        ("x", "007", '"007"'),
        ("x", "a: b", '"a: b"'),
        ("x", "a #b", '"a #b"'),
        ("x", "Llama 2, base", "Llama 2, base"),
        ("[x]", "2026-11-21", '"2026-11-21"'),
        ("x", 1e-7, "1.0e-07"),
        ("x", "", '""'),
        ("x", None, "null"),
    ],
)
def test_a_value_keeps_the_quotes_of_the_old_one_where_it_may(
    old: str, new: object, written: str
) -> None:
    assert edit(f"a: {old}  # c\n", [SetValue(("a",), new)]) == f"a: {written}  # c\n"


def test_a_hardware_profile_and_a_required_section_stay_when_they_lose_their_last_key() -> None:
    text = "model:\n  id: a  # x\nprofiles:\n  g5:\n    backend: vllm\ntraffic: {a: 1}\n"
    after = edit(
        text,
        [
            RemoveKey(("model", "id")),
            RemoveKey(("profiles", "g5", "backend")),
            RemoveKey(("traffic", "a")),
        ],
    )
    assert after == "model: {}\nprofiles:\n  g5: {}\ntraffic: {}\n"


def test_a_mapping_that_nothing_requires_goes_with_its_last_key_and_so_do_those_around_it() -> None:
    assert edit("a:\n  b: {c: {d: 1}}\ne: 1\n", [RemoveKey(("a", "b", "c", "d"))]) == "e: 1\n"


def test_a_renamed_key_keeps_its_place_its_quotes_and_its_value() -> None:
    assert difference(RenameKey(("model", "dtype"), "on")) == ["-  dtype: fp16", '+  "on": fp16']
    assert edit("'a' : {b: 1}\n", [RenameKey(("a",), "it's")]) == "'it''s' : {b: 1}\n"
    renamed = difference(RenameKey(("profiles", "p4d", "quantize", "alpha"), "beta"))
    assert renamed == [QUANTIZE, "+" + QUANTIZE[1:].replace("alpha", "beta")]
    assert edit(PROFILE, [RenameKey(("name",), "name")]) == PROFILE


def test_a_comment_stands_above_the_line_of_its_key() -> None:
    change = AddComment(("profiles", "p4d", "quantize", "alpha"), "one\n\ntwo")
    assert difference(change) == ["+    # one", "+    #", "+    # two"]
    assert edit("a: 1\r\n", [AddComment(("a",), "why")]) == "# why\r\na: 1\r\n"


def test_new_lines_end_as_the_lines_around_them_do() -> None:
    text = PROFILE.replace("\n", "\r\n")
    after = edit(text, [SetValue(("profiles", "g5", "trtllm", "x"), 1), SetValue(("z",), [1])])
    assert after.replace("\r\n", "").isprintable()
    assert after.count("\r\n") == text.count("\r\n") + 3


@pytest.mark.parametrize(("text", "end"), [("a: 1", "a: 1\nb: 2"), ("a: 1\n", "a: 1\nb: 2\n")])
def test_a_last_line_without_a_break_stays_the_kind_it_was(text: str, end: str) -> None:
    assert edit(text, [SetValue(("b",), 2)]) == end


@pytest.mark.parametrize("text", ["", "# nothing yet", "# nothing yet\n", "---\n", "\n\n"])
def test_an_empty_file_can_be_filled(text: str) -> None:
    after = edit(text, [SetValue(("a", "b"), 1), SetValue(("c",), None)])
    assert after.startswith(text)
    assert after.endswith("a:\n  b: 1\nc: null\n")


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("d: |  # note\n  x\n  y\n\nb: 1\n", ("d",), "d: 5  # note\n\nb: 1\n"),
        ("d: |+\n  x\n\nb: 1\n", ("d",), "d: 5\nb: 1\n"),
        ("d: >-\n  x\n  # no comment\n# one\nb: 1\n", ("d",), "d: 5\n# one\nb: 1\n"),
        ("d: |\nb: 1\n", ("d",), "d: 5\nb: 1\n"),
        ("d: x\n  y\n   z  # end\n", ("d",), "d: 5  # end\n"),
        ('d: "x\n  # no comment\n  z"\n', ("d",), "d: 5\n"),
        ("d:\n  x  # here\n", ("d",), "d:\n  5  # here\n"),
        ("d:   # here\nb: 1", ("d",), "d: 5   # here\nb: 1"),
        ("d:  # here\n- 1  # one\n- 2\nb: 1", ("d",), "d: 5  # here\nb: 1"),
        ("d: {a, b: 1}\n", ("d", "a"), "d: {a: 5, b: 1}\n"),
        ("? d\n: x  # end\n", ("d",), "? d\n: 5  # end\n"),
        ("d: {a: , b: 1}\n", ("d", "a"), "d: {a: 5 , b: 1}\n"),
        ("d: [1, {a: 2}, x]\n", ("d", 1, "a"), "d: [1, {a: 5}, x]\n"),
        ("d:\n- 1\n-\n- a: 2  # two\n", ("d", 2), "d:\n- 1\n-\n- 5\n"),
        ("d:\n- 1\n-\n- 3\n", ("d", 1), "d:\n- 1\n- 5\n- 3\n"),
    ],
)
def test_every_style_of_value_can_be_replaced(text: str, path: KeyPath, after: str) -> None:
    assert edit(text, [SetValue(path, 5)]) == after


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("d: {}  # c\n", "d: {k: 5}  # c\n"),
        ("d: { a: 1 }\n", "d: { a: 1, k: 5 }\n"),
        ("d: {a: 1,}\n", "d: {a: 1, k: 5,}\n"),
        ("d: {a: 1, b: }\n", "d: {a: 1, b: , k: 5 }\n"),
        (
            "d: {\n  a: 1,  # one\n  b: 2  # two\n}\n",
            "d: {\n  a: 1,  # one\n  b: 2, k: 5  # two\n}\n",
        ),
        (
            "d:\n    a: 1\n    # mine\n\n# next\nb: 1",
            "d:\n    a: 1\n    # mine\n    k: 5\n\n# next\nb: 1",
        ),
        ("d:\n  a: |\n    x\n\nb: 1", "d:\n  a: |\n    x\n  k: 5\n\nb: 1"),
        ("d:\n  a:  # empty\nb: 1", "d:\n  a:  # empty\n  k: 5\nb: 1"),
        ("d:\n  a:\n  - x\n  # mine\nb: 1", "d:\n  a:\n  - x\n  # mine\n  k: 5\nb: 1"),
        ("d: ~  # none\n", "d:  # none\n  k: 5\n"),
    ],
)
def test_a_new_key_stands_last_in_its_mapping(text: str, after: str) -> None:
    assert edit(text, [SetValue(("d", "k"), 5)]) == after


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("d: {k: 5, a: 1}\n", "d: {a: 1}\n"),
        ("d: {a: 1, k: 5}\n", "d: {a: 1}\n"),
        ("d: { a: 1, k: 5, }\n", "d: { a: 1, }\n"),
        ("d: {a: 1, k}\n", "d: {a: 1}\n"),
        ("d: {\n  k: 5,  # mine\n  # next\n  a: 1\n}\n", "d: {\n  # next\n  a: 1\n}\n"),
        ("d: {\n  a: 1,  # one\n  # mine\n  k: 5\n}\n", "d: {\n  a: 1,  # one\n}\n"),
        ("d: {a: 1,  # one\n  k: 5}\n", "d: {a: 1,  # one\n  }\n"),
        ("d: {a: 1,\n  k: 5}\n", "d: {a: 1}\n"),
        ("d: {k: 5  # mine\n  , a: 1}\n", "d: {  # mine\n   a: 1}\n"),
        ("d:\n- k: 5  # mine\n  a: 1\n", "d:\n- \n  a: 1\n"),
    ],
)
def test_a_key_goes_from_mappings_of_every_style(text: str, after: str) -> None:
    data = read(text)["d"]
    path = ("d", "k") if isinstance(data, dict) else ("d", 0, "k")
    assert edit(text, [RemoveKey(path)]) == after


def test_the_comment_that_a_file_begins_with_is_not_about_its_first_key() -> None:
    assert edit("# Licence\na: 1\nb: 2\n", [RemoveKey(("a",))]) == "# Licence\nb: 2\n"


def test_a_long_list_is_written_one_item_a_line() -> None:
    names = [f"subnet-{number:017d}" for number in range(5)]
    after = edit("a: 1\n", [SetValue(("subnets",), names)])
    assert after == "a: 1\nsubnets:\n" + "".join(f"  - {name}\n" for name in names)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (SetValue(("name", "first"), 1), "name: is not a mapping"),
        (SetValue(("model", 0), 1), "model.0: there is no such item"),
        (RemoveKey(("model", "revision")), "model.revision: there is no such key"),
        (RemoveKey(()), "the profile: only the key of a mapping"),
        (RenameKey(("model", "id"), "dtype"), "model.id: there is a key 'dtype' already"),
        (AddComment(("nothing",), "x"), "nothing: there is no such key"),
        (AddComment((), "x"), "no line to put a comment above"),
        (AddComment(("name",), "\x00"), "name: cannot be changed in chat.yaml"),
        (SetValue(("name",), float("inf")), "name: cannot be changed in chat.yaml"),
        (SetValue(("name",), 10**18), "name: cannot be changed in chat.yaml"),
        (SetValue(("name",), "\ud800"), "name: cannot be changed in chat.yaml"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_with_its_key(change: Change, words: str) -> None:
    with pytest.raises(EditError) as caught:
        edit(PROFILE, [change], name="chat.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("? a\n: b\nc: 1\n", RemoveKey(("a",))),
        ("d: [k: 5]\n", SetValue(("d", 0, "x"), 1)),
        ("a: |\n  no line break at the end", SetValue(("b",), 1)),
    ],
)
def test_a_text_that_a_cut_would_break_is_refused_rather_than_broken(
    text: str, change: Change
) -> None:
    with pytest.raises(EditError):
        edit(text, [change])


@pytest.mark.parametrize(
    "text", ["a: &x 1\nb: *x\n", "a: {<<: *x}\n", "a: 1\na: 2\n", "a: !!int 1"]
)
def test_what_is_not_plain_yaml_is_never_edited(text: str) -> None:
    with pytest.raises(ProfileError):
        edit(text, [SetValue(("z",), 1)])


@pytest.mark.parametrize("path", shipped_profiles().values(), ids=lambda path: path.stem)
def test_every_setting_of_every_shipped_profile_can_be_removed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    source = parse_yaml(text, path.name)
    for key in source.keys:
        after = edit(text, [RemoveKey(key)])
        kept = set(after.splitlines())
        gone = [line for line in text.splitlines() if line.strip() and line not in kept]
        at = source.key_place(removal(source.data, key)[0]).line
        assert text.splitlines()[at - 1] in gone or len(gone) == 0


@generated
@given(values())
def test_any_value_is_read_back_alike_by_every_reader(value: Any) -> None:
    for text in ("a: 1\n", "a: {b: 1}\n", "a: 'x'\n", 'a: "x"\n', "a: x\n", "{a: x}\n"):
        for path in (("a",), ("z",)):
            after = edit(text, [SetValue(path, value)])
            assert same(read(after)[path[0]], value)
            assert same(yaml.safe_load(after)[path[0]], value)  # YAML 1.1


@generated
@given(documents())
def test_no_changes_are_no_change(document: Commented) -> None:
    assert edit(document.text, []) == document.text
    again = [SetValue((key,), value) for key, value in document.data.items()]
    assert edit(document.text, again) == document.text


@st.composite
def changes(draw: st.DrawFn, document: Commented) -> Change:
    """Any change that the data can take."""
    path = draw(st.sampled_from(document.paths))
    name = draw(st.sampled_from(("new", "off", "c d", "8")))
    match draw(st.sampled_from(("set", "add", "remove", "rename", "comment"))):
        case "add" if isinstance(document.at(path), dict | None):
            return SetValue((*path, name), draw(values()))
        case "remove":
            return RemoveKey(path)
        case "rename":
            return RenameKey(path, name)
        case "comment":
            return AddComment(path, "added")
        case _:
            return SetValue(path, draw(values()))


def is_below(owner: KeyPath, path: KeyPath) -> bool:
    return owner[: len(path)] == path


@generated
@given(st.data(), documents())
def test_the_text_says_what_was_meant_and_keeps_the_comments_of_all_that_stays(
    data: st.DataObject, document: Commented
) -> None:
    change = data.draw(changes(document))
    after = edit(document.text, [change])
    assert same(read(after), changed(document.data, change))
    path, is_removed = change.path, False
    if isinstance(change, RemoveKey):
        path, leaves_empty = removal(document.data, change.path)
        is_removed = not leaves_empty
    for comment, owner in document.comments.items():
        if is_removed and is_below(owner, path):
            assert comment not in after
        elif not (is_below(owner, path) and len(owner) > len(path)):
            assert comment in after


@generated
@given(st.data(), documents())
def test_a_mapping_set_over_a_mapping_keeps_the_comments_of_the_keys_that_stay(
    data: st.DataObject, document: Commented
) -> None:
    mappings = [path for path in document.paths if isinstance(document.at(path), dict)]
    path = data.draw(st.sampled_from([(), *mappings]))
    old = document.at(path)
    kept = {key: old[key] for key in old if data.draw(st.booleans(), label=key)}
    assume(kept)
    after = edit(document.text, [SetValue(path, {**kept, "new": 1})])
    assert same(read(after), changed(document.data, SetValue(path, {**kept, "new": 1})))
    for comment, owner in document.comments.items():
        if not is_below(owner, path) or owner[len(path) : len(path) + 1] in {
            (key,) for key in kept
        }:
            assert comment in after


@generated
@given(st.data(), documents())
def test_changes_of_different_parts_come_to_the_same_in_any_order(
    data: st.DataObject, document: Commented
) -> None:
    one, other = data.draw(changes(document)), data.draw(changes(document))
    assume(not is_below(one.path, other.path) and not is_below(other.path, one.path))
    names = {change.name for change in (one, other) if isinstance(change, RenameKey)}
    assume(not names & {str(one.path[-1]), str(other.path[-1])})
    assume(not (isinstance(one, RenameKey) and isinstance(other, RenameKey)))
    ways = (edit(document.text, [one, other]), edit(document.text, [other, one]))
    assert same(read(ways[0]), read(ways[1]))
    leaves = all(
        isinstance(change, SetValue)
        and change.path in document.paths
        and not isinstance(change.value, dict | list)
        for change in (one, other)
    )
    if leaves:
        assert ways[0] == ways[1]


@generated
@given(st.data(), documents())
def test_setting_a_scalar_changes_no_other_line(data: st.DataObject, document: Commented) -> None:
    scalars = [path for path in document.paths if not isinstance(document.at(path), dict | list)]
    assume(scalars)
    path = data.draw(st.sampled_from(scalars))
    at = parse_yaml(document.text, "p.yaml").key_place(path).line
    after = edit(document.text, [SetValue(path, "new: text")]).splitlines(keepends=True)
    before = document.text.splitlines(keepends=True)
    assert after[: at - 1] == before[: at - 1]
    rest = after[at:]
    assert before[len(before) - len(rest) :] == rest


@generated
@given(st.data(), st.sampled_from(sorted(shipped_profiles())))
def test_whatever_the_text_an_edit_is_exact_or_refused(data: st.DataObject, name: str) -> None:
    text = shipped_profiles()[name].read_text(encoding="utf-8")
    at = data.draw(st.integers(0, len(text)))
    inserted = data.draw(st.text("{}[]:,#-'\"\n \t|>?!&*ab\r\u2028", max_size=4))
    text = text[:at] + inserted + text[at + data.draw(st.integers(0, 3)) :]
    try:
        document = Commented(text, {})
    except ProfileError:
        return
    assume(document.paths)
    change = data.draw(changes(document))
    try:
        after = edit(text, [change])
    except EditError:
        return
    assert same(read(after), changed(document.data, change))
