"""Cases to ask the server about: every field good and bad, foreign keys, pairs, random settings.

Deterministic: the same fields give the same cases in the same order.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from tests.conformance.cases import Case, Changes, make_case
from tests.conformance.combinations import COMBINATIONS
from tests.conformance.oracle import Fields
from tests.conformance.server_table import BackendRow, Table
from tests.conformance.texts import BAD, GOOD, MISSPELT, SERVER_SETTINGS, UNDECLARED, WORDS

NOT_GENERATED = frozenset({"model_id", "entryPoint"})
"""Keys that only choose where the model and its handler are; every value is fine by itself."""

PAIRS_PER_COMBINATION = 40
RANDOM_CASES = 50


def generate(
    table: Table,
    row: BackendRow,
    version: str,
    fields: Fields,
    foreign_keys: Mapping[str, str],
    *,
    depth: int = 1,
) -> list[Case]:
    """Every case of one backend of one version, without repetitions.

    `foreign_keys` are keys that other backends or versions read, each with the kind of its value.
    `depth` multiplies the pairs and the random settings; single settings are always complete.
    """
    return list(_unique(_cases(table, row, version, fields, foreign_keys, depth)))


def _unique(cases: Iterable[Case]) -> Iterator[Case]:
    seen: set[tuple[object, ...]] = set()
    for case in cases:
        key = (case.devices, *sorted(case.properties.items()))
        if key not in seen:
            seen.add(key)
            yield case


def _cases(
    table: Table,
    row: BackendRow,
    version: str,
    fields: Fields,
    foreign_keys: Mapping[str, str],
    depth: int,
) -> Iterator[Case]:
    values = values_of(table, row, fields)
    yield make_case(version, row, {})
    yield make_case(version, row, {"option.tensor_parallel_degree": None})
    for key, texts in (values | SERVER_SETTINGS).items():
        for text in texts:
            yield make_case(version, row, {key: text})
    for key, kind in foreign_keys.items():
        if f"option.{key}" not in values and key not in table.file_keys:
            yield make_case(version, row, {f"option.{key}": GOOD[kind][0]})
    for key in MISSPELT:
        yield make_case(version, row, {key: "1"})
    chance = random.Random(f"{version} {row.backend}")
    for changes in combined(values, chance, PAIRS_PER_COMBINATION * depth):
        yield make_case(version, row, changes)
    counts = (2, 8) if row.flavor == "neuronx" else (1, 2, 8)  # a chip has two NeuronCores
    for devices in counts:
        for degree in ("1", "2", "4", "8", "max", "0", "-1", None):
            yield make_case(version, row, {"option.tensor_parallel_degree": degree}, devices)
    for _ in range(RANDOM_CASES * depth):
        yield make_case(version, row, _random_changes(values, chance), chance.choice(counts))


def foreign_keys_of(fields: Iterable[Fields]) -> dict[str, str]:
    """Every key of every class given, with the kind of its value."""
    kinds = {
        key: described["kind"]
        for classes in fields
        for described_fields in classes.values()
        for described in described_fields.values()
        for key in described["keys"]
    }
    return {key: kind if kind in GOOD else "text" for key, kind in sorted(kinds.items())}


def values_of(table: Table, row: BackendRow, fields: Fields) -> dict[str, tuple[str, ...]]:
    """Key as written -> the texts to try, for every field of the classes of a backend."""
    values: dict[str, tuple[str, ...]] = {}
    for name in row.classes:
        for field_name, described in fields[name].items():
            for key in {field_name, *described["keys"]} - NOT_GENERATED - set(table.file_keys):
                values[_spelt(key)] = _texts(field_name, described)
    for key, kind in UNDECLARED.items():
        values.setdefault(f"option.{key}", (*GOOD[kind], *BAD[kind], *WORDS.get(key, ())))
    return dict(sorted(values.items()))


def _spelt(key: str) -> str:
    return key if key in {"engine", "batch_size"} else f"option.{key}"


def _texts(name: str, described: Mapping[str, Any]) -> tuple[str, ...]:
    kind, choices = described["kind"], described["choices"]
    texts: list[str] = [*WORDS.get(name, ())]
    for choice in choices:
        texts += [choice, choice.upper()]
    if choices:
        texts += [choices[0] + " ", "", "no-such", "None"]
    elif kind == "text":
        texts += [*(GOOD["text"] if not texts else ()), *BAD["text"]]
    else:
        texts += [*GOOD[kind], *BAD[kind]]
    return tuple(dict.fromkeys(texts))


def combined(
    values: Mapping[str, Sequence[str]], chance: random.Random, most: int
) -> Iterator[Changes]:
    """The combinations of values that some rule across fields speaks of, at most `most` a rule."""
    for combination in COMBINATIONS:
        known = {
            key: texts for key, texts in combination.items() if key in values or "." not in key
        }
        if len(known) < 2:
            continue
        every = [
            {key: text for key, text in zip(known, texts, strict=True) if text is not None}
            for texts in product(*((None, *texts) for texts in known.values()))
        ]
        several = [changes for changes in every if len(changes) > 1]
        if len(several) > most:
            several = chance.sample(several, most)
        for changes in several:
            yield {**changes}


def _random_changes(values: Mapping[str, Sequence[str]], chance: random.Random) -> Changes:
    """Two to six settings; most values are among the first, which tend to be good."""
    keys = chance.sample(sorted(values), k=chance.randint(2, 6))
    return {key: chance.choice(values[key][: 4 if chance.random() < 0.7 else None]) for key in keys}
