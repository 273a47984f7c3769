"""Keys that are no options of a handler: the server's, a translator's, and the user's own."""

from __future__ import annotations

import pytest

from lmi_deployer.lint import Judged, judge_settings, make_target

MODEL = {"option.model_id": "s3://acme-models/chat/"}


def judged(
    version: str,
    flavor: str,
    properties: dict[str, str],
    environment: dict[str, str] | None = None,
) -> Judged:
    return judge_settings(make_target(version, flavor), MODEL | properties, environment or {})


def findings(*arguments: object) -> set[tuple[str, str, str]]:
    return {(item.severity, item.code, item.key) for item in judged(*arguments).issues}  # type: ignore[arg-type]


# --------------------------------------------------------------- engines without a handler


@pytest.mark.parametrize("version", ["0.29.0", "0.32.0", "0.36.0-lmi27"])
@pytest.mark.parametrize("engine", ["Rust", "OnnxRuntime", "PyTorch"])
def test_an_engine_without_a_handler_has_keys_of_its_own(version, engine):
    properties = {
        "engine": engine,
        "batch_size": "8",
        "pooling": "cls",
        "normalize": "false",
        "includeTokenTypes": "true",
        "translatorFactory": "ai.djl.huggingface.translator.TextEmbeddingTranslatorFactory",
        "option.mapLocation": "true",
        "option.trust_remote_code": "true",
        "option.model_id": "acme/embedding",
    }
    found = judged(version, "lmi", properties)
    assert found.issues == []
    assert found.effective.items() >= properties.items()


def test_the_engine_of_the_environment_counts_as_well():
    found = judged("0.32.0", "lmi", {"normalize": "false"}, {"OPTION_ENGINE": "Rust"})
    assert found.effective["normalize"] == "false"
    assert found.issues == []


def test_a_server_key_is_judged_whatever_the_engine():
    found = findings("0.32.0", "lmi", {"engine": "Rust", "batch_size": "many"})
    assert any(key == "batch_size" and severity == "error" for severity, _, key in found)


def test_a_python_handler_has_no_keys_of_a_translator():
    found = findings("0.32.0", "lmi", {"engine": "Python", "pooling": "cls"})
    assert ("error", "LMI301", "option.pooling") in found


@pytest.mark.parametrize("key", ["translatorFactory", "batchifier", "application"])
def test_what_the_server_reads_for_every_engine_is_known(key):
    found = findings("0.30.0", "lmi", {"engine": "Python", key: "some.Class"})
    assert not any(where in {key, f"option.{key}"} for _, _, where in found)


# ------------------------------------------------------------- settings of the whole server


@pytest.mark.parametrize("version", ["0.24.0", "0.28.0", "0.36.0-lmi27"])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SERVING_LOAD_MODELS", "test::Python=/opt/ml/model"),
        ("SERVING_CHUNKED_READ_TIMEOUT", "120"),
        ("SERVING_NUMBER_OF_NETTY_THREADS", "4"),
    ],
)
def test_a_setting_of_the_whole_server_holds_in_the_environment(version, variable, value):
    flavor = "deepspeed" if version == "0.24.0" else "lmi"
    key = variable.removeprefix("SERVING_").lower()
    found = judged(version, flavor, {"engine": "Python"}, {variable: value})
    assert not any(item.key in {key, variable} for item in found.issues)
    assert found.effective[key] == value


def test_a_setting_of_the_whole_server_does_nothing_in_a_file():
    found = findings("0.28.0", "lmi", {"engine": "Python", "chunked_read_timeout": "120"})
    assert ("error", "LMI313", "chunked_read_timeout") in found


# -------------------------------------------------- rolling_batch without prefix, booleans


def test_a_rolling_batch_without_prefix_reaches_the_handler_where_nothing_is_recommended():
    """0.27.0 recommends only without an engine; everything else reads either name."""
    properties = {"rolling_batch": "scheduler", "option.max_rolling_batch_size": "4"}
    with_engine = judged("0.27.0", "deepspeed", {"engine": "Python", **properties})
    assert with_engine.handler == "scheduler"
    assert {item.severity for item in with_engine.issues} <= {"note"}
    assert with_engine.effective["option.max_rolling_batch_size"] == "4"
    properties["option.model_id"] = "TheBloke/Llama-2-7B-fp16"
    without_engine = findings("0.27.0", "deepspeed", properties)
    assert ("warning", "LMI308", "option.rolling_batch") in without_engine


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_a_boolean_in_another_case_is_not_replaced(text):
    properties = {"option.rolling_batch": "lmi-dist", "option.mpi_mode": text}
    assert not any(key == "option.mpi_mode" for _, _, key in findings("0.31.0", "lmi", properties))


def test_a_boolean_that_says_otherwise_is_replaced():
    properties = {"option.rolling_batch": "lmi-dist", "option.mpi_mode": "False"}
    found = findings("0.31.0", "lmi", properties)
    assert ("warning", "LMI308", "option.mpi_mode") in found


# --------------------------------------------------------------------- code of one's own


def test_code_of_ones_own_may_trust_and_pin_code_as_it_likes():
    properties = {
        "engine": "Python",
        "option.entryPoint": "model.py",
        "option.model_id": "acme/chat",
        "option.trust_remote_code": "true",
    }
    found = findings("0.28.0", "lmi", properties)
    assert not any(code == "LMI404" for _, code, _ in found)
