"""Stands in for the compile scripts of LMI images, where there is no GPU and no model.

It takes the arguments that the script of that version takes, reads serving.properties as that
script does, stops where that one stops, and writes the files of that version's layout, with small
contents that follow from what it was given. Source of all of it: djl-serving,
serving/docker/partition/*.py of each version, as compilers.yaml tells.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lmi_deployer import catalog
from lmi_deployer.sandbox.stand_in_artifacts import write_artifact
from lmi_deployer.sandbox.stand_in_order import (
    BadPropertiesError,
    Order,
    ScriptError,
    is_at_least,
    read_order,
)

if TYPE_CHECKING:
    from lmi_deployer.catalog.compiler_rows import Compiler
    from lmi_deployer.catalog.rows import Backend

MODE = "LMI_DEPLOY_STAND_IN"
"""Variable with one of MODES; any other text means nothing here."""
MODES: Mapping[str, str] = {
    "fail": "the compiler raises an exception",
    "out_of_memory": "the compiler runs out of GPU memory",
    "killed": "the kernel kills the compiler, as when the host's memory is full",
    "hang": "the compiler never ends",
    "half": "it ends with 0, and the files of the last rank are missing or empty",
    "wrong_ranks": "it ends with 0, and has built for twice as many ranks",
    "nothing": "it ends with 0, and has written nothing",
}
_ERRORS = {
    "fail": "RuntimeError: Unsupported layer in the network definition",
    "out_of_memory": "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB",
}
_FORGIVING_FROM = "0.23.0"


def main(*, version: str, backend: Backend, argv: Sequence[str]) -> int:
    """Run the stand-in of one script; its exit status. Raises SystemExit as argparse does.

    Raises LookupError for an image without a script that works.
    """
    compiler = catalog.compiler(version, backend)
    if compiler is None or compiler.refused is not None:
        raise LookupError(f"{backend} of LMI {version} has no compile script")
    parser = parser_of(compiler)
    mode = os.environ.get(MODE, "")
    try:
        order = read_order(version, compiler, parser.parse_args(argv))
        _say(f"Compiling {order.model_dir} for {order.ranks} ranks")
        _misbehave(mode)
        if mode != "nothing":
            write_artifact(order, doubles=mode == "wrong_ranks", halves=mode == "half")
    except BadPropertiesError as error:
        _say(str(error))
        parser.print_usage()
        return 0 if is_at_least(version, _FORGIVING_FROM) else 1
    except ScriptError as error:
        sys.stderr.write(f"Traceback (most recent call last):\n{error}\n")
        return 1
    _say(_last_line(order))
    return 0


def parser_of(compiler: Compiler) -> argparse.ArgumentParser:
    """The script's own parser, from what the catalog has recorded of it."""
    parser = argparse.ArgumentParser(prog=Path(compiler.script).name)
    for argument in compiler.arguments:
        if argument.type == "flag":
            parser.add_argument(argument.flag, action="store_true")
        else:
            parser.add_argument(
                argument.flag,
                type=int if argument.type == "int" else str,
                required=argument.is_required,
                default=argument.default,
                choices=argument.choices or None,
            )
    return parser


def _misbehave(mode: str) -> None:
    if mode in _ERRORS:
        raise ScriptError(_ERRORS[mode])
    if mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "hang":
        while True:
            signal.pause()


def _last_line(order: Order) -> str:
    if order.compiler.layout == "llm_api_engine":
        return f"[LMI] Model Compiled successfully, saving to {order.output_dir}"
    return "Partitioning done." if order.compiler.kind != "trt_engine" else "Model repo is ready."


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
