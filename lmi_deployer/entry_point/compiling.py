"""One job from beginning to end; every step either succeeds or raises JobError."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from lmi_deployer.artifact.manifest import Manifest, key_of
from lmi_deployer.artifact.progress import GIB
from lmi_deployer.entry_point import machine as machines
from lmi_deployer.entry_point import quality, script, weights
from lmi_deployer.entry_point.failures import JobError
from lmi_deployer.entry_point.job import Job
from lmi_deployer.entry_point.log import Log
from lmi_deployer.entry_point.machine import Machine
from lmi_deployer.entry_point.places import Places
from lmi_deployer.entry_point.result import Result, read_result, write_result
from lmi_deployer.entry_point.running import Deadline
from lmi_deployer.entry_point.storing import open_cache
from lmi_deployer.entry_point.weights import Weights

DISK_FACTOR = 2
"""A converted checkpoint and the engines each take about as much room as the weights."""


class Compilation:
    """Runs one job. Nothing of an earlier run is taken over but what was committed whole."""

    def __init__(
        self, job: Job, places: Places, *, log: Log, environment: Mapping[str, str]
    ) -> None:
        self._job = job
        self._places = places
        self._log = log
        self._environment = environment
        self._deadline = Deadline(job.max_seconds)
        self._key = key_of(job.inputs)

    def run(self) -> None:
        """Leave a committed artifact, or a result for whoever collects it."""
        cache = open_cache(self._job, self._log, self._environment)
        standing = None if cache is None else cache.committed()
        if self._is_done(standing):
            return
        with self._log.timed("machine"):
            machine = self._check_machine()
        if cache is not None:
            cache.announce({"key": self._key, "machine": machine.document(), **self._host()})
        with self._log.timed("weights"):
            found = weights.prepare(self._job, self._places, **self._means())
            self._check_room(machine, found)
        if cache is None or standing is None:
            self._compile(found)
            earlier: Mapping[str, Any] = {}
        else:
            # Compiled already, but not measured as this job demands.
            with self._log.timed("fetch"):
                cache.fetch(standing, self._places.output)
                script.check_layout(self._job, self._places, [])
            earlier = standing.made
        measured = self._measure(found)
        made = {**earlier, **self._made(machine, found)}
        made["seconds"] = {**earlier.get("seconds", {}), **self._log.seconds}
        if cache is None:
            self._leave(made, measured)
            return
        with self._log.timed("commit"):
            cache.commit(self._places.output, made, measured)

    def _means(self) -> Dict[str, Any]:
        return {"log": self._log, "environment": self._environment, "deadline": self._deadline}

    def _is_done(self, standing: Optional[Manifest]) -> bool:
        gate = self._job.quality
        if standing is not None:
            if quality.is_measured(gate, standing.quality):
                self._log.say(f"{self._key} is committed already: nothing to do")
                return True
            self._log.say(f"{self._key} is committed already, but not measured as demanded")
            return False
        left = read_result(self._places.result)
        if (
            self._job.cache is None
            and not self._job.is_forced
            and left is not None
            and left.key == self._key
            and left.files == script.sizes(self._places.output)
            and quality.is_measured(gate, left.quality)
        ):
            self._log.say(f"{self._key} was made by an earlier run: nothing to do")
            return True
        if self._places.result.exists():
            self._places.result.unlink()
        return False

    def _check_machine(self) -> Machine:
        needed = self._job.gpu
        if needed.compute_capability is None:
            return Machine(memory_bytes=machines.host_memory(self._places))
        machine = machines.look(self._places, self._environment)
        for line in machines.unread(machine):
            self._log.say(line)
        wrong = machines.mismatches(machine, needed)
        if wrong:
            raise JobError(
                f"wrong machine for this engine: it {'; it '.join(wrong)}",
                fix="a compile.instance_type with the GPUs of the instance type that serves",
            )
        return machine

    def _check_room(self, machine: Machine, found: Weights) -> None:
        problem = machines.memory_problem(machine, found.size_bytes)
        if problem is not None:
            raise JobError(
                problem, fix="a compile.instance_type with more memory, of the same GPUs"
            )
        free = machines.free_bytes(self._places.output)
        if free < DISK_FACTOR * found.size_bytes:
            self._log.say(
                f"weights: {found.size_bytes / GIB:.1f} GiB, and {free / GIB:.1f} GiB are free on"
                f" the disk; a compilation can take {DISK_FACTOR} times as much as the weights"
            )

    def _compile(self, found: Weights) -> None:
        with self._log.timed("compile"):
            script.write_properties(self._places, found)
            lines = script.run_script(self._job, found, self._places, **self._means())
        with self._log.timed("layout"):
            script.check_layout(self._job, self._places, lines)
            script.drop_properties(self._places)

    def _measure(self, found: Weights) -> Optional[Dict[str, Any]]:
        gate = self._job.quality
        if gate is None:
            return None
        with self._log.timed("quality gate"):
            return quality.measure(self._job, gate, found.folder, self._places, **self._means())

    def _made(self, machine: Machine, found: Weights) -> Dict[str, Any]:
        expected = self._job.inputs.get("libraries") or {}
        installed = _installed(expected)
        for name, version in installed.items():
            if version != expected[name]:
                self._log.say(f"{name} is {version} here; the catalog has {expected[name]}")
        return {
            **self._job.made,
            **self._host(),
            "commit": found.commit,
            "machine": machine.document(),
            "libraries": installed,
        }

    def _host(self) -> Dict[str, str]:
        """What SageMaker calls the job that runs here."""
        name = self._environment.get("TRAINING_JOB_NAME")
        return {"job": name} if name else {}

    def _leave(self, made: Mapping[str, Any], measured: Optional[Mapping[str, Any]]) -> None:
        files = script.sizes(self._places.output)
        write_result(self._places.result, Result(self._key, made, files, measured))
        self._log.say(f"{len(files)} files lie in {self._places.output}")


def _installed(names: Mapping[str, Any]) -> Dict[str, str]:
    """Versions of these libraries, as they are installed here; those that are not left out."""
    from importlib import metadata

    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name.replace("_", "-"))
        except metadata.PackageNotFoundError:
            continue
    return found
