"""What `explain` makes of the catalog's rows and of a decided spec."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest

from lmi_deployer import catalog
from lmi_deployer.catalog.option_rows import Option, Outcome, Parser, ValueType, Variable
from lmi_deployer.decided import DecidedValue, decided_values
from lmi_deployer.errors import InputError
from lmi_deployer.explain import codes, option_pages, options, values
from lmi_deployer.explain.options import Topic, Version, blocks, environment_name, find
from lmi_deployer.findings import CODES
from lmi_deployer.render import as_text, properties
from tests.specs import make_spec

ORDER = ("0.24.0", "0.25.0", "0.26.0", "0.27.0")
HANDLERS = ("trtllm", "lmi-dist", "vllm")
SOURCED = {"source": "a page", "checked": "2026-11-21"}
SERVER = {
    "option_variables": {
        "is_read": True,
        "sets_engine": False,
        "keeps_mixed_case": False,
        "mixed_case": {"entrypoint": "entryPoint"},
    },
    "server_variables": ["job_queue_size"],
}


def at(name: str, **option_variables: bool) -> Version:
    """A version of which only the named facts about variables differ."""
    facts = {**SERVER, "option_variables": {**SERVER["option_variables"], **option_variables}}  # type: ignore[dict-item]
    return Version(name=name, handlers=HANDLERS, order=ORDER, server=facts)


NEWEST = at("0.27.0")


def option(key: str, *readings: dict[str, Any], **columns: Any) -> Option:
    """A row of the option catalog."""
    content = {
        "key": key,
        "meaning": "sequences in flight at once",
        "readings": [
            {"versions": "all", "readers": ["any"], "type": "int"} | item for item in readings
        ],
        **SOURCED,
        **columns,
    }
    return Option.model_validate(content)


def variable(name: str, **columns: Any) -> Variable:
    content = {"name": name, "versions": "all", "meaning": "what to load", **SOURCED, **columns}
    return Variable.model_validate(content)


BATCH = option(
    "option.max_rolling_batch_size",
    {"versions": "<=0.25.0", "readers": ["lmi-dist"], "default": "4", "bad_value": "load_error"},
    {"versions": ">=0.26.0", "minimum": 1, "default": "32", "out_of_range": "fallback"},
    setting="max_rolling_batch_size",
    unit="sequences",
    replacements=[{"versions": "0.27.0", "key": "option.max_num_seqs", "note": "the same number"}],
)
REDUCE = option("option.use_custom_all_reduce", {"type": "bool"}, setting="use_custom_all_reduce")
ENGINE = option("engine", {"readers": ["server"], "type": "choice", "choices": ["MPI", "Python"]})
ROWS = {
    row.key: row.model_dump(mode="json", exclude_defaults=True) for row in (BATCH, REDUCE, ENGINE)
}
"""As they are compiled: what is left at its default is left out."""
LOAD = variable("SERVING_LOAD_MODELS", key="engine", versions="<=0.26.0", values={"MPI": "MPI"})
TOKEN = variable("HF_TOKEN", is_read=False, instead="a copy on S3")
VARIABLES = (LOAD, TOKEN)


def topic(word: str) -> Topic:
    return find(word, ROWS, VARIABLES, NEWEST)


def found_keys(word: str) -> list[str]:
    return [row.key for row in topic(word).options]


@pytest.mark.parametrize(
    "word",
    [
        "option.max_rolling_batch_size",
        "max_rolling_batch_size",
        "OPTION_MAX_ROLLING_BATCH_SIZE",
        "Option.Max_Rolling_Batch_Size",
    ],
)
def test_an_option_answers_to_each_of_its_spellings(word: str):
    assert found_keys(word) == ["option.max_rolling_batch_size"]


def test_a_setting_of_a_profile_names_its_key_with_and_without_its_section():
    assert found_keys("trtllm.use_custom_all_reduce") == ["option.use_custom_all_reduce"]
    assert found_keys("use_custom_all_reduce") == ["option.use_custom_all_reduce"]


def test_a_variable_names_the_key_it_stands_for():
    assert [row.name for row in topic("serving_load_models").variables] == ["SERVING_LOAD_MODELS"]
    assert found_keys("SERVING_LOAD_MODELS") == ["engine"]
    assert found_keys("HF_TOKEN") == []


def test_a_word_that_names_nothing_is_an_empty_topic():
    assert topic("max_batch").is_empty


def test_a_compiled_row_is_found_as_the_row_it_was():
    assert topic("option.max_rolling_batch_size").options == (BATCH,)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("option.dtype", "OPTION_DTYPE"),
        ("option.entryPoint", "OPTION_ENTRYPOINT"),
        ("job_queue_size", "SERVING_JOB_QUEUE_SIZE"),
        ("engine", None),
        ("minWorkers", None),
        ("option.pythonExecutable", None),
        ("option.a.b", None),
    ],
)
def test_a_variable_stands_for_keys_that_the_server_reads_from_one(key: str, name: str | None):
    assert environment_name(key, NEWEST) == name


def test_what_variables_can_say_depends_on_the_version():
    assert environment_name("option.dtype", at("0.24.0", is_read=False)) is None
    assert environment_name("engine", at("0.27.0", sets_engine=True)) == "OPTION_ENGINE"
    mixed = at("0.27.0", keeps_mixed_case=True)
    assert environment_name("option.pythonExecutable", mixed) == "OPTION_pythonExecutable"


def test_a_key_is_told_with_every_variable_that_sets_it_in_the_version():
    engine = topic("engine")
    (row,) = engine.options
    assert options.variable_names(row, engine, at("0.26.0")) == ("SERVING_LOAD_MODELS",)
    assert options.variable_names(row, engine, None) == ()


@pytest.mark.parametrize(
    ("setting", "keys"),
    [
        ("dtype", ("model.dtype",)),
        ("tensor_parallel_degree", ("tensor_parallel_degree",)),
        (
            "max_rolling_batch_prefill_tokens",
            (
                "lmi_dist.max_rolling_batch_prefill_tokens",
                "vllm.max_rolling_batch_prefill_tokens",
            ),
        ),
        ("no_such_setting", ()),
    ],
)
def test_a_setting_is_told_with_every_key_that_decides_it(setting: str, keys: tuple[str, ...]):
    assert options.profile_keys(setting) == keys


def test_handlers_that_read_a_key_alike_share_a_block():
    (block,) = blocks(BATCH, at("0.26.0"))
    assert block.readers == HANDLERS
    assert [reading.default for reading in block.readings] == ["32"]


def test_handlers_that_do_not_read_a_key_come_last():
    read, unread = blocks(BATCH, at("0.25.0"))
    assert (read.readers, unread.readers) == (("lmi-dist",), ("trtllm", "vllm"))
    assert unread.readings == ()


def test_the_server_is_named_only_where_it_reads_a_key():
    read, unread = blocks(ENGINE, at("0.25.0"))
    assert (read.readers, unread.readers) == (("server",), HANDLERS)


def text(row: Option | Variable, version: str | None = None, width: int = 100) -> str:
    """The page about one row."""
    about = Topic(
        options=(row,) if isinstance(row, Option) else (),
        variables=() if isinstance(row, Option) else (row,),
        known_variables=VARIABLES,
        newest=NEWEST,
    )
    return option_pages.as_text(about, None if version is None else at(version), width)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (option_pages.TYPES, ValueType),
        (option_pages.OUTCOMES, Outcome),
    ],
)
def test_every_type_and_every_outcome_has_words(words: dict[str, str], kind: object):
    assert set(words) == set(get_args(kind))
    assert set(option_pages.PARSERS) <= set(get_args(Parser))


def test_a_page_says_what_each_version_makes_of_a_key():
    assert text(BATCH).splitlines() == [
        "option.max_rolling_batch_size",
        "  sequences in flight at once (sequences)",
        "",
        "  profile       max_rolling_batch_size",
        "  environment   OPTION_MAX_ROLLING_BATCH_SIZE",
        "",
        "  <=0.25.0: lmi-dist",
        "    type          whole number",
        "    default       4",
        "    bad value     the model does not load",
        "",
        "  >=0.26.0: every handler",
        "    type          whole number",
        "    allowed       1 or more",
        "    default       32",
        "    out of range  the server goes on with its default",
        "",
        "  instead in 0.27.0: option.max_num_seqs; the same number",
        "",
        "  source        a page",
        "  checked       2026-11-21",
    ]


def test_a_page_about_one_version_leaves_the_others_out():
    page = text(BATCH, version="0.25.0")
    assert "  LMI 0.25.0: lmi-dist\n" in page
    assert "  LMI 0.25.0: trtllm, vllm: not read" in page
    assert "32" not in page
    assert "instead" not in page
    assert "instead in 0.27.0" in text(BATCH, version="0.27.0")


@pytest.mark.parametrize(
    ("reading", "line"),
    [
        ({"type": "choice", "choices": ["a", "b"]}, "allowed       a, b"),
        (
            {"type": "choice", "choices": ["a"], "ignores_case": True},
            "allowed       a, in any case",
        ),
        ({"minimum": 0, "maximum": 0.5}, "allowed       0 to 0.5"),
        ({"maximum": 4}, "allowed       4 or less"),
        ({"choices": ["auto"], "minimum": 1}, "allowed       auto; 1 or more"),
        ({"type": "int_or_max", "choices": ["max"]}, "type          whole number, or max"),
        ({"default_note": "as the model says"}, "default       none (as the model says)"),
        ({"default": "8"}, "default       8"),
        (
            {"bad_value": "fallback", "fallback": "false"},
            "bad value     the server goes on with false",
        ),
        (
            {"effect": "ignored", "why": "the rolling batch decides"},
            "no effect     the rolling batch decides",
        ),
        ({"deprecated": "use dtype"}, "deprecated    use dtype"),
        ({"is_build_time": True}, "build time    part of what is compiled"),
        ({"parser": "none"}, "note          LMI hands the text on without reading it"),
        ({"parser": "is_true", "note": "x"}, 'note          everything but "true" counts as'),
    ],
)
def test_a_page_names_each_fact_of_a_reading(reading: dict[str, Any], line: str):
    assert f"    {line}" in text(option("option.x", reading))


def test_facts_that_a_reading_lacks_take_no_line():
    page = text(option("option.x", {}))
    for label in ("allowed", "bad value", "out of range", "deprecated", "build time", "note"):
        assert f"    {label}" not in page
    assert "profile       options.option.x" in page
    assert "profile       options.option.x" in text(option("option.x", {}, setting="x"))
    assert "profile       backend" in text(ENGINE)


def test_a_page_about_a_variable_says_what_it_stands_for_and_who_wins():
    page = text(LOAD)
    assert "SERVING_LOAD_MODELS  environment variable, <=0.26.0" in page
    assert "  stands for    engine" in page
    assert "  given twice   serving.properties wins" in page
    assert "  values        MPI becomes MPI" in page
    unread = text(TOKEN)
    assert "  is read       no: nothing reads it" in unread
    assert "  instead       a copy on S3" in unread
    assert "given twice" not in unread


def test_a_variable_of_other_versions_is_left_out():
    assert text(LOAD, version="0.27.0") == ""


def test_a_page_keeps_to_the_width():
    page = text(option("option.x", {"note": "a word and " * 30}), width=60)
    assert max(len(line) for line in page.splitlines()) <= 60


def catalog_words() -> list[str]:
    """Every key and variable of the catalog."""
    return [*catalog.raw_rows("options"), *dict.fromkeys(row.name for row in options.variables())]


def test_every_key_and_variable_of_the_catalog_has_a_page_and_a_document():
    rows, newest = catalog.raw_rows("options"), options.newest_version()
    for word in catalog_words():
        found = find(word, rows, options.variables(), newest)
        assert not found.is_empty
        assert word in option_pages.as_text(found, None, 100)
        assert json.dumps(option_pages.as_json(found, newest))


def document(version: str | None) -> dict[str, Any]:
    """What a program gets about one option, after it went through JSON."""
    about = None if version is None else at(version)
    found = option_pages.as_json(topic("max_rolling_batch_size"), about)
    return dict(json.loads(json.dumps(found)))


def test_a_program_gets_whole_rows_with_every_spelling():
    whole = document(None)
    (row,) = whole["options"]
    assert row["readings"] == BATCH.model_dump(mode="json")["readings"]
    assert row["environment"] == ["OPTION_MAX_ROLLING_BATCH_SIZE"]
    assert row["profile_keys"] == ["max_rolling_batch_size"]
    assert (whole["container"], whole["variables"]) == (None, [])


def test_a_program_gets_what_one_version_makes_of_a_key():
    one = document("0.25.0")
    (row,) = one["options"]
    assert [reading["readers"] for reading in row["readings"]] == [["lmi-dist"]]
    assert row["unread_by"] == ["trtllm", "vllm"]
    assert row["replacements"] == []
    assert one["container"] == "0.25.0"
    assert document("0.27.0")["options"][0]["replacements"][0]["key"] == "option.max_num_seqs"


def test_a_code_is_found_in_either_case_and_an_unknown_one_with_the_nearest():
    assert codes.find_code("lmi201") is CODES["LMI201"]
    with pytest.raises(InputError, match=r"there is no finding LMI2011[\s\S]*did you mean 'LMI"):
        codes.find_code("lmi2011")


@pytest.mark.parametrize("code", CODES)
def test_a_page_about_a_code_holds_every_column_within_the_width(code: str):
    row = CODES[code]
    page = codes.as_text(row, 72)
    flat = " ".join(page.split())
    for column in (row.title, row.explanation, row.fix, row.bad, row.good):
        assert column is None or " ".join(column.split()) in flat
    can_break = [line for line in page.splitlines() if len(line.split()) > 2]
    assert [line for line in can_break if len(line) > 72] == []
    assert codes.as_json(row)["page"] == f"docs/findings.md#{code.lower()}"


def decided(*overrides: str) -> dict[str, DecidedValue]:
    return {item.key: item for item in decided_values(make_spec(*overrides))}


def test_a_written_value_comes_from_its_line():
    item = decided()["backend"]
    assert item.value == "lmi-dist"
    assert (item.origin.reason, item.origin.place.line) == ("profiles.g5", 10)


def test_a_derived_value_comes_from_its_rule():
    item = decided()["tensor_parallel_degree"]
    assert item.value == 1
    assert item.origin.reason.startswith("rule: ")
    assert decided("tensor_parallel_degree=1")["tensor_parallel_degree"].origin.reason == (
        "--set tensor_parallel_degree=1"
    )


def test_a_choice_is_told_with_its_rule_and_what_it_was_not():
    item = decided("instance_type=ml.g5.12xlarge")["tensor_parallel_degree"]
    assert item.origin.rule == "all-devices"
    lines = values.table([item]).splitlines()
    assert lines[3:5] == [
        "tensor_parallel_degree = 4, by all-devices",
        "  not 2  makes 2 copies with 6.3 of 22.0 GiB of weights on each GPU",
    ]
    (row,) = values.as_json([item])
    assert row["rule"] == "all-devices"
    assert row["runners_up"][0]["value"] == "2"
    assert row["runners_up"][0]["why_not"].startswith("makes 2 copies")


def test_what_somebody_wrote_has_no_rule():
    (row,) = values.as_json([decided()["backend"]])
    assert (row["rule"], row["runners_up"]) == (None, [])


def test_a_page_shows_where_the_memory_goes():
    spec = make_spec()
    page = values.page(spec, (), decided_values(spec))
    assert all(len(line) <= 100 for line in page.partition("KEY")[0].splitlines())
    line = " ".join(page.partition("per GPU")[2].split("\n")[:2])
    assert re.search(r"weights 12\.\d  activations \d.*KV cache \d.*= .*of 22\.0 GiB\s+\[W+", line)
    assert f"{spec.memory.max_sequences} sequences of 1024 + 512 tokens" in page  # type: ignore[union-attr]


def test_a_value_that_nobody_wrote_says_so():
    assert decided()["endpoint.instances"].origin.reason == "default: one instance"


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("backend=vllm",),
        ("options.option.revision=x",),
        ("instance_type=ml.g5.12xlarge", "backend=trtllm", "container.version=0.25.0"),
        ("model.id=TheBloke/Llama-2-7B-AWQ", "quantize={method: awq}", "backend=vllm"),
    ],
)
def test_every_rendered_property_is_told_under_one_value(overrides: tuple[str, ...]):
    spec = make_spec(*overrides)
    told: dict[str, str] = {}
    for item in decided_values(spec):
        assert not told.keys() & item.properties.keys()
        told |= item.properties
    assert told == properties(spec)


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("backend", {"backend"}),
        ("dtype", {"model.dtype"}),
        ("option.dtype", {"model.dtype"}),
        ("engine", {"backend"}),
        ("traffic", {"traffic.max_input_len", "traffic.max_output_len"}),
    ],
)
def test_a_value_is_chosen_by_key_section_or_property(word: str, keys: set[str]):
    items = decided_values(make_spec())
    assert {item.key for item in values.select(items, word)} == keys


def test_a_value_that_is_not_decided_is_refused_with_the_nearest():
    items = decided_values(make_spec())
    with pytest.raises(InputError, match="did you mean 'backend'"):
        values.select(items, "bakend")


def test_no_quantization_is_a_decision_with_a_reason():
    asked = decided("quantize=auto")["quantize"]
    assert (asked.value, asked.origin.rule) == ("none", "mildest-quantization-that-fits")
    assert decided()["quantize"].value == "none"


def test_a_timeout_that_is_the_containers_own_is_told():
    cards = ("instance_type=ml.g4dn.12xlarge", "model.dtype=fp16")
    item = decided("predict_timeout_seconds=auto", *cards)["predict_timeout_seconds"]
    assert (item.value, dict(item.properties)) == (240, {})


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_of_a_table_is_wider_than_the_page_and_no_word_is_lost(width: int):
    told = decided_values(make_spec("quantize=auto", "backend=auto"))
    page = values.table(told, width=width)
    assert max(map(len, page.splitlines())) <= width
    letters = "".join(page.split())
    assert all(as_text(item.value) in letters for item in told if len(str(item.value)) < 15)
    if width == 100:
        assert all(f"\n{item.key} " in page for item in told)
