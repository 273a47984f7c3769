"""Inputs that mix what the catalog knows with what goes wrong: hypothesis strategies, and words.

Plain bytes rarely get past the first check, and real settings alone never meet a hostile value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.demands import SECRET
from tests.fuzz.targets import IMAGES, readings, target_of

ODD_VALUES = (
    "", " ", "0", "-1", "1.5", "1e999", "nan", "-inf", "1_000", "\uff11", "0x10", "TRUE", "yes",
    "9" * 40, "9" * 400, "9" * 4300, "9" * 5000, "[" * 400, "{" * 400, '{"a":' * 300, "-" * 900,
    "[1" + "0" * 400 + "]", '{"a": 1' + "0" * 400 + "}", "(1,)", "{'a': [}", "'\\d'", "1if 1else 2",
    "a,b", "1,2,x", "image=1,image=2", "=", "\\", "\x00", "\x1b[31m", "a\nb", "\u2028", "\ud800",
    "\U0001f600", "e\u0301", "%s%n{0}", "x" * 5000, SECRET, f"https://user:{SECRET}@host/",
    "s3://bucket/model.tar.gz", "djl_python.huggingface", "djl_python.none", "AKIA" + "Q" * 16,
)  # fmt: skip
ODD_KEYS = (
    "", "option.", "option", "OPTION.DTYPE", "option.option.dtype", "option.dtyp", "dtype",
    "a" * 5000, "\x1b[31m", "a\nb", "\u2028", "\ud800", "\u00e9", SECRET, "option.password",
    "option.hf_token", "load_models", "option.engine", "gpu.maxWorkers", "a b", "=", ":", "#",
)  # fmt: skip
ODD_LINES = (
    b"", b" ", b"#", b"!", b"# " + SECRET.encode(), b"\\", b"\\\\", b"\\u", b"\\u12", b"\\ud83d",
    b"=", b":", b"==", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9", b"\x00", b"\x1b]0;x\x07", b"{", b"}",
    b'{"A": "1"}', b"export A='b'", b"export =", b"A", SECRET.encode(), b"A B=1", b"---",
    SECRET.encode() + b" = 1", b"option.x = \\" + SECRET.encode(),
)  # fmt: skip
SAMPLES: Mapping[str, tuple[str, ...]] = {
    "int": ("1", "8"),
    "int_or_max": ("1", "max"),
    "float": ("0.9", "1"),
    "bool": ("true", "false", "True"),
    "text": ("text", "acme/chat", "TheBloke/Llama-2-7B-fp16"),
    "path": ("s3://bucket/model/", "/opt/ml/model"),
    "int_list": ("1,2,4",),
    "int_mapping": ("image=1",),
    "size": ("16k", "8192"),
    "text_list": ('["a","b"]',),
    "float_tuple": ("0.5", "(0.5, 0.5)"),
    "json": ('{"a": 1}',),
    "literal": ("{'a': 1}",),
    "choice": (),
}
"""Type of a value: texts that it takes."""


def samples(reading: Mapping[str, Any]) -> tuple[str, ...]:
    """Values that a reading takes."""
    choices = (*SAMPLES[reading["type"]], *reading.get("choices", ()))
    bounds = [reading[name] for name in ("minimum", "maximum") if name in reading]
    return (*choices, *(f"{bound:g}" for bound in bounds))


@cache
def known_settings() -> tuple[tuple[str, str], ...]:
    """Every key that some handler of IMAGES reads, with values that it takes."""
    found: dict[tuple[str, str], None] = {}
    for version, flavor in IMAGES:
        table = target_of(version, flavor).table
        for name in ("server", *table.handler_names):
            for key, entry in table.handler(name).entries.items():
                for reading in entry.readings:
                    found |= dict.fromkeys((key, value) for value in samples(reading))
    return tuple(found)


@cache
def known_variables() -> tuple[str, ...]:
    """Environment variables that some version knows, and those of the known keys."""
    named = {name for image in IMAGES for name in target_of(*image).table.variables}
    spelt = {f"OPTION_{key.removeprefix('option.').upper()}" for key, _ in known_settings()}
    return tuple(sorted(named | spelt))


def escaped(text: str) -> bytes:
    """A text as java.util.Properties takes it, backslashes left as they are."""
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = [units[index : index + 2] for index in range(0, len(units), 2)]
    return b"".join(
        pair[1:] if pair[0] == 0 and 31 < pair[1] < 127 else b"\\u" + pair.hex().encode()
        for pair in pairs
    )


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Three of four from the first: enough of a file has to make sense for the rest to matter."""
    return st.one_of(usual, usual, usual, odd)


SETTINGS = st.deferred(lambda: st.sampled_from(known_settings()))
KEYS = mostly(SETTINGS.map(lambda pair: pair[0]), st.sampled_from(ODD_KEYS) | st.text(max_size=8))
VALUES = st.one_of(st.sampled_from(ODD_VALUES), st.text(max_size=12))
PAIRS = mostly(SETTINGS, st.tuples(KEYS, VALUES))
LINE_ENDS = st.sampled_from((b"\n", b"\n", b"\r\n", b"\r", b"\\\n", b"\n\n"))
PROPERTY_LINES = mostly(
    st.builds(
        lambda pair, middle, blank: blank + escaped(pair[0]) + middle + escaped(pair[1]),
        PAIRS,
        st.sampled_from((b"=", b"=", b"=", b":", b" ", b" = ", b"\t=")),
        st.sampled_from((b"", b"", b"", b" ", b"\t")),
    ),
    st.sampled_from(ODD_LINES) | st.binary(max_size=12),
)
VARIABLES = st.deferred(lambda: st.sampled_from(known_variables()))
VARIABLE_LINES = mostly(
    st.builds(
        lambda name, value, form: form % (name, value.encode("utf-8", "replace")),
        mostly(VARIABLES, st.sampled_from(ODD_KEYS)).map(
            lambda name: name.encode("utf-8", "replace")
        ),
        mostly(SETTINGS.map(lambda pair: pair[1]), VALUES),
        st.sampled_from((b"%s=%s", b"%s=%s", b"export %s='%s'", b' %s="%s"', b"%s =%s")),
    ),
    st.sampled_from(ODD_LINES) | st.binary(max_size=12),
)


def files(lines: st.SearchStrategy[bytes], most: int = 14) -> st.SearchStrategy[bytes]:
    """Lines with any line ends, as one file; some lines come twice, some files have a mark."""
    ended = st.lists(st.builds(bytes.__add__, lines, LINE_ENDS), max_size=most)
    whole = ended.flatmap(
        lambda some: st.sampled_from((some, some, some + some[:1], some + some)).map(b"".join)
    )
    return st.builds(bytes.__add__, st.sampled_from((b"", b"", b"", b"\xef\xbb\xbf")), whole)


PROPERTIES_FILES = files(PROPERTY_LINES)
ENVIRONMENT_FILES = files(VARIABLE_LINES)
JSON_ENVIRONMENTS = st.dictionaries(
    VARIABLES | st.sampled_from(ODD_KEYS),
    VALUES | SETTINGS.map(lambda pair: pair[1]) | st.integers() | st.booleans() | st.none()
    | st.lists(VALUES, max_size=2),
    max_size=8,
).map(lambda found: json.dumps(found).encode())  # fmt: skip
FOLDERS = st.builds(lambda file, variables: file + b"\n---\n" + variables, PROPERTIES_FILES,
                    st.one_of(ENVIRONMENT_FILES, JSON_ENVIRONMENTS))  # fmt: skip
READINGS = st.deferred(lambda: st.sampled_from(readings()))
