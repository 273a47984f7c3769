"""The compile scripts of a version as djl-serving's repository holds them."""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

from lmi_deployer.catalog.compiler_rows import Compiler, ScriptArgument
from tests.conformance.oracle import branch_of

FOLDER = "serving/docker/partition"


def source_of(repo: Path, version: str, name: str) -> str:
    """The text of one of the scripts."""
    commit = branch_of(repo, version)
    command = ["git", "-C", str(repo), "show", f"{commit}:{FOLDER}/{name}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def script_name(compiler: Compiler) -> str:
    """The script's file name."""
    return PurePosixPath(compiler.script).name


@dataclass(frozen=True)
class Declared:
    """One call of add_argument, as the script makes it."""

    flags: tuple[str, ...]
    keywords: dict[str, Any]

    def as_row(self) -> ScriptArgument:
        """What compilers.yaml should say of it."""
        keywords = self.keywords
        unknown = set(keywords) - {"type", "required", "default", "dest", "choices", "action"}
        assert not unknown, (self.flags, unknown)
        assert keywords.get("action", "store_true") == "store_true"
        return ScriptArgument(
            flag=self.flags[0],
            type="flag" if "action" in keywords else keywords["type"],
            is_required=keywords.get("required", False),
            default=keywords.get("default"),
            choices=tuple(keywords.get("choices", ())),
        )


def declared(source: str) -> list[Declared]:
    """Every add_argument of a script, in its order, without the help texts."""
    return [
        Declared(
            tuple(ast.literal_eval(argument) for argument in call.args),
            {
                str(keyword.arg): _value(keyword.value)
                for keyword in call.keywords
                if keyword.arg != "help"
            },
        )
        for call in _calls(ast.parse(source), "add_argument")
    ]


def _calls(tree: ast.AST, method: str) -> Iterator[ast.Call]:
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    calls = [x for x in found if isinstance(x.func, ast.Attribute) and x.func.attr == method]
    return iter(sorted(calls, key=lambda call: call.lineno))


def _value(node: ast.expr) -> Any:
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def real_parser(source: str) -> argparse.ArgumentParser:
    """The script's parser, built by its own calls."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    types = {"str": str, "int": int}
    for item in declared(source):
        keywords = dict(item.keywords)
        if "type" in keywords:
            keywords["type"] = types[keywords["type"]]
        parser.add_argument(*item.flags, **keywords)
    return parser


def real_judge(repo: Path, version: str) -> Callable[[argparse.Namespace], dict[str, str]]:
    """The properties that partition.py of a version goes on with, from its own PropertiesManager.

    Stand-ins take the place of the libraries that it only counts GPUs and downloads with.
    """
    gpus = SimpleNamespace(device_count=lambda: 8)
    modules = {
        "torch": _module("torch", cuda=gpus),
        "requests": _module("requests"),
        "transformers": _module("transformers", AutoConfig=None, AutoTokenizer=None),
    }
    with mock.patch.dict(sys.modules, modules):
        modules["utils"] = _module("utils")
        exec(source_of(repo, version, "utils.py"), vars(modules["utils"]))
        with mock.patch.dict(sys.modules, modules):
            manager = _module("properties_manager")
            exec(source_of(repo, version, "properties_manager.py"), vars(manager))

    def judge(arguments: argparse.Namespace) -> dict[str, str]:
        given = arguments.model_dir if version == "0.22.1" else arguments
        return dict(vars(manager)["PropertiesManager"](given).properties)

    return judge


def _module(name: str, **members: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(members)
    return module


def real_reader(repo: Path, version: str) -> Callable[[Path], dict[str, str]]:
    """The version's own way to read the serving.properties of a folder."""
    name = "utils.py"
    tree = ast.parse(source_of(repo, version, name))
    found = [x for x in tree.body if getattr(x, "name", None) == "load_properties"]
    if found:
        names: dict[str, Any] = {"os": os}
        code = compile(ast.Module(body=found, type_ignores=[]), name, "exec")
        exec(code, names)
        return lambda folder: names["load_properties"](str(folder))
    return _first_reader(repo, version)


def _first_reader(repo: Path, version: str) -> Callable[[Path], dict[str, str]]:
    """Before 0.23.0 it was a method, which leaves `option.` off every key."""
    name = "properties_manager.py"
    tree = ast.parse(source_of(repo, version, name))
    names: dict[str, Any] = {"os": os}
    for item in ast.walk(tree):
        if isinstance(item, ast.FunctionDef) and item.name == "load_properties":
            code = compile(ast.Module(body=[item], type_ignores=[]), name, "exec")
            exec(code, names)

    def read(folder: Path) -> dict[str, str]:
        manager = argparse.Namespace(properties_dir=str(folder), properties={})
        names["load_properties"](manager)
        return dict(manager.properties)

    return read
