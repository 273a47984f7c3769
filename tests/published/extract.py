"""Records the configurations that djl-serving publishes: `python -m tests.published.extract`.

The repository is named by DJL_SERVING_REPOSITORY, as for tests/conformance. recorded.json then
holds settings alone, one configuration to a line, with the versions that publish it.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lmi_deployer import catalog
from lmi_deployer.catalog.versions import expression_of
from tests.conformance.oracle import branch_of, repository
from tests.published.pages import shown_on
from tests.published.releases import Run, runs_of_tests, runs_of_workflow
from tests.published.script import CannotTellError, Script

RECORDED = Path(__file__).with_name("recorded.json")
PREPARE = "tests/integration/llm/prepare.py"
TESTS = "tests/integration/tests.py"
WORKFLOWS = ".github/workflows"
MATRIX = f"{WORKFLOWS}/integration.yml"
"""Lists the classes of tests.py that are run, where it lists any; others are left-overs."""
BENCHMARKS = "tests/integration/benchmark/ir-llm/config"
DOCUMENTATION = "serving/docs"

BUILDER_FLAVORS = (
    (("trtllm", "trt_llm"), "tensorrtllm"),
    (("neuronx", "tnx"), "neuronx"),
    (("_ft_", "fastertransformer"), "fastertransformer"),
)
"""Parts of a name: the flavor it is for; everything else runs in the `lmi` or `deepspeed` image."""
NEO = "_neo_"
"""Part of the name of functions that write what SageMaker Neo's jobs read, not the server."""
SKIPPED_PAGES = (
    *("configuration.md", "configurations_global", "modes.md", "plugin_management", "starting.md"),
    *("workflow", "breaking_changes", "deprecation", "sklearn", "xgboost"),
)
"""Parts of paths of pages about the server without LMI, or about what is no more."""

OWN_SCRIPT = "custom-model-script"
"""Part of headings over files that go with a model.py of the reader's own."""

Configuration = dict[str, Any]
"""name, source and flavor; of properties, environment, other_files, instance and is_tested those
that it has."""


class Branch:
    """The files of one version."""

    def __init__(self, repository: Path, version: str) -> None:
        self.repository = repository
        self.commit = branch_of(repository, version)

    def paths(self, *under: str) -> list[str]:
        """The files below some folders."""
        return self._git("ls-tree", "-r", "--name-only", self.commit, "--", *under).splitlines()

    def text(self, path: str) -> str:
        """A file's text; empty where there is none."""
        if path not in self.paths(path):
            return ""
        return self._git("show", f"{self.commit}:{path}")

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.repository), *arguments]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def configurations(branch: Branch, flavors: Sequence[str]) -> Iterator[Configuration]:
    """Everything that a version publishes for the images that it has."""
    for source in (_of_release_tests, _of_benchmarks, _of_documentation):
        for item in source(branch):
            if item["flavor"] == "lmi" and "lmi" not in flavors:
                item["flavor"] = "deepspeed"
            if item["flavor"] in flavors:
                yield {key: value for key, value in item.items() if value}


def _of_release_tests(branch: Branch) -> Iterator[Configuration]:
    script = Script(branch.text(PREPARE))
    tested: set[tuple[str, str]] = set()
    for path, run in _runs(branch):
        if run.builder is not None and NEO in run.builder:
            continue
        if run.builder is not None:
            tested.add((script.table_of(run.builder), run.arguments[0]))
            yield from _built(script, run, is_tested=True)
        elif model := run.environment.get("HF_MODEL_ID") or run.environment.get("OPTION_MODEL_ID"):
            yield {
                "name": f"environment/{model}",
                "source": path,
                "flavor": run.flavor,
                "environment": run.environment,
                "is_tested": True,
            }
    for function, model in script.builders():
        table = script.table_of(function)
        if (table, model) not in tested and NEO not in function:
            tested.add((table, model))
            run = Run(builder=function, arguments=(model,), flavor="lmi")
            yield from _built(script, run, is_tested=False)


