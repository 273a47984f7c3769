"""A folder that stands for an LMI container's root, with small programs in place of the image's."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from lmi_deployer.aot.archive import entry_archive
from lmi_deployer.entry_point.__main__ import main
from lmi_deployer.entry_point.job import (
    ARCHIVE_FILE,
    FAILURE_FILE,
    JOB_FILE,
    JOB_FOLDER,
    MODEL_FOLDER,
    OUTPUT_FOLDER,
    PROPERTIES_FOLDER,
    RESULT_FILE,
    GpuNeeded,
    Job,
    ModelInput,
    as_json,
)
from lmi_deployer.entry_point.result import Result, read_result

SCRIPT = "/opt/djl/partition/trt_llm_partition.py"
JOB = Job(
    inputs={
        "inputs_version": 1,
        "model_id": "acme/small",
        "libraries": {"tensorrt_llm": "0.5.0"},
        "tensor_parallel_degree": 2,
        "pipeline_parallel_degree": 1,
    },
    layout="triton_repository",
    ranks=2,
    script=(
        SCRIPT,
        *("--properties_dir", PROPERTIES_FOLDER),
        *("--trt_llm_model_repo", OUTPUT_FOLDER),
        *("--tensor_parallel_degree", "2"),
    ),
    environment={"CUDA_MODULE_LOADING": "LAZY"},
    model=ModelInput("acme/small", is_mounted=True),
    gpu=GpuNeeded(compute_capability=8.6, memory_gib=24, count=2),
    serving={"engine": "MPI", "option.rolling_batch": "trtllm", "option.output_formatter": "none"},
    made={"runner": "docker", "lmi_deploy": "0.1.0"},
)
BEGIN = """\
import json, os, pathlib, sys
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
output = pathlib.Path(given["--trt_llm_model_repo"])
print("converting", flush=True)

def write(*names):
    for name in names:
        path = output / "tensorrt_llm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}" if name.endswith(".json") else name)
"""
"""Of every stand-in of a compile script: what the real ones are given."""
WHOLE = ("config.pbtxt", "tokenizer_config.json", "1/llama_rank0.engine", "1/llama_rank1.engine")
COMPILES = f"{BEGIN}write(*{WHOLE!r})\n"
TWO_A10G = "NVIDIA A10G, 23028, 535.183.01, 8.6\nNVIDIA A10G, 23028, 535.183.01, 8.6\n"


class Done(NamedTuple):
    """What came of a run."""

    returncode: int
    stdout: str


@dataclass
class Container:
    """The folder, and what runs in it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        return self.below(OUTPUT_FOLDER)

    @property
    def failure(self) -> str:
        return self.below(FAILURE_FILE).read_text(encoding="ascii")

    @property
    def result(self) -> Result | None:
        return read_result(self.below(RESULT_FILE))

    def below(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, content: str | bytes, *, is_program: bool = False) -> Path:
        target = self.below(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        if is_program:
            target.chmod(target.stat().st_mode | stat.S_IXUSR)
        return target

    def prepare(self, job: Job = JOB, *, script: str = COMPILES, gpus: str = TWO_A10G) -> Job:
        """A container in which the job would run well; every test spoils one thing."""
        self.write(f"{JOB_FOLDER}/{ARCHIVE_FILE}", entry_archive())
        self.write(f"{JOB_FOLDER}/{JOB_FILE}", as_json(job))
        properties = f"option.model_id=s3://somewhere\noption.dtype=fp16\nextra={OUTPUT_FOLDER}\n"
        self.write(f"{JOB_FOLDER}/serving.properties", properties)
        self.write(f"{MODEL_FOLDER}/config.json", "{}")
        self.write(f"{MODEL_FOLDER}/model.safetensors", "weights")
        self.write(SCRIPT, script)
        self.write("/proc/meminfo", "MemTotal:       65536000 kB\n")
        self.gpus(gpus)
        return job

    def gpus(self, text: str, *, before: str = "") -> None:
        """What nvidia-smi shows; `before` is shell that comes first."""
        program = f"#!/bin/sh\n{before}\ncat <<'END'\n{text}END\n"
        self.write("/bin/nvidia-smi", program, is_program=True)

    def module(self, name: str, content: str) -> None:
        """A module of the image's Python, in place of the real one."""
        self.write(f"/modules/{name}.py", content)

    def command(self, *options: str) -> list[str]:
        archive = self.below(f"{JOB_FOLDER}/{ARCHIVE_FILE}")
        return [sys.executable, "-I", *options, str(archive), "--root", str(self.root)]

    def variables(self) -> dict[str, str]:
        return {
            "PATH": f"{self.root / 'bin'}:/usr/bin:/bin",
            "PYTHONPATH": str(self.root / "modules"),
            **self.environment,
        }

    def run(self) -> Done:
        """Run the job within this process, which spares starting another one."""
        out = io.StringIO()
        with (
            mock.patch.dict(os.environ, self.variables(), clear=True),
            contextlib.redirect_stdout(out),
        ):
            status = main(["--root", str(self.root)])
        return Done(status, out.getvalue())

    def run_archive(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the job as a container does; `-S` leaves it with the standard library."""
        return subprocess.run(
            self.command(*options),
            cwd=self.root,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )


def with_model(job: Job, **model: Any) -> Job:
    return replace(job, model=ModelInput(**{"model_id": "acme/small", **model}))


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that nobody has waited for is still listed.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def answers_script(answers: Mapping[str, str], echo: Iterable[str] = ()) -> str:
    """A program in place of djl-serving, which answers as its handlers do."""
    return f"""\
#!{sys.executable}
import http.server, json, os, pathlib, sys, urllib.parse
ANSWERS = {json.dumps(dict(answers))}
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
name, _, url = given["-m"].partition("=")
folder = pathlib.Path(urllib.parse.urlsplit(url).path)
print((folder / "serving.properties").read_text(), flush=True)

class Handler(http.server.BaseHTTPRequestHandler):
    pings = 0
    def log_message(self, *_): pass
    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200, {{name: {{"status": "Healthy"}}}})
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert sent["parameters"]["do_sample"] is False
        text = ANSWERS.get(sent["inputs"])
        if text is None:
            self.answer(424, {{"code": 424, "error": "no such prompt"}})
        else:
            self.answer(200, {{"generated_text": text}})

port = urllib.parse.urlsplit(os.environ["SERVING_INFERENCE_ADDRESS"]).port
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


TRANSFORMERS = """\
class Ids(list):
    @property
    def shape(self):
        return (1, len(self[0]))

class Tokens(dict):
    def to(self, device):
        return self

class AutoTokenizer:
    eos_token_id = 0
    words = []
    @classmethod
    def from_pretrained(cls, folder, **_):
        print("tokenizer of", folder, flush=True)
        return cls()
    def encode(self, text, add_special_tokens=True):
        self.words.extend(w for w in text.split() if w not in self.words)
        return [self.words.index(w) for w in text.split()]
    def __call__(self, text, return_tensors):
        ids = Ids([self.encode(text)])
        return Tokens(input_ids=ids, attention_mask=ids)
    def decode(self, ids, skip_special_tokens):
        return " ".join(self.words[i] for i in ids)

class AutoModelForCausalLM:
    device = "cpu"
    @classmethod
    def from_pretrained(cls, folder, torch_dtype, device_map, **_):
        return cls()
    def generate(self, input_ids, attention_mask, max_new_tokens, do_sample, **_):
        assert do_sample is False
        said = AutoTokenizer().encode("one two three four")[:max_new_tokens]
        return [[*input_ids[0], *said]]
"""
"""A model that goes on with `one two three four`, whatever it is asked."""
