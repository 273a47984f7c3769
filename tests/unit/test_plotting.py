"""Pictures of memory and of recommendations."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lmi_deployer.errors import InputError, MissingExtraError
from lmi_deployer.performance.estimate import Band
from lmi_deployer.plotting import ChartRow, check_path, memory_chart, recommendation_chart
from tests.unit.answering.answers import MEMORY, TOO_LARGE

BAND = Band(low=200, middle=300, high=400)
ROWS = (
    ChartRow(
        label="ml.g5.2xlarge, vllm",
        memory=MEMORY,
        usd_per_hour=1.5,
        price_of="us-east-1 2026-08-17",
        output_tokens_per_second=BAND,
        is_chosen=True,
    ),
    ChartRow(label="ml.g4dn.xlarge, vllm", memory=TOO_LARGE),
)


def texts(path: Path) -> str:
    """All that an SVG writes."""
    return " ".join(node.text or "" for node in ET.parse(path).iter())


def test_a_picture_of_memory_names_every_bar_and_part(tmp_path: Path):
    memory_chart(ROWS, tmp_path / "a.svg", title="acme/chat-7b")
    found = texts(tmp_path / "a.svg")
    for expected in (
        "acme/chat-7b",
        "ml.g5.2xlarge, vllm",
        "ml.g4dn.xlarge, vllm",
        "weights",
        "KV cache",
        "12.0",
        "8.0 GiB too much",
    ):
        assert expected in found


def test_a_picture_of_candidates_sets_price_against_speed_where_both_are_known(tmp_path: Path):
    recommendation_chart(ROWS, tmp_path / "both.svg", title="acme")
    recommendation_chart(ROWS[1:], tmp_path / "none.svg", title="acme")
    assert "USD per hour" in texts(tmp_path / "both.svg")
    assert "us-east-1 2026-08-17" in texts(tmp_path / "both.svg")
    assert "USD per hour" not in texts(tmp_path / "none.svg")


def test_the_same_rows_draw_the_same_bytes(tmp_path: Path):
    for name in ("a.svg", "b.svg"):
        memory_chart(ROWS, tmp_path / name, title="acme")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_name_that_ends_in_png_makes_one(tmp_path: Path):
    memory_chart(ROWS[:1], tmp_path / "a.PNG", title="acme")
    assert (tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("name", ["a", "a.txt", "a.jpeg", ".svg"])
def test_a_name_without_a_known_format_is_refused(name: str):
    with pytest.raises(InputError) as caught:
        check_path(Path(name))
    assert caught.value.fix == "a name that ends in .svg or .png"


def test_a_file_that_cannot_be_written_is_an_error_of_the_user(tmp_path: Path):
    (tmp_path / "taken.svg").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        memory_chart(ROWS, tmp_path / "taken.svg", title="acme")


def test_no_folder_is_made_for_a_picture(tmp_path: Path):
    with pytest.raises(InputError, match="is no folder") as caught:
        memory_chart(ROWS, tmp_path / "new" / "a.svg", title="acme")
    assert caught.value.fix == f"mkdir -p {tmp_path / 'new'}"
    assert not (tmp_path / "new").exists()


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError) as caught:
        memory_chart(ROWS, tmp_path / "a.svg", title="acme")
    assert caught.value.fix == 'pip install "lmi-deploy[plot]"'
