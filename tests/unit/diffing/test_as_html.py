"""The page of a comparison as a document: what stands in it, and what can never get in."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.diffing.as_html import OPEN_AT_MOST, page
from lmi_deployer.diffing.comparison import Change, Comparison, ProfileDiff, Unread
from lmi_deployer.diffing.snapshot import Item, MemoryShare
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import Impact
from lmi_deployer.resources import load_template
from tests.diffing_samples import HUB_TOKEN, samples

VOID = {"meta", "br", "input", "rect", "line"}
"""Elements without an end; those of SVG end themselves."""
MEMORY = MemoryShare(
    weights_gib=16.0,
    kv_cache_gib=8.0,
    other_gib=4.0,
    usable_gib=40.0,
    headroom_gib=20.0,
    batch_ceiling=240,
    kv_cache_tokens=368_640,
    verdict="fits",
)


class Document(HTMLParser):
    """Elements with their attributes in order, the text of each kind, and what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> str:
        return "".join(self.texts.get(tag, ()))

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        return [(tag, list(attributes)) for tag, attributes in self.elements]


def several() -> Comparison:
    return samples()["several"]


@pytest.mark.parametrize("name", samples())
def test_every_page_is_well_formed_and_refers_to_nothing_but_itself(name: str):
    text = page(samples()[name])
    document = Document(text)
    assert text.startswith("<!doctype html>\n<html lang=")
    assert document.open == []
    assert HUB_TOKEN not in text
    assert text.encode("ascii")
    ids = Counter(attributes["id"] for _, attributes in document.elements if "id" in attributes)
    assert set(ids.values()) == {1}
    for tag, attributes in document.elements:
        assert not {"src", "style", "srcset", "action"} & set(attributes), tag
        assert not any(attribute.startswith("on") for attribute in attributes), tag
        for attribute in ("href", "aria-labelledby", "for"):
            for target in (attributes.get(attribute) or "").split():
                assert target.removeprefix("#") in ids


def test_the_policy_allows_its_own_style_and_script_and_nothing_else():
    text = page(several())
    document = Document(text)
    (policy,) = [
        meta["content"] for meta in document.all("meta") if meta.get("http-equiv") is not None
    ]
    assert policy is not None
    style, script = (
        b64encode(sha256(document.text(tag).encode()).digest()).decode()
        for tag in ("style", "script")
    )
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{style}'",
        f"script-src 'sha256-{script}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert len(document.all("style")) == len(document.all("script")) == 1
    for sign in (
        "http:",
        "https:",
        "url(",
        "@import",
        "fetch",
        "eval",
        "innerHTML",
        "document.write",
    ):
        assert sign not in document.text("style") + document.text("script")


def told(text: str) -> Comparison:
    """A comparison that says this everywhere that a text of others can stand."""
    place = Place(text, 3)
    items = [
        Item(value=value, unit=text, source="rule", reason=text, place=place)
        for value in (text, f"{text}.")
    ]
    changes = tuple(
        Change(
            key=text,
            before=items[0],
            after=items[1],
            cause=cause,
            place=place,
            impact=Impact.RESTART,
        )
        for cause in ("profile", "derived", "deployed", "lock", "catalog", "override")
    )
    finding = Finding(
        code=text, severity="warning", problem=text, place=place, key=text, fix=f"{text}."
    )
    (sample,) = samples()["recompile"].profiles
    assert sample.before is not None
    assert sample.before.image is not None
    assert sample.before.artifact is not None
    named = replace(
        sample.before,
        profile=text,
        image=replace(sample.before.image, tag=text),
        artifact=replace(sample.before.artifact, name=text, identity=text, key=None),
    )
    diff = ProfileDiff(
        profile=text,
        hardware=text,
        file=text,
        file_before=text,
        status="changed",
        impact=Impact.RESTART,
        changes=changes,
        before=named,
        after=sample.after,
        appeared=(finding,),
        gone=(finding,),
        rendered=(f"-a={text}", f"+a={text}.", f" b={text}", f"+c={text}"),
        notes=(text,),
    )
    unread = Unread(name=text, side="after", findings=(finding,), text_diff=(f"+{text}",))
    return Comparison(before=text, after=text, profiles=(diff,), unread=(unread,), notes=(text,))


MARKUP = st.lists(
    st.sampled_from(
        [
            *"<>\"'&/= \n\0\ud800\u202e`",
            *("{{", "}}", "{% raw %}", "<!--", "-->", "<![CDATA[", "]]>", "&lt;", "&#60;"),
            *("<script>", "</script>", "</style>", "</title>", "</code>", "</details>", "<svg>"),
            *("<img src=x onerror=alert(1)>", "<base href=//x>", "javascript:", "x" * 50),
        ]
    ),
    min_size=1,
    max_size=30,
).map("".join)
PLAIN = Document(page(told("plain"))).shape


@given(st.one_of(MARKUP, st.text(min_size=1)))
def test_no_text_adds_an_element_or_an_attribute(text: str):
    document = Document(page(told(text)))
    assert document.open == []
    assert document.shape == PLAIN


