"""Follows a script that writes serving.properties, without running it.

The release tests of djl-serving build their files with `tests/integration/llm/prepare.py`: tables
of options, and a function per handler that adds to them and writes the file. Following needs few
kinds of Python: assignments, `if`, `for`, calls of each other. What cannot be told stays UNKNOWN.
"""

from __future__ import annotations

import ast
import copy
import json
import operator
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

MODEL_FOLDER = "models/test"
WRITERS = ("write_properties", "write_model_artifacts", "create_neo_input_model")


class Unknown:
    """A value that the text does not tell, such as an option of the command line."""

    def __bool__(self) -> bool:
        raise TypeError("nothing is known of it, not even whether it is true")


UNKNOWN = Unknown()


class CannotTellError(Exception):
    """The script stops here, or what it writes depends on something unknown."""


class _Returned(Exception):  # noqa: N818 - a jump, not an error
    pass


@dataclass
class Written:
    """The model folder that a function of the script leaves behind."""

    properties: dict[str, str] = field(default_factory=dict)
    other_files: set[str] = field(default_factory=set)


class Script:
    """The tables and functions of one script."""

    def __init__(self, source: str) -> None:
        self.tables: dict[str, Any] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        for statement in ast.parse(source).body:
            if isinstance(statement, ast.FunctionDef):
                self.functions[statement.name] = statement
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                self.tables[statement.targets[0].id] = evaluate(statement.value, self.tables)

    def builders(self) -> Iterator[tuple[str, str]]:
        """Every function that builds a model out of a table, with each model of that table."""
        for name in self.functions:
            if name.startswith("build"):
                for model in self.tables.get(self.table_of(name), {}):
                    yield name, model

    def table_of(self, function: str) -> str:
        """The table that a function takes a model from; empty where it takes none."""
        for node in ast.walk(self.functions[function]):
            match node:
                case ast.Subscript(value=ast.Name(id=name)) if name in self.tables:
                    return name
        return ""

    def build(self, function: str, *arguments: str) -> Written:
        """What a function writes. Raises CannotTellError where the text alone does not say."""
        run = _Run(self, copy.deepcopy(self.tables))
        run.call(function, list(arguments), {})
        if not run.written.properties:
            raise CannotTellError(f"{function} writes nothing")
        return run.written


