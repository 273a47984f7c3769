"""Compilations as SageMaker training jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lmi_deployer.aot.jobs import job_file
from lmi_deployer.aot.training_job import BUNDLE_FOLDER, JOB_CHANNEL
from lmi_deployer.artifact.manifest import folder_of
from lmi_deployer.artifact.store import Store
from lmi_deployer.compiling.runner import JobState, Phase
from lmi_deployer.compiling.standing import prefix_of
from lmi_deployer.edges.job_logs import JobLogs
from lmi_deployer.edges.sagemaker_jobs import SageMakerJobs
from lmi_deployer.entry_point.job import ARCHIVE_FILE, JOB_FILE
from lmi_deployer.render import PROPERTIES_FILE

if TYPE_CHECKING:
    from lmi_deployer.edges.aws_calls import Calls
    from lmi_deployer.steps import CompileEngine

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
PHASES: Mapping[str, Phase] = {
    "InProgress": "running",
    "Stopping": "running",
    "Completed": "done",
    "Failed": "failed",
    "Stopped": "stopped",
    "Deleting": "stopped",
}
"""TrainingJobStatus: the phase. Source: SageMaker API reference, DescribeTrainingJob."""
WAITING = frozenset(
    {"Starting", "Pending", "LaunchingMLInstances", "PreparingTrainingStack", "Interrupted"}
)
"""SecondaryStatus of a job that has no machine at work. A spot job goes back to it."""


class TrainingJobs(SageMakerJobs):
    """Runs compile steps as training jobs; the entry point in the container commits."""

    kind = "TrainingJob"

    def __init__(self, calls: Calls, store: Store, **more: Any) -> None:
        super().__init__(calls, store, **more)
        self._logs = JobLogs(calls, LOG_GROUP)

    def prepare(self, step: CompileEngine, job: str) -> None:
        """Upload the job's bundle; SageMaker refuses a job whose channels are empty."""
        from lmi_deployer.aot.archive import entry_archive

        folder = prefix_of(step) + BUNDLE_FOLDER
        self.store.write(folder + ARCHIVE_FILE, entry_archive())
        self.store.write(folder + JOB_FILE, job_file(step, job=job))
        self.store.write(folder + PROPERTIES_FILE, step.properties.encode())

    def phase(self, found: Mapping[str, Any]) -> Phase:
        """How far a job is, by what DescribeTrainingJob says."""
        phase = PHASES[found["TrainingJobStatus"]]
        is_waiting = phase == "running" and found["SecondaryStatus"] in WAITING
        return "waiting" if is_waiting else phase

    def writes_to(self, found: Mapping[str, Any], step: CompileEngine) -> bool:
        """Whether a job has its bundle from the folder of the step's cache."""
        folder = f"{folder_of(step.cache, step.key)}{BUNDLE_FOLDER}"
        return any(
            channel["ChannelName"] == JOB_CHANNEL
            and channel["DataSource"]["S3DataSource"]["S3Uri"] == folder
            for channel in found.get("InputDataConfig", ())
        )

    def state(self, job: str, found: Mapping[str, Any]) -> JobState:
        """A job as it is now, by what DescribeTrainingJob says; without its log."""
        return JobState(
            name=job,
            phase=self.phase(found),
            note=str(found["SecondaryStatus"]),
            reason=found.get("FailureReason"),
        )

    def new_lines(self, job: str, *, has_ended: bool) -> tuple[str, ...]:
        """What a job has logged since the last call."""
        return self._logs.read(job, has_ended=has_ended)

    def collect(self, step: CompileEngine, job: str) -> None:
        """Nothing: the job itself uploads and commits, and has failed where it has not."""
