"""What compiling takes: bounds around the published times, and dollars from the price table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.aot.estimate import CompileEstimate, _minutes, estimate, estimate_at_start
from lmi_deployer.catalog.rows import Price
from lmi_deployer.spec import GIB
from tests.specs import make_spec

ROWS = catalog.raw_rows("compile_times")
MEASURED = [(name, item) for name, row in ROWS.items() for item in row["measured"]]
TRTLLM = ("backend=trtllm", "instance_type=ml.g5.12xlarge")


def price(usd_per_hour: float) -> Price:
    (known, *_) = [catalog.instance_type("ml.g5.2xlarge").price]
    assert known is not None
    return known.model_copy(update={"usd_per_hour": usd_per_hour})


@pytest.mark.parametrize(("name", "item"), MEASURED, ids=lambda value: str(value)[:60])
def test_the_bounds_enclose_every_published_time(name, item):
    low, high = _minutes(name, int(item["weights_gib"] * GIB))
    assert low <= item["minutes"]["low"]
    assert item["minutes"]["high"] <= high


@pytest.mark.parametrize("name", sorted(ROWS))
@given(first=st.integers(0, 2**40), more=st.integers(0, 2**40))
def test_more_weights_never_take_less_time(name, first, more):
    less, greater = _minutes(name, first), _minutes(name, first + more)
    assert less[0] <= less[1]
    assert less[0] <= greater[0]
    assert less[1] <= greater[1]


def test_a_job_takes_longer_than_the_container_since_it_stores_what_it_makes():
    spec = make_spec(*TRTLLM, "compile.mode=aot")
    job, start = estimate(spec, "us-east-1"), estimate_at_start(spec, "us-east-1")
    assert job.minutes_low > start.minutes_low
    assert job.minutes_high > start.minutes_high
    assert job.instance_type == start.instance_type == "ml.g5.12xlarge"


def test_a_container_that_alone_can_compile_graphs_is_not_reckoned_as_if_it_built_engines():
    """Neuron of 0.25.0 compiles at every start, and nothing ahead of time."""
    neuron = ("backend=neuronx", "instance_type=ml.inf2.8xlarge")
    old, newer = (make_spec(*neuron, f'container.version="{x}"') for x in ("0.25.0", "0.27.0"))
    assert old.compilation is None
    assert estimate_at_start(old).minutes_low == estimate_at_start(newer).minutes_low
    with pytest.raises(ValueError, match="compiles nothing"):
        estimate_at_start(make_spec())


def test_calibrating_takes_longer():
    plain = estimate(make_spec(*TRTLLM))
    quantized = estimate(make_spec(*TRTLLM, "quantize={method: smoothquant}"))
    assert quantized.minutes_low > plain.minutes_low + 4


def test_the_price_is_that_of_the_machine_which_compiles():
    spec = make_spec(*TRTLLM, "compile.instance_type=ml.g5.48xlarge")
    there = estimate(spec, "us-east-1")
    assert there.instance_type == "ml.g5.48xlarge"
    assert there.price is not None
    assert there.usd_high == pytest.approx(there.minutes_high / 60 * there.price.usd_per_hour)


@pytest.mark.parametrize("runner", ["docker", "native"])
def test_ones_own_machine_costs_nothing(runner):
    spec = make_spec("backend=trtllm", f"compile.runner={runner}", "container.version=0.33.0")
    here = estimate(spec)
    assert (here.usd_low, here.usd_high, here.instance_type) == (None, None, None)
    assert str(here).endswith(" min")


def test_a_spec_that_compiles_nothing_has_no_estimate():
    with pytest.raises(ValueError, match="is not compiled"):
        estimate(make_spec())


@pytest.mark.parametrize(
    ("minutes", "usd_per_hour", "text"),
    [
        ((20, 110), 25.25, "20 to 110 min, $8 to $46"),
        ((0.2, 0.4), 1.0, "1 min, $0.00 to $0.01"),
        ((7.2, 113.4), None, "7 to 115 min"),
    ],
)
def test_bounds_are_told_in_round_figures(minutes, usd_per_hour, text):
    bounds = CompileEstimate(
        minutes_low=minutes[0],
        minutes_high=minutes[1],
        instance_type=None,
        price=None if usd_per_hour is None else price(usd_per_hour),
        source="",
    )
    assert str(bounds) == text
