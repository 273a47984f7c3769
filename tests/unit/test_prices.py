"""Prices: which of several holds, what is said where a region has none, and the user's file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import catalog, price_refresh, prices
from lmi_deployer.catalog.rows import PriceList
from lmi_deployer.errors import InputError
from lmi_deployer.prices import PriceTable

G5, P4D = "ml.g5.xlarge", "ml.p4d.24xlarge"
NEGATIVE = """
{"lists": [{"name": "x", "region": "us-east-1", "as_of": "2026-01-01", "source": "s",
  "checked": "2026-01-01", "usd_per_hour": {"ml.g5.xlarge": -1}}]}
"""
OLD, NEW = date(2025, 1, 26), date(2026, 9, 1)


def price_list(
    usd: float, *, region: str = "us-east-1", as_of: date = NEW, instance_type: str = G5
) -> PriceList:
    return PriceList(
        name=f"{region}-{as_of}",
        region=region,
        as_of=as_of,
        usd_per_hour={instance_type: usd},
        source="a price list",
        checked=date(2026, 11, 21),
    )


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that LMI_DEPLOY_PRICES names; it does not exist yet."""
    path = tmp_path / "prices.json"
    monkeypatch.setenv(prices.FILE_VARIABLE, str(path))
    prices.known.cache_clear()
    return path


@pytest.fixture(autouse=True)
def forget() -> None:
    prices.known.cache_clear()


def test_the_newest_price_of_a_region_holds():
    table = PriceTable([price_list(2.0, as_of=NEW), price_list(9.0, as_of=OLD)])
    quote = table.quote(G5, "us-east-1")
    assert quote.price is not None
    assert (quote.price.usd_per_hour, quote.price.as_of) == (2.0, NEW)


def test_of_equally_new_prices_the_later_list_holds():
    table = PriceTable([price_list(2.0), price_list(3.0)])
    price = table.quote(G5, "us-east-1").price
    assert price is not None
    assert price.usd_per_hour == 3.0


def test_a_chosen_list_holds_whatever_its_date():
    table = PriceTable([price_list(2.0)], chosen=[price_list(9.0, as_of=OLD)])
    price = table.quote(G5, "us-east-1").price
    assert price is not None
    assert price.usd_per_hour == 9.0


def test_a_region_without_a_price_names_the_newest_of_another_and_claims_nothing():
    table = PriceTable([price_list(2.0, as_of=OLD), price_list(3.0, region="us-west-2")])
    quote = table.quote(G5, "eu-west-3")
    assert quote.price is None
    assert quote.elsewhere is not None
    assert (quote.elsewhere.region, quote.elsewhere.as_of) == ("us-west-2", NEW)
    assert quote.nearest == quote.elsewhere


def test_an_unknown_type_has_no_price_anywhere():
    quote = PriceTable([price_list(2.0)]).quote(P4D)
    assert quote.price is None
    assert quote.nearest is None


@given(st.permutations([1.0, 2.0, 3.0, 4.0]), st.lists(st.dates(), min_size=4, max_size=4))
def test_no_order_of_lists_makes_an_older_price_win(usd: list[float], days: list[date]):
    lists = [price_list(one, as_of=day) for one, day in zip(usd, days, strict=True)]
    price = PriceTable(lists).quote(G5).price
    assert price is not None
    assert price.as_of == max(days)


@pytest.mark.parametrize("name", catalog.names("instances"))
def test_every_price_of_the_catalog_has_a_region_a_day_and_a_source(name: str):
    price = catalog.instance_type(name).price
    if price is not None:
        assert price.region in catalog.names("registries")
        assert price.as_of <= date(2026, 11, 21)
        assert price.usd_per_hour > 0
        assert price.source


@pytest.mark.parametrize(("name", "before"), [(P4D, 37.688), ("ml.p5.48xlarge", 113.068)])
def test_prices_of_before_the_cut_of_2025_win_in_no_region(name: str, before: float):
    found = [price.usd_per_hour for key, price in prices.known().all() if key == name]
    assert found
    assert before not in found


def test_every_list_of_the_catalog_names_known_instance_types():
    for row in catalog.raw_rows("prices").values():
        assert set(row["usd_per_hour"]) <= set(catalog.names("instances")), row["name"]


def test_the_users_file_comes_beside_the_catalog(own_file: Path):
    own_file.write_text(prices.as_json([price_list(1.25, region="eu-west-3")]))
    price = prices.price(G5, "eu-west-3")
    assert price is not None
    assert price.usd_per_hour == 1.25
    assert prices.price(G5, "us-east-1") is not None


