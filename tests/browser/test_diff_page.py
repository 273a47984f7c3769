"""The page of a comparison in a real browser that has no network."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from lmi_deployer.diffing.as_html import page
from lmi_deployer.diffing.comparison import Comparison
from tests.browser.conftest import Opened, Opener
from tests.diffing_samples import samples

HERE = Path(__file__).parent
ACCESSIBILITY = (HERE / "accessibility.js").read_text(encoding="utf-8").partition("\n")[2]
PDF_PAGE = b"/Type /Page\n"
RIGHT_EDGES = """cells => cells.map(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return range.getBoundingClientRect().right;
})"""
SHOWN_ROWS = "#overview tbody tr:not([hidden])"


@cache
def release() -> Comparison:
    """What a release has: every status and impact, and something that could not be read."""
    kinds = ("recompile", "restart", "renamed", "refused", "several", "live")
    profiles = [item for kind in kinds for item in samples()[kind].profiles]
    named = tuple(
        replace(item, profile=f"{item.profile}-{index}") for index, item in enumerate(profiles)
    )
    return replace(samples()["several"], profiles=named, unread=samples()["unread"].unread)


@cache
def document() -> str:
    return page(release())


def titles(opened: Opened) -> list[str]:
    return opened.page.locator(f"{SHOWN_ROWS} th").all_text_contents()


def left_and_width(opened: Opened, selector: str) -> tuple[float, float]:
    box = opened.page.locator(selector).first.bounding_box()
    assert box is not None
    return box["x"], box["width"]


def test_it_opens_without_errors_and_asks_for_nothing(opener: Opener):
    opened = opener(document())
    assert opened.problems == []
    heading = opened.page.get_by_role("heading", name="main (1a2b3c4d) to work tree", exact=True)
    assert heading.count() == 1
    assert opened.page.title() == "main (1a2b3c4d) to work tree: incompatible"
    assert opened.page.locator(SHOWN_ROWS).count() == len(release().profiles)
    assert opened.page.locator("#controls").is_visible()


def test_everything_can_be_read_and_opened_without_javascript(opener: Opener):
    opened = opener(document(), java_script_enabled=False)
    assert opened.problems == []
    assert not opened.page.locator("#controls").is_visible()
    assert opened.page.locator(SHOWN_ROWS).count() == len(release().profiles)
    section = opened.page.locator("details.profile").first
    inside = section.locator(".inside")
    assert inside.is_visible()
    section.locator("summary").click()
    assert not inside.is_visible()
    opened.page.locator("#overview a").first.click()
    assert opened.page.url.endswith("#p1")


def test_the_filter_hides_rows_with_their_sections(opener: Opener):
    opened = opener(document())
    opened.page.fill("#filter-text", "LLAMA2-70b recompile")
    assert titles(opened) == ["llama2-70b-0 / p4d"]
    assert opened.page.locator("details.profile:visible").count() == 1
    assert (
        opened.page.locator("#filter-count").inner_text() == f"1 of {len(release().profiles)} shown"
    )
    opened.page.fill("#filter-text", "")
    opened.page.select_option("#filter-impact", label="replace-endpoint")
    assert sorted(titles(opened)) == sorted(
        item.title for item in release().profiles if int(item.impact) >= 4
    )
    opened.page.select_option("#filter-impact", label="none")
    opened.page.uncheck("#filter-equal")
    assert len(titles(opened)) == sum(item.status != "equal" for item in release().profiles)


def test_rows_are_sorted_up_and_down_by_what_a_column_means(opener: Opener):
    opened = opener(document())
    heading = opened.page.locator("#overview thead th").nth(1)

    def impacts() -> list[int]:
        return [int(item.impact) for item in by_title(titles(opened))]

    def by_title(shown: list[str]):
        known = {item.title: item for item in release().profiles}
        return [known[title] for title in shown]

    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert impacts() == sorted(impacts())
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert impacts() == sorted(impacts(), reverse=True)
    opened.page.locator("#overview thead button").nth(2).click()
    assert heading.get_attribute("aria-sort") is None
    costs = [item.usd_per_hour_delta for item in by_title(titles(opened))]
    known = [cost for cost in costs if cost is not None]
    assert known == sorted(known)
    assert costs[: len(known)] == known


def test_all_sections_open_and_close_and_a_link_opens_its_own(opener: Opener):
    opened = opener(document())
    sections = opened.page.locator("details")
    opened.page.click("#close-all")
    assert opened.page.locator("details[open]").count() == 0
    opened.page.locator("#overview a").nth(1).click()
    assert opened.page.locator("details[open]").evaluate_all("all => all.map(one => one.id)") == [
        "p2"
    ]
    opened.page.click("#open-all")
    assert opened.page.locator("details[open]").count() == sections.count()


def test_everything_can_be_reached_with_the_keyboard(opener: Opener):
    opened = opener(document())
    focused = "document.activeElement"
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate(f"{focused}.textContent") == "Skip to the profiles"
    assert left_and_width(opened, ".skip")[0] >= 0
    opened.page.keyboard.press("Enter")
    reached = set()
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        reached.add(opened.page.evaluate(f"{focused}.id || {focused}.tagName"))
    assert {"filter-text", "filter-impact", "filter-equal", "open-all", "SUMMARY"} <= reached
    opened.page.locator("summary").first.focus()
    opened.page.keyboard.press("Enter")
    assert opened.page.locator("details").first.get_attribute("open") is None


@pytest.mark.parametrize("name", ["release", "hostile"])
def test_a_narrow_screen_scrolls_only_down(name: str, opener: Opener):
    shown = opener(document() if name == "release" else page(samples()[name]), width=360)
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 360
    assert left_and_width(shown, "summary")[1] <= 360


def test_a_narrow_screen_shows_the_impact_and_every_value_without_scrolling(opener: Opener):
    shown = opener(document(), width=360).page
    for selector in (
        "#overview td .impact",
        *(f".values td:nth-child({column})" for column in (2, 3, 4, 5)),
        ".lines del",
        ".lines ins",
    ):
        places = shown.locator(selector).evaluate_all(RIGHT_EDGES)
        assert places, selector
        assert max(places) <= 360, selector


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_everybody_can_read_it(color_scheme: str, width: int, opener: Opener):
    opened = opener(document(), color_scheme=color_scheme, width=width)
    assert opened.page.evaluate(ACCESSIBILITY) == []


def test_the_check_of_contrast_can_fail(opener: Opener):
    pale = document().replace("--ink: #1b1f24", "--ink: #cccccc")
    opened = opener(pale, bypass_csp=True)
    assert any("contrast" in problem for problem in opened.page.evaluate(ACCESSIBILITY))


def test_dark_is_dark_and_paper_is_white(opener: Opener):
    opened = opener(document(), color_scheme="dark")

    def background() -> str:
        return str(opened.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert background() == "rgb(13, 17, 23)"
    opened.page.emulate_media(media="print", color_scheme="dark")
    assert background() == "rgb(255, 255, 255)"
    assert opened.page.evaluate(ACCESSIBILITY) == []


def test_what_is_closed_is_printed_all_the_same(opener: Opener):
    opened = opener(document())
    opened.page.click("#close-all")
    inside = "document.querySelector('.profile .inside').checkVisibility()"
    assert not opened.page.evaluate(inside)
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate(inside)
    assert not opened.page.locator("#controls").is_visible()


@pytest.mark.parametrize("broken", ["details::details-content", '"beforeprint"'])
def test_two_ways_lead_to_a_print_with_all_sections_open(broken: str, opener: Opener):
    """The style where there is no script, the script where a browser does not know the style."""
    both = "details::details-content", '"beforeprint"'

    def pages(*without: str) -> int:
        shown = document()
        for text in without:
            assert shown.count(text) == 1
            shown = shown.replace(text, '"none"' if text.startswith('"') else "details.none")
        opened = opener(shown, bypass_csp=True).page
        opened.click("#close-all")
        printed = opened.pdf().count(PDF_PAGE)
        assert opened.locator("details[open]").count() == 0  # afterwards as before
        return printed

    assert pages(broken) > pages(*both) > 0


@pytest.mark.parametrize("has_policy", [True, False], ids=["policy", "without-policy"])
def test_a_hostile_value_does_nothing(has_policy: bool, opener: Opener):
    opened = opener(page(samples()["hostile"]), bypass_csp=not has_policy)
    opened.page.click("#close-all")
    opened.page.click("#open-all")
    assert opened.problems == []
    count = opened.page.evaluate(
        "selector => document.querySelectorAll(selector).length", "script, img, iframe, object"
    )
    assert count == 1
    hosts = opened.page.evaluate("[...document.links].map(link => link.getAttribute('href')[0])")
    assert set(hosts) == {"#"}


def test_the_policy_stops_what_would_get_in_all_the_same(opener: Opener):
    intruders = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>'
    opened = opener(document().replace("</main>", f"{intruders}</main>"))
    attempts = [item for item in opened.problems if not item.startswith("request: http://evil")]
    assert len(attempts) == 3  # the picture, its handler, the script
    assert all("The action has been blocked." in item for item in attempts)


def test_a_picture_of_it_is_not_blank(opener: Opener):
    shown = opener(document()).page.screenshot()
    blank = opener("<!doctype html>").page.screenshot()
    assert len(shown) > 10 * len(blank)  # one color compresses to nearly nothing


def test_two_thousand_changed_profiles_open(opener: Opener):
    (changed,) = samples()["restart"].profiles
    plain = replace(changed, before=None, after=None, rendered=())  # quick to lay out
    many = tuple(replace(plain, profile=f"chat-{number}") for number in range(2000))
    opened = opener(page(replace(samples()["restart"], profiles=many)))
    assert opened.problems == []
    assert opened.page.locator("details[open]").count() == 0
    opened.page.fill("#filter-text", "chat-1999")
    assert titles(opened) == ["chat-1999 / g5"]
    opened.page.click("#open-all")
    assert opened.page.locator("details[open]").count() == 1
