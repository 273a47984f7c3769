"""Compilations as SageMaker optimization jobs.

They run the image's own script for SageMaker, so that there is no entry point inside: what they
leave on S3 is checked and committed from outside, without hashes. SageMaker documents no log group
of theirs; the reason of a failure is all there is to show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer.artifact.committing import adopt
from lmi_deployer.artifact.manifest import ARTIFACT_FOLDER, folder_of
from lmi_deployer.compiling.runner import JobState, Phase
from lmi_deployer.compiling.standing import prefix_of, standing
from lmi_deployer.edges.sagemaker_jobs import SageMakerJobs
from lmi_deployer.errors import DeploymentError

if TYPE_CHECKING:
    from lmi_deployer.steps import CompileEngine

ANEW = "`lmi-deploy compile --force`; with --runner sagemaker by the image's other script"
PHASES: Mapping[str, Phase] = {
    "STARTING": "waiting",
    "INPROGRESS": "running",
    "STOPPING": "running",
    "COMPLETED": "done",
    "FAILED": "failed",
    "STOPPED": "stopped",
}
"""OptimizationJobStatus: the phase. Source: SageMaker API reference, DescribeOptimizationJob."""


class OptimizationJobs(SageMakerJobs):
    """Runs compile steps as optimization jobs, and commits what they leave."""

    kind = "OptimizationJob"
    is_collected = True

    def phase(self, found: Mapping[str, Any]) -> Phase:
        """How far a job is; one that is done and whose output was deleted is of no use."""
        phase = PHASES[found["OptimizationJobStatus"]]
        if phase == "done" and not self._output(found):
            return "stopped"
        return phase

    def writes_to(self, found: Mapping[str, Any], step: CompileEngine) -> bool:
        """Whether a job writes to the folder of the step's cache."""
        wanted = f"{folder_of(step.cache, step.key)}{ARTIFACT_FOLDER}"
        return _location(found) == wanted

    def state(self, job: str, found: Mapping[str, Any]) -> JobState:
        """A job as it is now."""
        reason = found.get("FailureReason")
        phase = self.phase(found)
        if phase == "stopped" and found["OptimizationJobStatus"] == "COMPLETED":
            reason = "it ended well, but its output is gone"
        note = str(found["OptimizationJobStatus"]).capitalize()
        return JobState(name=job, phase=phase, note=note, reason=reason)

    def collect(self, step: CompileEngine, job: str) -> None:
        """Check what a job has left against the layout that is served, and commit it."""
        from lmi_deployer.artifact.layouts import problems

        stands = standing(step, self.store)
        if stands.whole is not None:
            return
        if stands.problems:  # committed once, and damaged since: without hashes nobody can tell how
            raise DeploymentError(
                f"what job {job} has made is of no use: {'; '.join(stands.problems)}", fix=ANEW
            )
        found = self.described(job)
        if found is None:
            raise DeploymentError(f"job {job} is gone", fix="run the same command again")
        prefix = prefix_of(step)
        folder = prefix + ARTIFACT_FOLDER
        # Whole seconds, as S3 counts them: what is older an earlier attempt has left.
        begun = int(found["CreationTime"].timestamp())
        files = self.store.files(folder)
        self.store.delete([path for path, item in files.items() if item.modified_seconds < begun])
        sizes = {
            path.removeprefix(folder): item.size_bytes
            for path, item in files.items()
            if item.modified_seconds >= begun
        }

        def read(path: str) -> bytes:
            content = self.store.read(folder + path)
            if content is None:
                raise DeploymentError(f"{path} has gone while it was looked at")
            return content

        wrong = problems(step.job["layout"], sizes, read, step.job["ranks"])
        if wrong:
            raise DeploymentError(
                f"the server would not take what job {job} has made: {'; '.join(wrong)}",
                fix=ANEW,
            )
        adopt(
            self.store,
            prefix,
            inputs=step.job["inputs"],
            layout=step.job["layout"],
            made={**step.job["made"], "job": job, "seconds": _seconds(found)},
            quality=None,
        )

    def _output(self, found: Mapping[str, Any]) -> bool:
        folder = _location(found).removeprefix(self.store.root)
        return bool(self.store.files(folder))


def _location(found: Mapping[str, Any]) -> str:
    return str(found["OutputConfig"]["S3OutputLocation"])


def _seconds(found: Mapping[str, Any]) -> dict[str, float]:
    """How long the job took, where SageMaker says so."""
    start, end = found.get("OptimizationStartTime"), found.get("OptimizationEndTime")
    if start is None or end is None:
        return {}
    return {"compile": round((end - start).total_seconds(), 1)}