def test_a_file_reads_back_as_it_was_written(tmp_path: Path):
    lists = [price_list(25.251286), price_list(0.7364, region="us-west-2", as_of=OLD)]
    path = tmp_path / "prices.json"
    path.write_text(prices.as_json(lists))
    assert list(prices.read_file(path)) == lists


def test_the_catalogs_own_yaml_is_a_price_file():
    path = Path(catalog.__file__).with_name("prices.yaml")
    assert [row.name for row in prices.read_file(path)] == list(catalog.names("prices"))


def test_an_empty_variable_stands_for_no_file(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(prices.FILE_VARIABLE, "")
    assert prices.own_file() is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]x",
        '{"lists": 3}',
        '{"lists": [{"name": "x"}]}',
        NEGATIVE,
        "null",
    ],
)
def test_a_broken_file_is_refused_with_a_way_out(tmp_path: Path, text: str):
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(InputError, match="holds no price lists") as caught:
        prices.read_file(path)
    assert caught.value.fix is not None


def test_broken_yaml_is_refused_as_well(tmp_path: Path):
    path = tmp_path / "prices.yaml"
    path.write_text("- name: [")
    with pytest.raises(InputError, match="holds no price lists"):
        prices.read_file(path)


def test_kept_prices_take_the_place_of_their_region_alone(tmp_path: Path):
    path = tmp_path / "prices.json"
    price_refresh.keep([price_list(1.0), price_list(2.0, region="us-west-2")], path)
    price_refresh.keep([price_list(3.0)], path)
    kept = {row.region: row.usd_per_hour[G5] for row in prices.read_file(path)}
    assert kept == {"us-east-1": 3.0, "us-west-2": 2.0}


def test_yaml_keeps_its_comments_and_gets_a_list_more(tmp_path: Path):
    path = tmp_path / "prices.yaml"
    path.write_text("# ours\n" + price_refresh._block(price_list(1.0, as_of=OLD)))
    price_refresh.keep([price_list(25.251286)], path)
    assert path.read_text().startswith("# ours\n")
    assert [row.usd_per_hour[G5] for row in prices.read_file(path)] == [1.0, 25.251286]
    with pytest.raises(InputError, match="already"):
        price_refresh.keep([price_list(2.0)], path)


def test_changes_show_the_price_before_and_count_what_stayed(own_file: Path):
    own_file.write_text(prices.as_json([price_list(1.408, as_of=date(2026, 11, 1))]))
    today = date(2026, 11, 21)
    found = price_refresh.changes(
        [
            price_list(1.408, as_of=today),
            price_list(20.0, as_of=today, instance_type=P4D, region="us-west-2"),
            price_list(7.0, as_of=today, instance_type=P4D, region="eu-west-3"),
        ]
    )
    assert [item["before_usd_per_hour"] for item in found] == [1.408, 25.251286, None]
    rows = price_refresh.as_rows(found)
    assert rows[1][2:] == ["25.251286 (2026-09-01)", "20.0 (2026-11-21)"]
    assert rows[2][2] == "-"
    assert rows[-1][0] == "1 as before"


def test_the_price_list_that_the_documentation_shows_is_one():
    page = (Path(__file__).parents[2] / "docs" / "recommending.md").read_text(encoding="utf-8")
    shown = page.partition("```yaml\n")[2].partition("```")[0]
    (row,) = prices.parse(shown, is_json=False)
    assert row.usd_per_hour["ml.p4d.24xlarge"] == 21.0


def test_everything_that_is_wrong_with_a_file_is_told_with_its_line(tmp_path: Path):
    path = tmp_path / "own.yaml"
    path.write_text(
        "- name: own\n  region: us-east-1\n  as_of: 2026-11-01\n  source: ours\n"
        "  checked: 2026-11-01\n  usd_per_hour:\n    ml.g5.xlarge: -1\n    ml.g5.2xlarge: many\n"
    )
    with pytest.raises(InputError) as caught:
        prices.with_file(path)
    assert "line 7: usd_per_hour.ml.g5.xlarge: '-1' should be greater than 0" in str(caught.value)
    assert "line 8: usd_per_hour.ml.g5.2xlarge: 'many'" in str(caught.value)


def test_a_file_that_prices_what_does_not_exist_is_refused(tmp_path: Path):
    path = tmp_path / "own.json"
    path.write_text(prices.as_json([price_list(6, region="mars-1", instance_type="ml.g5.xlage")]))
    with pytest.raises(InputError) as caught:
        prices.with_file(path)
    assert "unknown region 'mars-1'" in str(caught.value)
    assert "unknown instance type 'ml.g5.xlage'" in str(caught.value)
    assert "did you mean 'ml.g5.xlarge'?" in (caught.value.fix or "")


def test_a_folder_in_the_place_of_the_file_is_an_error(own_file: Path):
    own_file.mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        prices.known()
