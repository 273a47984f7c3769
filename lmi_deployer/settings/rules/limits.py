"""Rules about limits: lengths, timeouts, queues, and what must not stand in a file."""

from __future__ import annotations

from collections.abc import Iterator

from lmi_deployer import secrets
from lmi_deployer.settings.values import is_java_int, shown
from lmi_deployer.settings.view import Issue, View

INVOCATION_SECONDS = 60
"""InvokeEndpoint's limit of a real-time request. Source: SageMaker runtime API reference."""
STARTUP_SECONDS = 3600
"""Most of ContainerStartupHealthCheckTimeoutInSeconds. Source: ProductionVariant, API reference."""
LENGTHS = (
    "option.max_model_len",
    "option.max_seq_len",
    "option.max_tokens",
    "option.n_positions",
    "option.max_input_len",
)
"""Keys that hold tokens of one sequence."""


def lengths_fit_the_model(view: View) -> Iterator[Issue]:
    """LMI401: prompt and answer together have to fit the positions the model was trained on."""
    positions = None if view.model is None else view.model.max_position_embeddings
    shape = view.model.shape if view.model else None
    if positions is None or (shape is not None and shape.num_encoder_layers):
        return  # T5's kind have relative positions, which end nowhere
    settings = view.settings
    for key in LENGTHS:
        tokens = view.number(key) if key in settings else None
        if tokens is not None and tokens > positions:
            problem = f"is {tokens} tokens; the model has {positions} positions"
            yield Issue("LMI401", "error", key, problem, f"at most {positions}")
    prompt, answer = (view.number(f"option.max_{part}_len") for part in ("input", "output"))
    if "option.max_output_len" in settings and prompt and answer and prompt + answer > positions:
        problem = f"prompt and answer may take {prompt + answer} tokens; the model has {positions}"
        fix = f"at most {positions} together"
        yield Issue("LMI401", "error", "option.max_output_len", problem, fix)


def answers_come_in_time(view: View) -> Iterator[Issue]:
    """LMI209: SageMaker ends a real-time request after a minute, whatever the server allows."""
    key = "option.predict_timeout"
    seconds = view.number(key) if key in view.settings else None
    if seconds is not None and seconds > INVOCATION_SECONDS:
        problem = f"is {seconds}; SageMaker ends a real-time request after {INVOCATION_SECONDS} s"
        yield Issue("LMI209", "note", key, problem, "streaming or asynchronous requests")


def loading_comes_in_time(view: View) -> Iterator[Issue]:
    """LMI209: SageMaker gives a container at most an hour to become healthy."""
    key = "option.model_loading_timeout"
    seconds = view.number(key) if key in view.settings else None
    if seconds is not None and seconds > STARTUP_SECONDS:
        problem = f"is {seconds}; SageMaker waits for a container {STARTUP_SECONDS} s at most"
        yield Issue("LMI209", "warning", key, problem, f"at most {STARTUP_SECONDS}")


def batch_is_a_java_number(view: View) -> Iterator[Issue]:
    """LMI309: with a rolling batch the server parses its size too, more strictly than handlers.

    Source: PyPredictor.java and LmiConfigRecommender.java of djl-serving.
    """
    key = "option.max_rolling_batch_size"
    text = view.settings.get(key)
    if text is not None and view.has_rolling_batch and not is_java_int(text):
        problem = f"is {shown(text)}, which the server does not take for a number; "
        yield Issue("LMI309", "error", key, f"{problem}the model does not load", "a whole number")


def queue_feeds_the_batch(view: View) -> Iterator[Issue]:
    """LMI208: a queue shorter than the rolling batch refuses requests that would have a slot."""
    key = "job_queue_size"
    queue = view.number(key) if key in view.settings else None
    batch = view.number("option.max_rolling_batch_size")
    if view.has_rolling_batch and queue is not None and batch is not None and queue < batch:
        problem = f"is {queue}, shorter than the rolling batch of {batch}"
        yield Issue("LMI208", "note", key, problem, f"at least {batch}")


def no_secrets(view: View) -> Iterator[Issue]:
    """LMI006: a secret in plain text; the value is not repeated."""
    if not secrets.may_hold(view.settings):  # one look at all of them: nearly no file has one
        return
    for key, text in view.settings.items():
        if secrets.is_secret(key, text):
            yield Issue("LMI006", "error", key, "holds a secret in plain text", secrets.FIX)
