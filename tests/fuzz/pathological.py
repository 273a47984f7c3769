"""Inputs that cost the most for their size: `python -m tests.fuzz.pathological BYTES`.

Each is read and judged in turn, with what it took: seconds, the highest memory for each byte of
input, and findings. Every case has to grow in step with its size; a tenth more is no matter, ten
times as much for twice the size is.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.fuzz import targets

TARGET = ("0.25.0", "deepspeed")
COMPILING = ("0.25.0", "tensorrtllm")
PROFILE = b"""\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {id: TheBloke/Llama-2-7B-fp16}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
"""
HARDWARE = b"profiles:\n  g5: {instance_type: ml.g5.2xlarge, backend: lmi-dist}\n"
CHAINED = b"  a%06d: {instance_type: ml.g5.2xlarge, extends: a%06d}\n"


def _repeated(unit: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: before + unit * ((size - len(before) - len(after)) // len(unit)) + after


def _numbered(
    unit: bytes, before: bytes = b"", after: bytes = b"", between: bytes = b""
) -> Callable[[int], bytes]:
    length = len(unit % 0) + len(between)
    return lambda size: (
        before + between.join(unit % number for number in range(size // length)) + after
    )


def _chain(size: int) -> bytes:
    number = size // len(CHAINED % (0, 0))
    links = b"".join(CHAINED % (index, index + 1) for index in range(number))
    return PROFILE + b"profiles:\n" + links + b"  a%06d: {instance_type: ml.g5.2xlarge}\n" % number


PROPERTIES: Mapping[str, Callable[[int], bytes]] = {
    "backslashes": _repeated(b"\\"),
    "backslashes in a value": _repeated(b"\\", b"a="),
    "escapes": _repeated(b"\\x"),
    "unicode escapes": _repeated(b"\\u0041"),
    "malformed escapes": _repeated(b"\\u"),
    "continued lines": _repeated(b"a\\\n"),
    "continued blank lines": _repeated(b" \\\n"),
    "equals signs": _repeated(b"="),
    "equals signs in a value": _repeated(b"=", b"option.rolling_batch="),
    "one long key": _repeated(b"a"),
    "one long value": _repeated(b"9", b"option.max_rolling_batch_size="),
    "one long list": _repeated(b"1,", b"option.cuda_graph_batch_sizes="),
    "brackets": _repeated(b"[", b"option.lmcache_config_file="),
    "blanks": _repeated(b" "),
    "line feeds": _repeated(b"\n"),
    "carriage returns": _repeated(b"\r"),
    "comments": _repeated(b"#\n"),
    "one key again and again": _repeated(b"a\n"),
    "the same two keys": _repeated(b"option.dtype=fp16\ndtype=bf16\n"),
    "bytes that are no UTF-8": _repeated(b"\xe9"),
    "lines beyond ASCII": _repeated(b"\xc3\xa9\n"),
    "control characters": _repeated(b"a\x00\n"),
    "unknown keys": _numbered(b"option.tensor_parallel_xx%06d=1\n"),
    "unknown short keys": _numbered(b"%06d\n"),
    "keys that work without a prefix": _numbered(b"x%06d=1\n"),
}
ENVIRONMENTS: Mapping[str, Callable[[int], bytes]] = {
    "names alone": _repeated(b"a\n"),
    "no names": _repeated(b"=\n"),
    "names with blanks": _repeated(b"a b=1\n"),
    "quotes": _repeated(b'" ', b'A="', b"x"),
    "exported quotes": _repeated(b'" ', b'export A="', b"x"),
    "unknown options": _numbered(b"OPTION_TENSOR_PARALLEL%06d=1\n"),
    "unknown variables": _numbered(b"TENSOR_PARALLEL_DEGREEX%06d=1\n"),
    "unknown server variables": _numbered(b"SERVING_JOB_QUEUE_SIZE%06d=1\n"),
    "lower case": _numbered(b"option_tensor_parallel%06d=1\n"),
    "one long JSON text": _repeated(b"\\\\", b'{"A": "', b'"}'),
    "nested JSON": _repeated(b"[", b'{"A": '),
    "open JSON": _repeated(b"{"),
    "JSON lists": _repeated(b"[],", b'{"A": [', b"[]]}"),
    "a long JSON number": _repeated(b"9", b'{"A": ', b"}"),
    "JSON variables": _numbered(b'"A%06d"    :   "1"', b"{", b"}", b","),
    "one JSON name": _repeated(b'"A":1,', b"{", b'"A":1}'),
}
PROFILES: Mapping[str, Callable[[int], bytes]] = {
    "a chain of hardware profiles": _chain,
    "many options": _numbered(b"  option.tensor_parallel_xx%06d: 1\n", PROFILE + HARDWARE
                              + b"options:\n"),
    "unknown profile keys": _numbered(b"profile%06d: 1\n", PROFILE + HARDWARE),
    "wrong hardware profiles": _numbered(b"  a%06d: {backend: 1}\n", PROFILE + b"profiles:\n"),
    "one long key of a profile": _repeated(b"x", PROFILE + HARDWARE + b"? ", b"\n: 1\n"),
    "a long version of the schema": _repeated(b"x", b"apiVersion: "),
    "flow lists": _repeated(b"[],", PROFILE + HARDWARE + b"options: [", b"]\n"),
    "nested flow lists": _repeated(b"[", PROFILE + HARDWARE + b"options: "),
    "folded lines": _repeated(b"  a\n", PROFILE + HARDWARE + b"description: >\n"),
    "an escaped text": _repeated(b'\\"', PROFILE + HARDWARE + b'description: "', b'"\n'),
}  # fmt: skip


LARGER: Mapping[str, int] = {"a chain of hardware profiles": 8}
"""Cases that show how they grow only when they are so many times as large."""


class Cost(NamedTuple):
    """What one input took."""

    name: str
    size: int
    seconds: float
    peak_bytes: int
    findings: int


def _properties(data: bytes) -> int:
    return len(targets.check_settings(data, None, targets.target_of(*TARGET)).findings)


def _compiled(data: bytes) -> int:
    return len(targets.check_settings(data, None, targets.target_of(*COMPILING)).findings)


def _environment(data: bytes) -> int:
    return len(targets.check_settings(None, data, targets.target_of(*TARGET)).findings)


def _profile(data: bytes) -> int:
    targets.profile(data)
    return 0


CASES: Mapping[str, tuple[Callable[[bytes], int], Callable[[int], bytes]]] = {
    **{name: (_properties, make) for name, make in PROPERTIES.items()},
    **{f"{name}, compiled": (_compiled, make) for name, make in PROPERTIES.items()},
    **{name: (_environment, make) for name, make in ENVIRONMENTS.items()},
    **{name: (_profile, make) for name, make in PROFILES.items()},
}


def cost(name: str, size: int, *, is_traced: bool = True) -> Cost:
    """Read and judge one case; tracing memory makes it several times as slow."""
    judge, make = CASES[name]
    data = make(size * LARGER.get(name, 1))
    if is_traced:
        tracemalloc.start()
    start = time.process_time()
    try:
        findings = judge(data)
        seconds = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1] if is_traced else 0
    finally:
        tracemalloc.stop()
    return Cost(name, len(data), seconds, peak, findings)


def main() -> None:
    """Print a line of JSON for each case, as soon as it is done."""
    parser = argparse.ArgumentParser(description="Time what costs the most for its size.")
    parser.add_argument("size", type=int, metavar="BYTES")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--memory", action="store_true", help="trace it, which is slow")
    options = parser.parse_args()
    for name in options.names or CASES:
        found = cost(name, options.size, is_traced=options.memory)
        print(json.dumps(found._asdict()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