def test_what_is_told_can_be_read_as_it_was_written():
    text = '<b>&amp;"it\'s"</b>'
    document = Document(page(told(text)))
    assert document.text("h1").count(text) == 2
    assert text in document.text("h3")
    assert text in document.text("title")


def test_a_character_that_would_turn_the_text_around_is_spelled_out():
    shown = page(told("abc\u202edef"))
    assert "\u202e" not in shown
    assert "abc\\u202edef" in shown


def test_a_change_is_told_with_both_values_its_cause_and_its_impact():
    text = page(samples()["restart"])
    row = text.partition('<th scope="row"><code>max_rolling_batch_size</code></th>')[2]
    row = row.partition("</tr>")[0]
    assert '<td data-label="before">32 sequences</td>' in row
    assert '<td data-label="after">16 sequences</td>' in row
    assert "profiles/chat.yaml:11" in row
    assert 'class="impact impact-restart">restart<' in row
    assert "<del><code>-option.max_rolling_batch_size=32</code></del>" in text
    assert "<ins><code>+option.max_rolling_batch_size=16</code></ins>" in text


def test_the_head_tells_the_worst_impact_the_totals_and_the_cost():
    head = page(several()).partition("<main")[0]
    assert ">replace-endpoint</span>" in head
    assert "4 profiles: 1 changed, 1 added, 1 removed, 1 equal" in head
    assert "per 730 hours" in head
    assert "main and HEAD last met in 1a2b3c4d." in head
    assert "Not everything could be compared" not in head


def test_every_profile_has_a_row_and_only_what_is_not_equal_a_section():
    document = Document(page(several()))
    statuses = [row["data-status"] for row in document.all("tr") if "data-status" in row]
    assert Counter(statuses) == Counter(item.status for item in several().profiles)
    impacts = [int(row["data-impact"] or 0) for row in document.all("tr") if "data-impact" in row]
    assert impacts == sorted(impacts, reverse=True)
    assert len(document.all("details")) == len(statuses) - statuses.count("equal")


def test_what_could_not_be_read_is_told_before_any_figure_can_mislead():
    text = page(samples()["unread"])
    head = text.partition("<main")[0]
    assert "Not everything could be compared" in head
    assert ">unknown</span><br>not everything could be compared<" in head
    assert "cost unknown" in head
    assert "in work tree, not compared" in text
    assert "No hardware profile was compared." in text
    assert "LMI001 profiles/chat.yaml:9" in text
    assert "<ins><code>+    backend: lmi-dist: x</code></ins>" in text


def memory_page(after: MemoryShare | None) -> Document:
    (sample,) = samples()["restart"].profiles
    assert sample.before is not None
    assert sample.after is not None
    sides = replace(sample.before, memory=MEMORY), replace(sample.after, memory=after)
    diff = replace(sample, before=sides[0], after=sides[1])
    return Document(page(replace(samples()["restart"], profiles=(diff,))))


def test_both_bars_are_to_the_same_scale_and_say_in_words_what_they_show():
    document = memory_page(replace(MEMORY, weights_gib=38.0))  # 50 GiB of 40: does not fit
    of_each = "weights {} GiB, activations and overhead 4.0 GiB, KV cache 8.0 GiB, of 40.0 GiB"
    assert [item["aria-label"] for item in document.all("svg")] == [
        f"Memory per GPU before: {of_each.format('16.0')}",
        f"Memory per GPU after: {of_each.format('38.0')}",
    ]
    widths = [item["width"] for item in document.all("rect") if "fill" in item]
    assert widths == ["128.0", "32.0", "64.0", "304.0", "32.0", "64.0"]
    assert [item["x1"] for item in document.all("line")] == ["320.0", "320.0"]


def test_a_side_whose_memory_is_not_known_has_no_bar():
    assert len(memory_page(None).all("svg")) == 1


def test_memory_that_stays_as_it_is_has_no_bars():
    assert memory_page(MEMORY).all("svg") == []


@pytest.mark.parametrize(("count", "is_open"), [(OPEN_AT_MOST, True), (OPEN_AT_MOST + 1, False)])
def test_many_sections_stay_closed_until_they_are_asked_for(count: int, is_open: bool):
    (sample,) = samples()["restart"].profiles
    profiles = tuple(replace(sample, profile=f"chat-{number}") for number in range(count))
    document = Document(page(replace(samples()["restart"], profiles=profiles)))
    assert [("open" in item) for item in document.all("details")] == [is_open] * count


def test_the_same_comparison_is_the_same_page():
    assert page(several()) == page(several())


def test_a_template_of_html_escapes_and_one_of_properties_does_not():
    rendered = load_template("lmi/serving.properties.j2").render(
        title="a", container="b", properties=[("option.x", "1<2")]
    )
    assert "option.x=1<2\n" in rendered
    assert "1&lt;2" in page(told("1<2"))