def _runs(branch: Branch) -> Iterator[tuple[str, Run]]:
    """What the release tests start, with the file that says so."""
    started = re.findall(r"^ +- test: (\w+)", branch.text(MATRIX), re.MULTILINE)
    for run in runs_of_tests(branch.text(TESTS), started):
        yield TESTS, run
    handlers = _handlers(branch.text(PREPARE))
    for path in branch.paths(WORKFLOWS):
        for run in runs_of_workflow(branch.text(path), handlers):
            yield path, run


def _built(script: Script, run: Run, *, is_tested: bool) -> Iterator[Configuration]:
    assert run.builder is not None
    try:
        written = script.build(run.builder, *run.arguments)
    except CannotTellError:
        return
    named = _flavor_of(f"{run.builder} {run.arguments[0]}")
    handler = re.sub(r"^builder_|^build_|_model$", "", run.builder)
    yield {
        "name": "/".join((handler, *run.arguments)),
        "source": PREPARE,
        "flavor": run.flavor if named == "lmi" else named,
        "properties": written.properties,
        "environment": run.environment,
        "other_files": sorted(written.other_files),
        "is_tested": is_tested,
    }


def _handlers(source: str) -> dict[str, str]:
    """Name on the command line of prepare.py: its function."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "supported_handler":
            assert isinstance(node.value, ast.Dict)
            pairs = zip(node.value.keys, node.value.values, strict=True)
            return {ast.literal_eval(key): ast.unparse(value) for key, value in pairs if key}
    return {}


def _of_benchmarks(branch: Branch) -> Iterator[Configuration]:
    for path in branch.paths(BENCHMARKS):
        if not path.endswith(".json"):
            continue
        described = json.loads(branch.text(path))
        common = described.get("model_args", {}).get("env", {})
        for machine in described["benchmark_configurations"]:
            for environment in _each(machine.get("env_params", {})):
                yield {
                    "name": Path(path).stem,
                    "source": path,
                    "flavor": _flavor_of(path),
                    "environment": common | environment,
                    "instance": machine["instance_type"],
                }


def _each(choices: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    """The variables of each round of a benchmark: its n-th values."""
    for number in range(max(map(len, choices.values()), default=1)):
        yield {name: str(values[min(number, len(values) - 1)]) for name, values in choices.items()}


def _of_documentation(branch: Branch) -> Iterator[Configuration]:
    for path in branch.paths(DOCUMENTATION):
        if not path.endswith(".md") or any(part in path for part in SKIPPED_PAGES):
            continue
        for shown in shown_on(branch.text(path)):
            yield {
                "name": f"{Path(path).stem}/{shown.name}",
                "source": path,
                "flavor": _flavor_of(path + shown.properties.get("option.entryPoint", "")),
                "properties": shown.properties,
                "environment": shown.environment,
                "other_files": ["model.py"] if OWN_SCRIPT in shown.name else [],
                "instance": shown.instance,
            }


def _flavor_of(name: str) -> str:
    for parts, flavor in BUILDER_FLAVORS:
        if any(part in name for part in parts):
            return flavor
    return "lmi"


def record(repository: Path) -> list[Configuration]:
    """What every version publishes that the repository has a branch of."""
    containers = catalog.raw_rows(catalog.CONTAINERS)
    versions: dict[str, list[str]] = {}
    for version, container in containers.items():
        try:
            branch = Branch(repository, version)
        except LookupError:
            continue
        found = configurations(branch, tuple(container["flavors"]))
        for line in dict.fromkeys(map(json.dumps, found)):
            versions.setdefault(line, []).append(version)
    return [
        {"versions": expression_of(in_, tuple(containers))} | json.loads(line)
        for line, in_ in versions.items()
    ]


def main() -> None:
    """Write recorded.json."""
    repo = repository()
    if repo is None:
        sys.exit("DJL_SERVING_REPOSITORY names no repository of djl-serving")
    lines = map(json.dumps, record(repo))
    RECORDED.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()
