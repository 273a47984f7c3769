"""The search: what is a candidate, what rules it out, and what the limits mean."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import PriceList
from lmi_deployer.errors import InputError
from lmi_deployer.performance.estimate import NoBasis
from lmi_deployer.prices import PriceTable
from lmi_deployer.recommending import Outcome, ranking
from lmi_deployer.recommending.reasons import Group, Kind
from tests.unit.recommending.asking import ask, llama, mistral
from tests.unit.recommending.stand_ins import WITHOUT_SPEED


def group(outcome: Outcome, kind: Kind) -> Group:
    found = outcome.found.tally.group(kind)
    assert found is not None, [item.kind for item in outcome.found.tally]
    return found


def instances(outcome: Outcome) -> list[str]:
    return [item.fit.candidate.instance.name for item in outcome.recommended]


def prices(region: str, **usd: float) -> PriceTable:
    named = {f"ml.{name.replace('_', '.')}": value for name, value in usd.items()}
    row = PriceList(
        name="test",
        region=region,
        as_of=date(2026, 11, 1),
        usd_per_hour=named,
        source="test",
        checked=date(2026, 11, 21),
    )
    return PriceTable([row])


def test_every_candidate_fits_or_is_discarded_for_one_reason():
    outcome = ask(top=1)
    before_choosing = [
        item for item in outcome.found.tally if item.kind not in {"checks", "dearer"}
    ]
    discarded = sum(item.count for item in before_choosing)
    assert outcome.found.tally.seen == discarded + len(outcome.found.fits)
    assert outcome.found.tally.seen > 500


def test_a_group_counts_as_many_as_its_problems_and_misses_say():
    for item in ask().found.tally:
        assert item.count >= sum(item.problems.values())
        assert item.nearest == sorted(item.nearest, key=lambda miss: miss.shortage)


def test_the_nearest_miss_of_memory_says_how_much_is_missing():
    found = group(ask(limits={"gpus": ("A10G",)}), "memory")
    assert "GiB too little on each GPU" in found.nearest[0].detail
    machines = [miss.machine for miss in found.nearest]
    assert len(set(machines)) == len(machines)


def test_quantized_weights_fit_where_plain_ones_do_not():
    plain = ask(limits={"instances": ("ml.g5.12xlarge",)})
    eight_bits = ask(limits={"instances": ("ml.g5.12xlarge",)}, methods=("bitsandbytes8",))
    assert plain.recommended == ()
    assert {item.fit.candidate.method for item in eight_bits.recommended} == {"bitsandbytes8"}


def test_a_method_for_quantized_checkpoints_is_refused_for_plain_weights():
    with pytest.raises(InputError, match="quantized already; these are not"):
        ask(methods=("gptq",))


def test_the_checkpoints_own_method_is_taken_without_asking():
    from lmi_deployer.recommending import of_model

    outcome = ask(of_model("TheBloke/Llama-2-70B-GPTQ"), containers=("0.25.0",))
    assert {fit.candidate.method for fit in outcome.found.fits} == {"gptq"}
    assert {fit.candidate.backend for fit in outcome.found.fits} <= {"lmi-dist", "scheduler"}


def test_a_family_that_a_backend_does_not_serve_is_named():
    outcome = ask(mistral(), containers=("0.25.0",))
    found = group(outcome, "family")
    assert any("trtllm" in problem and "mistral" in problem for problem in found.problems)
    assert "trtllm" not in {fit.candidate.backend for fit in outcome.found.fits}


def test_gpus_newer_than_the_image_are_no_candidates():
    names = {fit.candidate.machine.gpu.name for fit in ask().found.fits}
    assert not any("Blackwell" in name or "B200" in name for name in names)
    assert any("has no code for" in problem for problem in group(ask(), "devices").problems)


def test_heads_that_do_not_divide_are_named():
    from lmi_deployer.recommending import of_profile
    from lmi_deployer.resources import shipped_profiles

    falcon = of_profile(shipped_profiles()["falcon-7b"])
    found = group(ask(falcon), "degree")
    assert any("71 attention heads" in problem for problem in found.problems)


def test_instance_types_that_cannot_host_are_named():
    assert any("ml.p3dn.24xlarge" in problem for problem in group(ask(), "hosting").problems)


def test_a_region_without_the_image_rules_its_backends_out():
    outcome = ask(limits={"region": "ap-east-2"})
    assert outcome.recommended == ()
    assert any("not published in ap-east-2" in text for text in group(outcome, "region").problems)


def test_an_unknown_region_is_refused():
    with pytest.raises(InputError, match="us-west-9"):
        ask(limits={"region": "us-west-9"})


def test_neuron_is_looked_at_only_when_asked_for():
    assert all(fit.candidate.machine.gpu.vendor == "nvidia" for fit in ask().found.fits)
    asked = ask(limits={"backends": ("neuronx",)})
    assert asked.found.tally.seen > 0
    assert all(fit.candidate.backend == "neuronx" for fit in asked.found.fits)


@pytest.mark.parametrize(
    ("limits", "holds"),
    [
        (
            {"gpus": ("A100-SXM4-40GB",)},
            lambda fit: fit.candidate.machine.gpu.name.startswith("A100"),
        ),
        ({"backends": ("lmi-dist",)}, lambda fit: fit.candidate.backend == "lmi-dist"),
        (
            {"instances": ("ml.p4d.24xlarge",)},
            lambda fit: fit.candidate.instance.name == "ml.p4d.24xlarge",
        ),
        ({"max_usd_per_hour": 30}, lambda fit: fit.usd_per_hour <= 30),
        ({"concurrency": 40}, lambda fit: fit.batch * fit.candidate.copies >= 40),
    ],
)
def test_a_limit_holds_for_everything_that_fits(limits, holds):
    fits = ask(limits=limits).found.fits
    assert fits
    assert all(holds(fit) for fit in fits)


def test_over_the_budget_the_nearest_is_the_one_that_costs_least_more():
    found = group(ask(limits={"max_usd_per_hour": 1}), "budget")
    assert found.nearest[0].remedy is not None
    assert found.nearest[0].remedy.startswith("--max-usd-per-hour")
    over = [miss.shortage for miss in found.nearest]
    assert over == sorted(over)


def test_what_has_no_price_fits_no_budget():
    outcome = ask(limits={"max_usd_per_hour": 1000})
    assert any("ml.p4de.24xlarge" in text for text in group(outcome, "budget").problems)


def test_too_few_requests_at_once_say_how_many_and_on_how_many_instances():
    found = group(ask(limits={"concurrency": 5000}), "concurrency")
    assert "of 5000 requests at once" in found.nearest[0].detail
    assert str(found.nearest[0].remedy).endswith("instances")


def test_the_batch_is_no_larger_than_the_traffic_needs():
    fits = ask(limits={"concurrency": 4, "instances": ("ml.p4d.24xlarge",)}).found.fits
    assert {fit.batch for fit in fits if fit.candidate.copies == 1} <= {1, 4}


def test_a_budget_counts_the_price_of_the_region():
    table = prices("eu-west-3", p4d_24xlarge=99.0)
    over = ask(limits={"max_usd_per_hour": 50, "region": "eu-west-3"}, prices=table)
    assert over.recommended == ()
    assert "$99.00 an hour (eu-west-3, 2026-11-01)" in group(over, "budget").nearest[0].detail


def test_a_price_of_another_region_is_not_passed_off_as_the_regions_own():
    table = prices("us-west-2", p4d_24xlarge=25.0)
    (first, *_) = ask(limits={"region": "eu-west-3"}, prices=table).recommended
    assert first.fit.candidate.instance.name == "ml.p4d.24xlarge"
    assert first.fit.quote.price is None
    assert first.fit.quote.elsewhere is not None
    assert first.fit.quote.elsewhere.region == "us-west-2"


def test_longer_requests_than_the_model_has_positions_are_refused_at_once():
    with pytest.raises(InputError, match="4096"):
        ask(max_input_len=4000, max_output_len=1000)


def test_longer_requests_never_make_more_of_them_fit_at_once():
    short, long = ask(max_input_len=512), ask(max_input_len=3000)

    def batches(outcome: Outcome) -> dict[str, int]:
        return {
            fit.candidate.label: fit.batch for fit in outcome.found.fits if fit.published is None
        }

    before = batches(short)
    assert all(before[label] >= batch for label, batch in batches(long).items() if label in before)


@pytest.mark.parametrize("goal", ["throughput", "latency"])
def test_the_rows_are_in_the_order_of_the_goal(goal):
    figures: dict[str, list[float]] = {"throughput": [], "latency": []}
    for item in ask(goal=goal, top=8).recommended:
        if item.fit.tokens_per_second and item.fit.answer_seconds:
            figures["throughput"].append(-item.fit.tokens_per_second.middle)
            figures["latency"].append(item.fit.answer_seconds.middle)
    assert len(figures[goal]) > 3
    assert figures[goal] == sorted(figures[goal])


def test_of_costs_that_the_estimate_cannot_tell_apart_the_cheaper_hour_comes_first():
    ranked = ranking.ranked(ask(mistral()).found.fits, "cost")
    costs = [(fit.usd_per_million_tokens, fit.usd_per_hour or 0) for fit in ranked]
    known = [(cost, usd) for cost, usd in costs if cost is not None]
    assert len(known) > 20
    rest = known
    while rest:
        best = min((cost for cost, _ in rest), key=lambda cost: cost.middle)
        tier = [usd for cost, usd in rest if cost.middle <= best.high]
        assert [usd for _, usd in rest[: len(tier)]] == sorted(tier)
        rest = rest[len(tier) :]


def test_without_a_basis_for_speed_price_ranks_and_no_figure_is_made_up():
    outcome = ask(models=WITHOUT_SPEED, top=4)
    usd = [item.fit.usd_per_hour for item in outcome.recommended]
    assert usd == sorted(price for price in usd if price is not None)
    for item in outcome.recommended:
        assert isinstance(item.fit.performance, NoBasis)
        assert item.fit.tokens_per_second is None
        assert item.fit.usd_per_million_tokens is None


def test_what_has_a_basis_ranks_before_what_has_none():
    outcome = ask(mistral(), top=50)
    known = [item.fit.usd_per_million_tokens is not None for item in outcome.recommended]
    assert known == sorted(known, reverse=True)


def test_one_row_an_instance_type_and_no_dearer_one_around_the_same_gpus():
    outcome = ask(mistral(), top=50)
    names = instances(outcome)
    assert len(set(names)) == len(names)
    assert "ml.g5.xlarge" in names
    assert "ml.g5.2xlarge" not in names
    assert any("ml.g5.2xlarge" in text for text in group(outcome, "dearer").problems)


def test_one_instance_type_alone_is_shown_in_every_way():
    outcome = ask(limits={"instances": ("ml.p4d.24xlarge",)}, top=20)
    ways = [
        (item.fit.candidate.backend, item.fit.candidate.tensor_parallel_degree)
        for item in outcome.recommended
    ]
    assert len(ways) > 1
    assert len(set(ways)) == len(ways)


def test_several_container_versions_are_searched_together():
    outcome = ask(containers=("0.25.0", "0.30.0"))
    versions = {fit.candidate.container.version for fit in outcome.found.fits}
    assert versions == {"0.25.0", "0.30.0"}


def test_a_bare_model_gets_the_newest_verified_version_that_serves_it():
    outcome = ask(mistral())
    verified = [name for name in catalog.names("containers") if catalog.container(name).is_verified]
    assert [item.version for item in outcome.question.containers] == [verified[-1]]
    assert "newest" in outcome.container_reason


def test_a_backend_that_newer_versions_lack_decides_the_version():
    outcome = ask(mistral(), limits={"backends": ("trtllm",)})
    (container,) = outcome.question.containers
    assert "trtllm" in container.backends
    newer = _newer(container.version)
    assert all("trtllm" not in catalog.container(name).backends for name in newer)


def _newer(version: str) -> Sequence[str]:
    names = catalog.names("containers")
    return names[names.index(version) + 1 :]


def test_a_published_configuration_is_named_and_keeps_its_batch():
    outcome = ask(limits={"instances": ("ml.p4d.24xlarge",), "backends": ("trtllm",)}, top=10)
    published = [item for item in outcome.recommended if item.fit.published is not None]
    (item,) = published
    assert item.fit.candidate.tensor_parallel_degree == 8
    assert item.fit.batch == 128
    assert item.section["max_rolling_batch_size"] == 128


def test_the_same_question_gives_the_same_answer():
    first, second = ask(top=10), ask(top=10)
    assert [item.section for item in first.recommended] == [
        item.section for item in second.recommended
    ]


def test_the_profiles_dtype_rules_out_backends_that_do_not_take_it():
    assert llama().dtype == "fp16"
    assert all(fit.candidate.dtype == "fp16" for fit in ask().found.fits)
