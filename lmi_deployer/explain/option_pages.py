"""An option of the container as a page for people and as plain data for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lmi_deployer.catalog.option_rows import Option, Outcome, Reading, Replacement, Variable
from lmi_deployer.explain.layout import labelled, paragraph
from lmi_deployer.explain.options import (
    Topic,
    Version,
    blocks,
    profile_keys,
    told,
    variable_names,
)
from lmi_deployer.render import DERIVED_PROPERTIES

TYPES: Mapping[str, str] = {
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "choice": "one of a list",
    "text": "text",
    "int_list": "whole numbers with commas, such as 128,256",
    "int_mapping": "names with whole numbers, such as image=1,audio=2",
    "int_or_max": "whole number, or max",
    "text_list": 'list of texts, such as ["a","b"]',
    "float_tuple": "number, or a Python list or tuple of numbers",
    "json": "JSON",
    "literal": "Python literal",
    "path": "path",
    "size": "number, or one with a suffix: 16k is 16,000 and 16K is 16,384",
}
OUTCOMES: Mapping[str, str] = {
    "load_error": "the model does not load",
    "request_error": "the model loads, and every request fails",
    "fallback": "the server goes on with {fallback}",
    "ignored": "it is dropped, and what holds without it holds",
    "unchecked": "LMI takes it; what happens is up to the library behind it",
}
PARSERS: Mapping[str, str] = {
    "is_true": 'everything but "true" counts as false, without a message',
    "none": "LMI hands the text on without reading it",
}
READERS: Mapping[str, str] = {"server": "the server", "any": "every handler"}
GENERATED = "goes into the settings of the model that the server adds by itself, no other"
COMPILED = "part of what is compiled or split ahead of time; a change makes it anew"


def as_text(topic: Topic, version: Version | None, width: int) -> str:
    """Everything about a topic; with a version only that one, a block for each handler."""
    pages = [_option_page(option, topic, version, width) for option in topic.options]
    pages += [
        "\n".join(_variable_lines(variable, width)) for variable in told(topic.variables, version)
    ]
    return "\n\n".join(pages)


def as_json(topic: Topic, version: Version | None) -> dict[str, Any]:
    """The same as plain data: the catalog's rows, and what they mean for one version."""
    return {
        "container": None if version is None else version.name,
        "options": [_option_as_json(option, topic, version) for option in topic.options],
        "variables": [row.model_dump(mode="json") for row in told(topic.variables, version)],
    }


def _option_as_json(option: Option, topic: Topic, version: Version | None) -> dict[str, Any]:
    document = {
        **option.model_dump(mode="json"),
        "environment": variable_names(option, topic, version),
        "profile_keys": _profile_keys(option),
    }
    if version is None:
        return document
    found = blocks(option, version)
    replacements = told(option.replacements, version)
    return {
        **document,
        "readings": [
            {**reading.model_dump(mode="json"), "readers": block.readers}
            for block in found
            for reading in block.readings
        ],
        "unread_by": [name for block in found if not block.readings for name in block.readers],
        "replacements": [row.model_dump(mode="json") for row in replacements],
    }


def _profile_keys(option: Option) -> tuple[str, ...]:
    """What a profile calls it; `options` takes whatever has no name of its own."""
    named = () if option.setting is None else profile_keys(option.setting)
    return named or (DERIVED_PROPERTIES.get(option.key, f"options.{option.key}"),)


def _option_page(option: Option, topic: Topic, version: Version | None, width: int) -> str:
    unit = f" ({option.unit})" if option.unit else ""
    variables = ", ".join(variable_names(option, topic, version))
    spellings = [
        ("profile", ", ".join(_profile_keys(option))),
        ("environment", variables or "no variable stands for it"),
    ]
    head = [option.key, paragraph(f"{option.meaning}{unit}", width, "  "), ""]
    sources = [("source", option.source), ("checked", str(option.checked))]
    parts = [
        "\n".join([*head, *labelled(spellings, width, "  ")]),
        *_reading_parts(option, version, width),
        "\n".join(
            paragraph(f"instead in {_span(row)}: {_replacement(row)}", width, "  ")
            for row in told(option.replacements, version)
        ),
        "\n".join(labelled(sources, width, "  ")),
    ]
    return "\n\n".join(part for part in parts if part)


