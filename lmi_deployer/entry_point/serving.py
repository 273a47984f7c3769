"""Asks the image's own server for answers of the artifact, as an endpoint would serve it.

Source: djl-serving@{0.25.0,0.33.0}-dlc, ModelServer.java, ConfigManager.java (addresses and other
settings come from SERVING_* variables), InferenceRequestHandler.java (/ping, /invocations).
"""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from typing import Any, Dict, List, Mapping

from lmi_deployer.entry_point.causes import find_cause
from lmi_deployer.entry_point.failures import JobError, failed
from lmi_deployer.entry_point.job import Job, QualityGate
from lmi_deployer.entry_point.log import Log
from lmi_deployer.entry_point.places import PROPERTIES_FILE, Places, empty
from lmi_deployer.entry_point.running import Deadline, Program

SERVER = "/usr/bin/djl-serving"
POLL_SECONDS = 0.5
PING_SECONDS = 10
REQUEST_SECONDS = 600
_NOT_READY = ("PENDING", "Unhealthy", "FAILED")
"""Of a worker pool; /ping answers 200 meanwhile, unless a model has failed."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The server is on this machine, which a proxy of the job's network would not reach."""
_MODEL = "quality"
_ECHOES = ("deepspeed_checkpoint", "neuron_split_model", "neuron_compiled_model")
"""Layouts whose handlers answer with the prompt before the text.

Source: djl-serving@0.27.0-dlc:engines/python/setup/djl_python/deepspeed.py
"""
_NOT_FOR_THE_GATE = (
    "option.output_formatter",
    "option.enable_streaming",
    "option.model_id",
)
"""Without these an answer is one JSON document with the member generated_text."""


def ask_artifact(
    job: Job,
    gate: QualityGate,
    places: Places,
    *,
    log: Log,
    environment: Mapping[str, str],
    deadline: Deadline,
) -> List[str]:
    """Greedy answers, one for each prompt, one request after the other."""
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    folder = places.work / _MODEL
    empty(folder)
    (folder / PROPERTIES_FILE).write_text(_properties(job, places))
    program = Program(
        [str(places.below(SERVER)), "-m", f"{_MODEL}={folder.as_uri()}"],
        log=log,
        environment=_environment(environment, address),
        prefix="server: ",
    )
    with program:
        _await(program, address, deadline)
        answers = []
        for prompt in gate.prompts:
            if deadline.remaining <= 0:
                raise deadline.error("quality gate", program.lines)
            text = _ask(program, address, prompt, gate.max_new_tokens, deadline)
            answers.append(without_prompt(text, prompt) if job.layout in _ECHOES else text)
            log.say(f"answer {len(answers)} of {len(gate.prompts)}")
    return answers


def generated_text(content: bytes) -> str:
    """The text of a server's answer. Raises ValueError for anything else.

    >>> generated_text(b'[{"generated_text": " Paris"}]')
    ' Paris'
    """
    document: Any = json.loads(content)
    while isinstance(document, list) and document:
        document = document[0]
    text = document.get("generated_text") if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise ValueError("no generated_text")  # noqa: TRY004 - as for what is no JSON
    return text


def without_prompt(text: str, prompt: str) -> str:
    """An answer without the prompt, where it begins with it."""
    is_echo = text.startswith(prompt)
    return text[len(prompt) :] if is_echo else text


def _properties(job: Job, places: Places) -> str:
    lines = [f"{name}={value}" for name, value in job.serving.items()]
    kept = [line for line in lines if line.partition("=")[0] not in _NOT_FOR_THE_GATE]
    return "\n".join([*kept, f"option.model_id={places.output}"]) + "\n"


def _environment(environment: Mapping[str, str], address: str) -> Dict[str, str]:
    """One model on a port of its own, whatever the container's variables ask for besides."""
    others = ("SERVING_LOAD_MODELS", "SERVING_MODEL_STORE", "HF_MODEL_ID")
    kept = {
        name: value
        for name, value in environment.items()
        if name not in others and not name.startswith("OPTION_")
    }
    return {
        **kept,
        "SERVING_INFERENCE_ADDRESS": address,
        "SERVING_MANAGEMENT_ADDRESS": address,
    }


def _await(program: Program, address: str, deadline: Deadline) -> None:
    """Return once the server has loaded the model."""
    while not _is_ready(address):
        status = program.wait(POLL_SECONDS)
        if status is not None:
            what = f"the image's own server could not load the artifact (exit status {status})"
            raise failed(what, program.lines, find_cause(program.lines))
        if deadline.remaining <= 0:
            raise deadline.error("starting the server for the quality gate", program.lines)


def _is_ready(address: str) -> bool:
    try:
        with _DIRECT.open(f"{address}/ping", timeout=PING_SECONDS) as answer:
            text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):  # not there yet, or a status of 400 and above
        return False
    return not any(word in text for word in _NOT_READY)


def _ask(
    program: Program, address: str, prompt: str, max_new_tokens: int, deadline: Deadline
) -> str:
    parameters = {"max_new_tokens": max_new_tokens, "do_sample": False}
    request = urllib.request.Request(  # noqa: S310 - our own server on this machine
        f"{address}/invocations",
        data=json.dumps({"inputs": prompt, "parameters": parameters}).encode(),
        headers={"Content-Type": "application/json"},
    )
    began = time.monotonic()
    try:
        seconds = min(REQUEST_SECONDS, deadline.remaining + 1)
        with _DIRECT.open(request, timeout=seconds) as answer:
            content = answer.read()
        return generated_text(content)
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")[:300]
        what = f"the server refused a prompt with HTTP status {error.code}: {said}"
    except ValueError:
        said = content.decode("utf-8", "replace")[:300]
        what = f"the server's answer to a prompt holds no generated_text: {said or 'it is empty'}"
    except (OSError, http.client.HTTPException) as error:
        if deadline.remaining <= 0:
            raise deadline.error("quality gate", program.lines) from error
        seconds = time.monotonic() - began
        what = f"the server did not answer a prompt after {seconds:.0f} s: {error}"
    lines = program.lines
    cause = find_cause(lines)
    raise failed(what, lines, cause) if cause else JobError(what, lines=lines)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
