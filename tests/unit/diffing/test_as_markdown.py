"""The comparison as a comment: what a reader of GitHub's Markdown makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import assume, given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lmi_deployer.diffing.as_markdown import LIMIT, NEW_LINE, TABLE_HEAD, markdown
from lmi_deployer.diffing.comparison import Comparison, ProfileDiff
from lmi_deployer.diffing.markdown_text import code, comment, sentence
from lmi_deployer.diffing.page_lines import seen
from lmi_deployer.diffing.side_by_side import shown_lines
from lmi_deployer.diffing.value_lines import value_texts
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import Impact
from tests.diffing_samples import HUB_TOKEN, samples
from tests.unit.diffing.hand_made import TEXTS, change, changed, compared, everywhere, mirrored

MARKER = "lmi-deploy diff"
NAMES = sorted(samples())
COLUMNS = 5
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OWN_HTML = re.compile(
    rf"<!-- {MARKER} -->\n?"
    r"|<details><summary><code>[^<>]*</code> [a-z. ]+</summary>\n?"
    r"|</details>\n?"
)
LINKED = re.compile(r"[@#$]|https?:|www\.|[Gg][Hh]-\d|:\w+:|[0-9a-f]{7}|\S_\S|[<>`|\\\[\]*~]")
"""What GitHub would turn into something in a text that is not code."""


def read(comparison: Comparison) -> list[Token]:
    return READER.parse(markdown(comparison, marker=MARKER))


def inlines(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from token.children or ()


def cells(tokens: list[Token]) -> Iterator[list[list[Token]]]:
    """Rows of all tables, each a list of cells, each its parts; without the headings."""
    row: list[list[Token]] = []
    for index, token in enumerate(tokens):
        if token.type == "tr_open":
            row = []
        elif token.type == "td_open":
            row.append(list(tokens[index + 1].children or ()))
        elif token.type == "tr_close" and row:
            yield row


def codes(cell: list[Token]) -> list[str]:
    return [part.content for part in cell if part.type == "code_inline"]


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_reads_as_it_did(name: str, golden: Callable[[str, str], None]):
    golden(f"diff/{name}.md", markdown(samples()[name], marker=MARKER))


@pytest.mark.parametrize("name", NAMES)
def test_every_mirrored_sample_reads_as_it_did(name: str, golden: Callable[[str, str], None]):
    golden(f"diff/{name}.mirrored.md", markdown(mirrored(samples()[name]), marker=MARKER))


def assert_harmless(tokens: list[Token]) -> None:
    """Nothing but the forms that the product itself uses."""
    blocks = {token.type.removesuffix("_open").removesuffix("_close") for token in tokens}
    assert blocks <= {
        "heading", "inline", "paragraph", "table", "thead", "tbody", "tr", "th", "td",
        "bullet_list", "list_item", "html_block", "fence",
    }  # fmt: skip
    for token in tokens:
        if token.type == "html_block":
            assert OWN_HTML.fullmatch(token.content), token.content
        if token.type == "fence":
            assert token.info == "diff"
    for part in inlines(tokens):
        assert part.type in {
            "text", "code_inline", "strong_open", "strong_close", "em_open", "em_close",
            "softbreak", "html_inline",
        }, part  # fmt: skip
        if part.type == "html_inline":
            assert part.content == NEW_LINE
        if part.type == "text":
            assert not LINKED.search(part.content.replace("->", "")), part.content


@given(told=TEXTS)
def test_nothing_that_a_profile_holds_becomes_markup(told: str):
    assert_harmless(read(everywhere(told)))


@pytest.mark.parametrize("name", NAMES)
def test_no_sample_becomes_markup(name: str):
    assert_harmless(read(samples()[name]))


def test_a_comment_on_many_profiles_is_as_harmless():
    told = "`` | <b> @everyone #1 \\"
    diffs = [changed([change(told, f"{told}2")], name=f"m{number}") for number in range(20)]
    assert_harmless(read(compared(*diffs, text=told)))


@given(told=TEXTS)
def test_every_row_has_every_column(told: str):
    tokens = read(everywhere(told))
    rows = list(cells(tokens))
    headings = sum(token.type == "th_open" for token in tokens)
    assert headings == COLUMNS + 3  # the changes, and their effects
    assert {len(row) for row in rows} == {COLUMNS, 3}
    assert sum(len(row) == COLUMNS for row in rows) == 1


@given(before=TEXTS, after=TEXTS)
def test_values_arrive_letter_by_letter(before: str, after: str):
    assume(before != after)
    one = change(before, after)
    row = next(cells(read(compared(changed([one])))))
    shown = [codes(row[2]), codes(row[3])]
    assert shown[0] != shown[1]
    if r"\|" not in f"{shown}{value_texts(one)}":
        assert [text for texts in shown for text in texts] == list(value_texts(one))


@given(told=TEXTS)
def test_a_diff_cannot_be_closed_from_inside(told: str):
    lines = (f"-{told}", "+```", f"+{told}", "+~~~", "+</details>")
    tokens = read(compared(replace(changed([]), rendered=lines)))
    fences = [token.content for token in tokens if token.type == "fence"]
    assert fences == ["\n".join(shown_lines(lines, 300)) + "\n"]


@given(told=TEXTS)
def test_text_as_code_is_the_text(told: str):
    parts = list(inlines(READER.parse(f"x {code(told)} y")))
    assert [part.type for part in parts] == ["text", "code_inline", "text"]
    assert parts[1].content == (seen(told) or '""')


@given(told=TEXTS)
def test_a_sentence_keeps_its_words(told: str):
    parts = list(inlines(READER.parse(f"x {sentence(told)}")))
    letters = "".join(part.content for part in parts).replace(" ", "")
    # A pair of backticks around a word stood for code already.
    assert letters.replace("`", "") == "x" + seen(told).replace(" ", "").replace("`", "")


def test_plain_words_stay_plain_and_the_rest_is_code():
    told = "see `lmi-deploy down chat`, @you and #12: 29.6 -> 26.8 of 1,024 GiB at $1.50 (s3://a)"
    assert sentence(told) == (
        "see `lmi-deploy down chat`, `@you` and `#12`: 29.6 -> 26.8 of 1,024 GiB at `$1.50` "
        "(`s3://a`)"
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_is_the_marker_alone(name: str):
    assert markdown(samples()[name], marker=MARKER).splitlines()[:2] == [comment(MARKER), ""]


@pytest.mark.parametrize("marker", ["a --> <b>x</b>", "-->", "--", "a--b", "\n\nx", "-->\n# y"])
def test_a_marker_cannot_end_its_comment(marker: str):
    lines = markdown(samples()["restart"], marker=marker).splitlines()
    assert re.fullmatch(r"<!-- (?:(?!--)[^<>])* -->", lines[0])
    assert lines[1] == ""


def test_a_secret_is_never_shown():
    shown = markdown(samples()["hostile"], marker=MARKER)
    assert HUB_TOKEN not in shown
    assert "plain-" not in shown


def test_an_empty_comparison_says_so():
    shown = markdown(samples()["comment_only"], marker=MARKER)
    assert "lmi-deploy diff: no differences" in shown
    assert TABLE_HEAD not in shown


def test_the_title_has_the_worst_impact_and_the_cost():
    title = markdown(samples()["new_machine"], marker=MARKER).splitlines()[2]
    assert title == (
        "### lmi-deploy diff: NEW ENDPOINT CONFIG, `+$5.58` per hour, `+$4,070` per 730 hours "
        "(prices of `us-east-1` from `2026-08-01` to `2026-08-17`)"
    )


def test_a_finding_of_several_profiles_stands_once_wherever_it_was_written():
    finding = Finding(code="LMI399", severity="note", problem="p", place=Place("a.yaml", 3))
    diffs = [
        replace(
            changed([change("1", "2")], name=name),
            appeared=(replace(finding, place=Place(file, 3)),),
            gone=(),
            standing=(),
        )
        for name, file in (("a", "a.yaml"), ("b", "a.yaml"), ("c", "c.yaml"))
    ]
    comment = markdown(Comparison(before="x", after="y", profiles=tuple(diffs)), marker=MARKER)
    assert comment.count("`LMI399`") == 1
    assert " and 2 more)" in comment


def test_the_worst_stands_first():
    mild = changed([change("1", "2")], name="mild")
    worst = replace(changed([change("1", "2")], name="worst"), impact=Impact.RECOMPILE)
    rows = list(cells(read(compared(mild, worst))))
    assert [codes(row[0])[0] for row in rows if len(row) == COLUMNS] == [
        "worst / note",
        "mild / note",
    ]


def test_a_profile_is_named_once_with_its_impact_where_no_change_alone_has_that():
    changes = [change("1", "2", key="a"), change("1", "2", key="b")]
    worse = replace(changed(changes), impact=Impact.INCOMPATIBLE)
    first, second = (row for row in cells(read(compared(worse))) if len(row) == COLUMNS)
    assert "".join(part.content for part in first[0]).endswith("<br>incompatible")
    assert second[0] == []


def test_what_is_not_there_cannot_be_taken_for_a_value():
    rows = cells(read(compared(changed([change(None, "not set")]))))
    before, after = next(rows)[2:4]
    assert [part.type for part in before] == ["text"]
    assert codes(after)[0].startswith("not set")


def test_only_effects_that_are_another_than_before_are_told():
    shown = markdown(samples()["restart"], marker=MARKER)
    assert "#### Effects" not in shown
    assert "unchanged (" not in markdown(samples()["recompile"], marker=MARKER)


def many(count: int, *, differs: bool, size: int = 1) -> Comparison:
    def diff(number: int) -> ProfileDiff:
        mark = str(number) if differs else ""
        changes = [change("1" * size, f"2{mark}", key=f"option.{key}") for key in "abc"]
        return replace(
            changed(changes, name=f"model-{number}", text=f"a{mark}"),
            impact=Impact.RECOMPILE if number == count - 1 else Impact.RESTART,
        )

    return compared(*(diff(number) for number in range(count)))


@pytest.mark.parametrize("differs", [True, False])
@pytest.mark.parametrize("size", [1, 500])
@pytest.mark.parametrize("count", [1, 6, 100, 2000])
def test_a_comment_is_never_too_long_and_always_says_what_matters(
    count: int, size: int, *, differs: bool
):
    comparison = many(count, differs=differs, size=size)
    shown = markdown(comparison, marker=MARKER)
    assert len(shown) < LIMIT
    assert "### lmi-deploy diff: RECOMPILE, cost unknown\n" in shown
    assert f"{count:,} profile" in shown
    rows = [row for row in cells(READER.parse(shown)) if len(row) == COLUMNS]
    if count > 1:
        assert f"Impact: 1 recompile, {count - 1:,} restart." in shown
        assert codes(rows[0][0])[0].startswith(f"model-{count - 1} ")
    assert_harmless(READER.parse(shown))


def test_rows_that_are_left_out_are_counted():
    shown = markdown(many(2000, differs=True), marker=MARKER)
    rows = [row for row in cells(READER.parse(shown)) if len(row) == COLUMNS]
    left = re.search(r"\*([\d,]+) more rows are left out here", shown)
    assert left is not None
    assert len(rows) + int(left[1].replace(",", "")) == 3 * 2000
    blocks = re.search(r"\*([\d,]+) (?:more )?blocks are left out here", shown)
    assert blocks is not None
    assert shown.count("<details>") + int(blocks[1].replace(",", "")) == 2000


def test_details_go_before_rows():
    shown = markdown(many(140, differs=True), marker=MARKER)
    assert "rows are left out" not in shown
    assert "blocks are left out" in shown


def test_equal_changes_of_many_profiles_are_one_row():
    shown = markdown(many(2000, differs=False), marker=MARKER)
    rows = [row for row in cells(READER.parse(shown)) if len(row) == COLUMNS]
    assert ["".join(part.content for part in row[0]) for row in rows] == [
        "model-1999 / a (before: a) and 1,999 more",
        "",
        "",
    ]


def test_what_could_not_be_read_is_named_and_shown_as_text():
    shown = markdown(samples()["unread"], marker=MARKER)
    assert "### lmi-deploy diff: IMPACT UNKNOWN, cost unknown" in shown
    assert "#### Not compared\n\n- `profiles/chat.yaml` in `work tree`: its values" in shown
    assert "  - why: error `LMI001` `profiles/chat.yaml:9` is not `YAML`" not in shown
    assert "  - why: error `LMI001` `profiles/chat.yaml:9` is not YAML" in shown
    assert "+    backend: lmi-dist: x" in shown