def _reading_parts(option: Option, version: Version | None, width: int) -> Iterator[str]:
    if version is None:
        for reading in option.readings:
            yield _reading_part(f"{_span(reading)}: {_listed(reading.readers)}", reading, width)
        return
    for block in blocks(option, version):
        head = f"LMI {version.name}: {_listed(block.readers)}"
        if not block.readings:
            yield paragraph(f"{head}: not read", width, "  ")
        for reading in block.readings:
            yield _reading_part(head, reading, width)


def _reading_part(head: str, reading: Reading, width: int) -> str:
    return "\n".join([paragraph(head, width, "  "), *_lines(reading, width)])


def _listed(readers: Iterable[str]) -> str:
    return ", ".join(READERS.get(name, name) for name in readers)


def _span(row: Reading | Replacement | Variable) -> str:
    return "all versions" if row.versions == "all" else row.versions


def _replacement(row: Replacement) -> str:
    values = ", ".join(f"{old} becomes {new}" for old, new in row.values.items())
    parts = [row.key or "nothing takes its place", values, row.note or ""]
    return "; ".join(part for part in parts if part)


def _lines(reading: Reading, width: int) -> list[str]:
    """What one reading says, a label for each thing."""
    has_range = reading.minimum is not None or reading.maximum is not None
    notes = [PARSERS.get(reading.parser or "", ""), reading.note or ""]
    rows = [
        ("type", TYPES[reading.type]),
        ("allowed", _allowed(reading)),
        ("default", _default(reading)),
        ("bad value", _outcome(reading, reading.bad_value)),
        ("out of range", _outcome(reading, reading.out_of_range) if has_range else ""),
        ("no effect", (reading.why or "") if reading.effect == "ignored" else ""),
        ("deprecated", reading.deprecated or ""),
        ("build time", COMPILED if reading.is_build_time else ""),
        ("note", "; ".join(note for note in notes if note)),
        ("source", reading.source or ""),
    ]
    return labelled(rows, width, "    ")


def _allowed(reading: Reading) -> str:
    case = ", in any case" if reading.ignores_case else ""
    said = {"max"} if reading.type == "int_or_max" else set()
    choices = [text for text in reading.choices if text not in said]
    parts = [", ".join(choices) + case] if choices else []
    low, high = reading.minimum, reading.maximum
    if low is not None and high is not None:
        parts.append(f"{low:g} to {high:g}")
    elif low is not None:
        parts.append(f"{low:g} or more")
    elif high is not None:
        parts.append(f"{high:g} or less")
    return "; ".join(parts)


def _default(reading: Reading) -> str:
    value = "none" if reading.default is None else reading.default
    note = reading.default_note
    return f"{value} ({note})" if note else value


def _outcome(reading: Reading, outcome: Outcome | None) -> str:
    fallback = reading.fallback or "its default"
    return OUTCOMES[outcome].format(fallback=fallback) if outcome else ""


def _variable_lines(row: Variable, width: int) -> Iterator[str]:
    flavors = f" ({', '.join(row.flavors)} images)" if row.flavors else ""
    yield f"{row.name}  environment variable, {_span(row)}{flavors}"
    yield paragraph(row.meaning, width, "  ")
    yield ""
    wins = "the variable" if row.wins == "environment" else "serving.properties"
    yield from labelled(
        [
            ("stands for", row.key or ""),
            ("given twice", f"{wins} wins" if row.key else ""),
            ("values", _values(row)),
            ("needs", f"{row.needs}, without which nothing reads it" if row.needs else ""),
            ("own model", GENERATED if row.is_generated else ""),
            ("is read", "" if row.is_read else "no: nothing reads it in these versions"),
            ("instead", row.instead or ""),
            ("advice", row.advice or ""),
            ("source", row.source),
            ("checked", str(row.checked)),
        ],
        width,
        "  ",
    )


def _values(row: Variable) -> str:
    parts = [f"{old} becomes {new}" for old, new in row.values.items()]
    parts += [f"any other becomes {row.otherwise}"] if row.otherwise is not None else []
    parts += [f"a number counts {row.factor} times"] if row.factor is not None else []
    return ", ".join(parts)
