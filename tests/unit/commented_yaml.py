"""Generated YAML of every style, with comments everywhere, each of which is about a known key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from lmi_deployer.yaml_source import Path, parse_yaml

INSIDE = "(about no key)"
"""Stands behind a mapping's path for comments that are inside it, but about none of its keys."""
KEYS = ("model", "profiles", "g5", "id", "on", "a b", "option.x", "7", "'q'", "it's", "é", "null")
SCALARS = (
    "8",
    "0.5",
    "true",
    "~",
    "text",
    "s3://a/b/",
    "'it''s # x'",
    '"0.30"',
    "0.28.0",
    '"é\\t"',
)
BLOCKS = ("|", "|-", "|+", ">", ">-", "|2")
BLOCK_LINES = ("text", "# no comment", "", "key: value", " deeper")


@dataclass
class Commented:
    """A text, its data, and what each of its comments is about."""

    text: str
    comments: dict[str, Path]
    """Comment: the path of its key."""
    data: Any = None
    paths: list[Path] = field(default_factory=list)
    """Every key of every mapping that is not inside a list."""

    def __post_init__(self) -> None:
        source = parse_yaml(self.text, "generated.yaml")
        self.data = source.data
        self.paths = [path for path in source.keys if all(isinstance(key, str) for key in path)]

    def at(self, path: Path) -> Any:
        data = self.data
        for key in path:
            data = data[key]
        return data


def values() -> st.SearchStrategy[Any]:
    """Anything that can be set."""
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**17), 10**17),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.from_regex(r"[ynYNofe0-9.:_+ ,#-]{1,8}", fullmatch=True),
        st.sampled_from(["0.30.0", "0.36.0-lmi27", "yes", "Off", "007", "1e3", "a: b", "a #b", ""]),
    )
    keys = st.one_of(st.sampled_from(KEYS), st.text(st.characters(exclude_categories=["Cs"])))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)
        ),
        max_leaves=6,
    )


@st.composite
def documents(draw: st.DrawFn) -> Commented:
    """A mapping of up to four levels."""
    writer = _Writer(draw)
    writer.mapping(0, (), 0)
    if draw(st.booleans()):
        writer.above(0, ())
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    end = draw(st.sampled_from([newline, newline, "", newline * 2]))
    if writer.ends_in_block_scalar:
        end = newline  # without one, its value would change with the line that follows it
    return Commented(newline.join(writer.lines) + end, writer.comments)


