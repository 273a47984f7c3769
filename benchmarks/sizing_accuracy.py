"""How far sizing and its speed estimate are from what was measured, in Markdown tables.

    python benchmarks/sizing_accuracy.py [--observations FOLDER] [--write-docs]

The folder holds any of fit-observations.csv, kv-cache-observations.csv, perf-observations.csv and
model-facts.yaml; a file that is missing leaves its tables out, and a row about a model, a card or
an engine that is not known is counted with the reason. Models of the folder's own file come
before those of the catalog. What docs/sizing-accuracy.md prints is written by --write-docs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.accuracy.observations import Observations  # noqa: E402 - after the path is set
from benchmarks.accuracy.table import Table  # noqa: E402

PARTS = {"memory": "Memory", "tuning": "Published configurations", "throughput": "Speed"}
"""Module of benchmarks/accuracy with `tables(observations) -> Iterable[Table]`: its heading."""
PAGE = ROOT / "docs" / "sizing-accuracy.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"


def document(observations: Observations) -> str:
    """All tables under their headings."""
    texts = []
    for name, heading in PARTS.items():
        tables: Iterable[Table] = import_module(f"benchmarks.accuracy.{name}").tables(observations)
        texts += [f"## {heading}\n", *(table.markdown() for table in tables)]
    return "\n".join(texts)


def write_page(text: str, page: Path = PAGE) -> None:
    """Put the tables between the page's marks. Raises ValueError for a page without them."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8", newline="\n")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    own = ROOT / "benchmarks" / "observations"
    parser.add_argument("--observations", type=Path, default=own, metavar="FOLDER")
    parser.add_argument("--write-docs", action="store_true", help=f"write {PAGE.name} as well")
    chosen = parser.parse_args()
    if not chosen.observations.is_dir():
        parser.error(f"{chosen.observations} is no folder")
    text = document(Observations(chosen.observations))
    print(text)
    if chosen.write_docs:
        write_page(text)


if __name__ == "__main__":
    main()
