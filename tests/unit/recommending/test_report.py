"""The text of a recommendation, and the way out where there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.findings import errors_among
from lmi_deployer.performance.estimate import Band
from lmi_deployer.recommending import as_data, report
from lmi_deployer.recommending.ways_out import way_out
from tests.unit.recommending.asking import ask, mistral
from tests.unit.recommending.stand_ins import STAND_INS, WITHOUT_SPEED


def text(**options) -> str:
    return report.as_text(ask(**options))


def test_bands_are_shown_by_both_ends_with_two_digits_that_count():
    assert report._band(Band(low=1234, middle=1500, high=1987)) == "1,200-2,000"
    assert report._band(Band(low=0.0341, middle=0.04, high=0.0502)) == "0.034-0.050"
    assert report._band(None) == "-"


@given(st.floats(1e-6, 1e9), st.floats(1, 10))
def test_rounding_moves_an_end_by_less_than_a_tenth(low: float, factor: float):
    shown = float(report._short(low).replace(",", ""))
    assert abs(shown - low) <= 0.1 * low
    more = float(report._short(low * factor).replace(",", ""))
    assert more >= shown


def test_without_a_basis_the_ranking_is_said_to_be_by_price_and_head_room():
    shown = text(models=WITHOUT_SPEED)
    assert "nobody has measured it" in shown
    assert "ranked by price and memory head-room, not by cost" in shown


def test_figures_say_what_load_they_are_for():
    assert "full batches" in text()
    assert "one request in flight" in text(goal="latency")
    assert "8 requests in flight" in text(limits={"concurrency": 8})


def test_rows_that_the_estimate_cannot_tell_apart_are_said_to_be_so():
    outcome = ask(mistral(), top=8)
    first, second = (item.fit.usd_per_million_tokens for item in outcome.recommended[:2])
    assert first is not None
    assert second is not None
    overlap = first.high >= second.low
    assert ("overlap" in report.as_text(outcome)) == overlap


def test_the_cheapest_by_the_hour_is_named_where_no_row_is_as_cheap():
    outcome = ask(goal="throughput", top=1)
    assert outcome.cheapest is not None
    price = outcome.cheapest.fit.usd_per_hour
    assert price is not None
    assert price < (outcome.recommended[0].fit.usd_per_hour or 0)
    assert not errors_among(outcome.cheapest.findings)
    shown = " ".join(report.as_text(outcome).split())
    assert f"The cheapest by the hour that fits: {outcome.cheapest.fit.candidate.label}" in shown
    assert as_data.as_data(outcome)["cheapest_by_the_hour"]["price"]["usd_per_hour"] == price
    assert ask(top=50).cheapest is None


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_text_is_as_wide_as_the_terminal_and_loses_nothing(width: int):
    outcome = ask(top=5)
    narrow, wide = report.as_text(outcome, width), report.as_text(outcome)
    assert max(map(len, narrow.splitlines())) <= width
    assert set(wide.split()) <= set(narrow.split())


def test_a_type_without_any_price_is_told_how_to_get_one():
    shown = " ".join(text(limits={"instances": ("ml.p4de.24xlarge",)}).split())
    assert "no price is known; `lmi-deploy catalog refresh` reads it" in shown


def test_the_document_counts_as_the_text_does():
    outcome = ask(top=3)
    data = as_data.as_data(outcome)
    assert f"{data['candidates']:,} candidates, {data['fits']:,} fit" in report.as_text(outcome)
    assert [row["rank"] for row in data["recommendations"]] == [1, 2, 3]
    row = data["recommendations"][0]
    memory = row["memory"]
    parts = ("weights_bytes", "activation_bytes", "overhead_bytes", "kv_cache_bytes")
    assert sum(memory[part] for part in parts) <= memory["usable_bytes"]
    assert row["price"]["as_of"]


def test_quantization_that_would_help_is_offered_with_the_mildest_method_first():
    outcome = ask(limits={"instances": ("ml.g5.12xlarge",)})
    way = way_out(outcome, STAND_INS)
    assert "GiB too little on each GPU" in way.nearest
    assert way.fixes[0].startswith("--quantize bitsandbytes8")


def test_another_machine_is_offered_where_the_machine_was_named():
    way = way_out(ask(limits={"instances": ("ml.g5.xlarge",)}), STAND_INS)
    assert any("which fits, $" in fix for fix in way.fixes)


def test_limits_that_leave_nothing_to_look_at_are_told():
    way = way_out(ask(limits={"instances": ("ml.g5.xlarge",), "gpus": ("T4",)}), STAND_INS)
    assert "no instance type" in way.nearest
    assert way.fixes


def test_a_budget_that_is_raised_as_told_suffices():
    outcome = ask(limits={"max_usd_per_hour": 1})
    (flag, usd) = way_out(outcome, STAND_INS).fixes[0].split()
    assert flag == "--max-usd-per-hour"
    assert ask(limits={"max_usd_per_hour": float(usd)}).found.fits