class _Run:
    """One run of the script; each has its own tables, for the script changes them."""

    def __init__(self, script: Script, tables: dict[str, Any]) -> None:
        self.script = script
        self.tables = tables
        self.written = Written()

    def call(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        if name in WRITERS:
            self._write(name, arguments, keywords)
            return None
        function = self.script.functions[name]
        parameters = [item.arg for item in function.args.args]
        defaults = [evaluate(item, self.tables) for item in function.args.defaults]
        names = dict(zip(parameters[len(parameters) - len(defaults) :], defaults, strict=True))
        names |= dict(zip(parameters, arguments, strict=False)) | dict(keywords)
        with suppress(_Returned):
            self._run(function.body, _Names(names, self))
        return UNKNOWN

    def _write(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        properties = dict(arguments[0])
        if name == "create_neo_input_model":  # the model is downloaded beside the file
            properties.pop("option.model_id", None)
        if any(isinstance(value, Unknown) for value in properties.values()):
            raise CannotTellError("a value comes from the command line")
        self.written.properties = {key: str(value) for key, value in properties.items()}
        if keywords.get("adapter_ids"):
            self.written.other_files.add("adapters/")
        if keywords.get("add_output_formatter"):
            self.written.other_files.add("model.py")
        if keywords.get("lmcache_config_file"):
            self.written.other_files.add(keywords["lmcache_config_file"])

    def copied(self, target: object) -> None:
        """A file that the script copies, when it goes into the model folder."""
        if isinstance(target, str) and target.startswith(MODEL_FOLDER):
            self.written.other_files.add(posixpath.relpath(target, MODEL_FOLDER))

    def _run(self, statements: Sequence[ast.stmt], names: _Names) -> None:
        for statement in statements:
            self._step(statement, names)

    def _step(self, statement: ast.stmt, names: _Names) -> None:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                names[name] = evaluate(statement.value, names)
            case ast.Assign(targets=[ast.Subscript(value=holder, slice=index)]):
                key = evaluate(index, names)
                evaluate(holder, names)[key] = evaluate(statement.value, names)
            case ast.Expr(value=value):
                evaluate(value, names)
            case ast.If(test=test, body=body, orelse=orelse):
                condition = evaluate(test, names)
                # What is unknown here is whether a file exists that the script is to copy.
                self._run(body if condition is UNKNOWN or condition else orelse, names)
            case ast.For(target=target, iter=items, body=body):
                values = evaluate(items, names)
                for value in () if values is UNKNOWN else values:
                    _bind(target, value, names)
                    self._run(body, names)
            case ast.Return():
                raise _Returned
            case ast.Raise():
                raise CannotTellError(ast.unparse(statement))


class _Names(dict[str, Any]):
    """Local names of a function, with those of the script behind them."""

    def __init__(self, values: Mapping[str, Any], run: _Run) -> None:
        super().__init__(values)
        self.run = run

    def __missing__(self, name: str) -> Any:
        return self.run.tables.get(name, UNKNOWN)


def evaluate(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of an expression, or UNKNOWN."""
    found: Any = UNKNOWN
    match node:
        case ast.Constant(value=value):
            found = value
        case ast.Name(id=name):
            found = names[name] if isinstance(names, _Names) else names.get(name, UNKNOWN)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            found = {evaluate(k, names): evaluate(v, names) for k, v in pairs if k is not None}
        case ast.List(elts=items) | ast.Tuple(elts=items):
            found = [evaluate(item, names) for item in items]
        case ast.Subscript(value=holder, slice=index):
            found = _item(evaluate(holder, names), evaluate(index, names))
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            found = _known(_OPERATORS[type(sign)], evaluate(left, names), evaluate(right, names))
        case ast.BinOp(left=left, op=ast.Add() | ast.Mult() as sign, right=right):
            found = _known(_OPERATORS[type(sign)], evaluate(left, names), evaluate(right, names))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            found = _known(operator.not_, evaluate(operand, names))
        case ast.Call():
            found = _call(node, names)
    return found


_OPERATORS: Mapping[type[ast.cmpop | ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Mult: operator.mul,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, holder: item in holder,
    ast.NotIn: lambda item, holder: item not in holder,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "len": len,
    "str": str,
    "zip": zip,
    "json.dumps": json.dumps,
    "os.path.join": posixpath.join,
}
_METHODS = ("pop", "get", "items", "keys", "copy", "endswith", "startswith", "lower", "split")


def _call(node: ast.Call, names: Mapping[str, Any]) -> Any:
    name = ast.unparse(node.func)
    arguments = [evaluate(argument, names) for argument in node.args]
    keywords = {item.arg: evaluate(item.value, names) for item in node.keywords if item.arg}
    if isinstance(names, _Names):
        if name in {"shutil.copyfile", "shutil.copy2"}:
            names.run.copied(arguments[1])
        elif name in names.run.script.functions or name in WRITERS:
            return names.run.call(name, arguments, keywords)
    if name in _FUNCTIONS:
        return _known(_FUNCTIONS[name], *arguments)
    if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
        holder = evaluate(node.func.value, names)
        return UNKNOWN if holder is UNKNOWN else getattr(holder, node.func.attr)(*arguments)
    return UNKNOWN


def _known(function: Callable[..., Any], *values: Any) -> Any:
    return UNKNOWN if any(value is UNKNOWN for value in values) else function(*values)


def _item(holder: Any, index: Any) -> Any:
    if holder is UNKNOWN or index is UNKNOWN:
        return UNKNOWN
    try:
        return holder[index]
    except LookupError as error:
        raise CannotTellError(f"no {index!r}") from error


def _bind(target: ast.expr, value: Any, names: _Names) -> None:
    if isinstance(target, ast.Name):
        names[target.id] = value
    elif isinstance(target, ast.Tuple):
        for part, item in zip(target.elts, value, strict=True):
            _bind(part, item, names)