class _Writer:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.comments: dict[str, Path] = {}
        self.ends_in_block_scalar = False
        self.step = draw(st.sampled_from([2, 4, 1]))

    def chance(self) -> bool:
        return self.draw(st.integers(0, 3)) == 0

    def comment(self, owner: Path) -> str:
        words = f"c{len(self.comments)}!"
        self.comments[words] = owner
        return words

    def trailing(self, owner: Path) -> str:
        return f"  # {self.comment(owner)}" if self.chance() else ""

    def above(self, indent: int, inside: Path, path: Path | None = None) -> None:
        """Comments and blank lines above a key at `path`, or below the last one of a mapping."""
        kinds = self.draw(st.lists(st.sampled_from(["remark", "setting", "blank"]), max_size=3))
        remarks = 0
        while path is not None and kinds[len(kinds) - 1 - remarks :][:1] == ["remark"]:
            remarks += 1
            if remarks == len(kinds):
                break
        if remarks == len(kinds) and not self.lines:
            remarks = 0  # a file's first comment is about the file
        for number, kind in enumerate(kinds):
            is_own = number >= len(kinds) - remarks
            owner = path if is_own and path is not None else (*inside, INSIDE)
            if kind == "blank":
                self.lines.append("")
            else:
                old = "# old: " if kind == "setting" else "# "
                self.lines.append(f"{' ' * indent}{old}{self.comment(owner)}")

    def keys(self) -> list[str]:
        return self.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True))

    def key(self, key: str) -> tuple[str, str]:
        """A key, and how it is written."""
        if key == "'q'":
            return "q", key
        quoted = self.draw(st.sampled_from([key, f'"{key}"']))
        return key, quoted

    def mapping(self, indent: int, path: Path, depth: int) -> None:
        for name in self.keys():
            key, written = self.key(name)
            here = (*path, key)
            self.above(indent, path, here)
            self.item(f"{' ' * indent}{written}:", indent, here, depth)

    def item(self, head: str, indent: int, path: Path, depth: int) -> None:
        deeper = indent + self.step
        kinds = ["scalar", "empty", "block scalar", "flow", "list", "long flow"]
        kinds += ["mapping"] * 4 if depth < 3 else []
        kind = self.draw(st.sampled_from(kinds))
        self.ends_in_block_scalar = kind == "block scalar"
        if kind == "scalar":
            self.lines.append(f"{head} {self.draw(st.sampled_from(SCALARS))}{self.trailing(path)}")
            if self.chance():
                self.lines.append(f"{' ' * (deeper + 3)}# {self.comment(path)}")
        elif kind == "empty":
            self.lines.append(f"{head}{self.trailing(path)}")
        elif kind == "block scalar":
            self.block_scalar(head, indent, path)
        elif kind == "flow":
            self.lines.append(f"{head} {self.flow(2)}{self.trailing(path)}")
        elif kind == "list":
            self.lines.append(f"{head}{self.trailing(path)}")
            pad = " " * self.draw(st.sampled_from([indent, deeper]))
            for _ in range(self.draw(st.integers(1, 3))):
                item = self.draw(st.sampled_from([*SCALARS, "{a: 1}", "[x]"]))
                self.lines.append(f"{pad}- {item}{self.trailing((*path, INSIDE))}")
        elif kind == "long flow":
            self.long_flow(head, deeper, path)
        else:
            self.lines.append(f"{head}{self.trailing(path)}")
            self.mapping(deeper, path, depth + 1)
            self.above(deeper, path)

    def block_scalar(self, head: str, indent: int, path: Path) -> None:
        form = self.draw(st.sampled_from(BLOCKS))
        pad = " " * (indent + 2)
        self.lines.append(f"{head} {form}{self.trailing(path)}")
        lines = self.draw(st.lists(st.sampled_from(BLOCK_LINES), max_size=3))
        for line in ["first", *lines] if form != "|2" else lines:
            self.lines.append(f"{pad}{line}" if line else "")

    def flow(self, depth: int) -> str:
        kind = self.draw(st.sampled_from(["scalar", "scalar", "list", "mapping"]))
        if kind == "scalar" or depth == 0:
            return str(self.draw(st.sampled_from(SCALARS)))
        if kind == "list":
            return (
                f"[{', '.join(self.flow(depth - 1) for _ in range(self.draw(st.integers(0, 2))))}]"
            )
        names = self.draw(st.lists(st.sampled_from(KEYS), max_size=3, unique=True))
        pairs = [f"{self.key(name)[1]}: {self.flow(depth - 1)}" for name in names]
        space = self.draw(st.sampled_from(["", " "]))
        comma = self.draw(st.sampled_from(["", ","])) if pairs else ""
        return f"{{{space}{', '.join(pairs)}{comma}{space}}}"

    def long_flow(self, head: str, indent: int, path: Path) -> None:
        """A flow mapping with one key a line."""
        pad = " " * indent
        self.lines.append(f"{head} {{{self.trailing((*path, INSIDE))}")
        keys = [self.key(name) for name in self.keys()]
        for number, (key, written) in enumerate(keys):
            here = (*path, key)
            self.above(indent, path, here)
            comma = "," if number < len(keys) - 1 or self.chance() else ""
            self.lines.append(f"{pad}{written}: {self.flow(1)}{comma}{self.trailing(here)}")
        self.lines.append(f"{pad}}}{self.trailing(path)}")
