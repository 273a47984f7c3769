"""One card for every name that people and measurements give it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.cards import find_gpu
from lmi_deployer.errors import InputError


@pytest.mark.parametrize("name", catalog.names("gpus"))
def test_a_row_is_found_by_its_name_and_by_each_alias(name: str):
    row = catalog.gpu(name)
    for spelling in (row.name, row.name.lower(), *row.aliases):
        assert find_gpu(spelling) is row


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NVIDIA A10G", "A10G"),
        ("a100 80gb", "A100-SXM4-80GB"),
        ("Tesla T4", "T4"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("RTX3090-24GB", "RTX-3090"),
        ("H100", "H100-SXM5-80GB"),
        ("Trainium1-32GB", "Trainium"),
        ("A10-24GB", "A10"),
        ("H20-96GB", "H20-SXM5-96GB"),
    ],
)
def test_other_spellings_mean_the_same_card(written: str, meant: str):
    assert find_gpu(written).name == meant


@pytest.mark.parametrize(
    ("name", "sizes"), [("A100", "A100-40GB, A100-80GB"), ("v100", "V100-16GB, V100-32GB")]
)
def test_a_name_without_the_size_that_tells_two_cards_apart_is_refused(name: str, sizes: str):
    with pytest.raises(InputError) as caught:
        find_gpu(name)
    assert caught.value.fix == f"one of {sizes}"


def test_an_unknown_card_is_refused_with_the_nearest():
    with pytest.raises(InputError) as caught:
        find_gpu("A11G")
    assert caught.value.fix == "did you mean 'A10G'?"


@given(st.text(max_size=2000))
def test_any_text_is_a_card_or_a_short_error(text: str):
    try:
        shown = find_gpu(text).name
    except InputError as error:
        shown = str(error)
    assert 0 < len(shown) < 600
