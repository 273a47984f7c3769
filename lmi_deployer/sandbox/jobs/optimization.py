"""Optimization jobs, which moto lacks: the compilation of a model of S3 with an LMI image."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ResourceInUseException, ResourceNotFound, ValidationError
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.utils import arn_formatter

from lmi_deployer.sandbox.checks import check_enum
from lmi_deployer.sandbox.jobs.machine import Job, Machine, Phase
from lmi_deployer.sandbox.jobs.optimization_task import OptimizationTask
from lmi_deployer.sandbox.jobs.surroundings import Surroundings
from lmi_deployer.sandbox.records import Request, without_tags
from lmi_deployer.sandbox.storage import Storage

if TYPE_CHECKING:
    from lmi_deployer.sandbox.context import Sandbox
    from lmi_deployer.sandbox.jobs.work import Ended

COMPILATION = "ModelCompilationConfig"
STATUSES: dict[Phase, str] = {
    Phase.STARTING: "STARTING",
    Phase.DOWNLOADING: "STARTING",
    Phase.RUNNING: "INPROGRESS",
    Phase.INTERRUPTED: "INPROGRESS",
    Phase.STOPPING: "STOPPING",
    Phase.STOPPED: "STOPPED",
    Phase.OUT_OF_TIME: "STOPPED",
    Phase.OUT_OF_WAITING: "STOPPED",
    Phase.DONE: "COMPLETED",
    Phase.FAILED: "FAILED",
}
DEFAULT_LIMIT_SECONDS = 24 * 3600


class SandboxOptimizationJob(Job):
    """An optimization job, shown as it was sent."""

    def __init__(self, arn: str, sent: Request) -> None:
        self.arn = arn
        self.name: str = sent["OptimizationJobName"]
        self.sent = without_tags(sent)
        self.tags: list[dict[str, str]] = sent.get("Tags", [])
        self.creation_time = self.last_modified_time = utcnow()
        self.runs_container, self.is_spot = True, False
        self.limit_seconds = sent["StoppingCondition"].get(
            "MaxRuntimeInSeconds", DEFAULT_LIMIT_SECONDS
        )

    @property
    def status(self) -> str:
        """OptimizationJobStatus."""
        return STATUSES[self.phase]

    @property
    def compilation(self) -> dict[str, Any]:
        """How the model is to be compiled."""
        configs = self.sent["OptimizationConfigs"]
        return next((dict(c[COMPILATION]) for c in configs if COMPILATION in c), {})

    def enter(self, phase: Phase, *, shows: int = 0, reason: str | None = None) -> None:
        """Be in this phase from now on."""
        super().enter(phase, shows=shows, reason=reason)
        self.last_modified_time = utcnow()

    def reason_of(self, ended: Ended) -> str:
        """FailureReason: what was wrong with the input, or the script's last lines."""
        if ended.status is None:
            return ended.failure
        return f"OptimizationFatalError: exit status {ended.status}: {ended.failure}"

    @property
    def response_object(self) -> dict[str, Any]:
        """What DescribeOptimizationJob answers."""
        shown = {
            **self.sent,
            **self._state(),
            "FailureReason": self.failure_reason,
        }
        if self.phase is Phase.DONE:
            image = self.compilation["Image"]
            shown["OptimizationOutput"] = {"RecommendedInferenceImage": image}
        return {key: value for key, value in shown.items() if value is not None}

    def summary(self) -> dict[str, Any]:
        """One entry of ListOptimizationJobs."""
        shown = {
            **self._state(),
            "DeploymentInstanceType": self.sent["DeploymentInstanceType"],
            "OptimizationTypes": ["Compilation"],
        }
        return {key: value for key, value in shown.items() if value is not None}

    def _state(self) -> dict[str, Any]:
        return {
            "OptimizationJobName": self.name,
            "OptimizationJobArn": self.arn,
            "OptimizationJobStatus": self.status,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
            "OptimizationStartTime": self.started,
            "OptimizationEndTime": self.ended,
        }


class OptimizationBackend(SageMakerModelBackend):
    """The optimization jobs of one account and region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.optimization_jobs: dict[str, SandboxOptimizationJob] = {}

    def put_optimization_job(self, sent: Request, sandbox: Sandbox) -> str:
        """CreateOptimizationJob; the ARN."""
        name = sent["OptimizationJobName"]
        arn = arn_formatter("optimization-job", name, self.account_id, self.region_name)
        check_enum(
            sent["DeploymentInstanceType"],
            shape="OptimizationJobDeploymentInstanceType",
            where="deploymentInstanceType",
        )
        if name in self.optimization_jobs:
            raise ResourceInUseException(
                f"Optimization job names must be unique; this one already exists ({arn})"
            )
        job = SandboxOptimizationJob(arn, sent)
        if "S3" not in sent["ModelSource"] or "Image" not in job.compilation:
            raise ValidationError(
                "The sandbox runs optimization jobs that compile a model of S3 with an image that "
                "ModelCompilationConfig names, and no others."
            )
        fault = sandbox.faults.for_job(name, can_be_spot=False)
        job.begin_life(fault, describes=sandbox.describes)
        self.optimization_jobs[name] = job
        if not sandbox.describes:
            self._optimizing(sandbox).move_on(job)
        return arn

    def show_optimization_job(self, name: str, sandbox: Sandbox) -> dict[str, Any]:
        """DescribeOptimizationJob, which also is what moves a job on."""
        job, machine = self._optimization_job(name), self._optimizing(sandbox)
        machine.take_in(job)
        shown = deepcopy(job.response_object)
        machine.count(job)
        return shown

    def stop_optimization_job(self, name: str, sandbox: Sandbox) -> None:
        """StopOptimizationJob; the wording of the refusal is ours."""
        job, machine = self._optimization_job(name), self._optimizing(sandbox)
        machine.refresh(job)
        if job.phase.is_last or job.phase is Phase.STOPPING:
            raise ValidationError(f"The optimization job is in status {job.status}.")
        machine.stop(job)

    def delete_optimization_job(self, name: str) -> None:
        """DeleteOptimizationJob; that one which runs has to be stopped first is our reading."""
        job = self._optimization_job(name)
        if not job.phase.is_last:
            raise ValidationError(f"The optimization job is in status {job.status}.")
        del self.optimization_jobs[name]

    def optimizations_to_list(self, sandbox: Sandbox) -> list[SandboxOptimizationJob]:
        """Every optimization job, as it is now."""
        machine = self._optimizing(sandbox)
        for job in self.optimization_jobs.values():
            machine.refresh(job)
        return list(self.optimization_jobs.values())

    def _get_resource_from_arn(self, arn: str) -> Any:
        """Tagged record, where moto knows no optimization jobs."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        if kind == "optimization-job" and name in self.optimization_jobs:
            return self.optimization_jobs[name]
        return super()._get_resource_from_arn(arn)

    def _optimizing(self, sandbox: Sandbox) -> Machine:
        def task(job: Job) -> OptimizationTask:
            # The machine is given this backend's optimization jobs only.
            return self._optimization_task(cast("SandboxOptimizationJob", job), sandbox)

        return Machine(works=sandbox.works, task=task)

    def _optimization_task(self, job: SandboxOptimizationJob, sandbox: Sandbox) -> OptimizationTask:
        override = job.compilation.get("OverrideEnvironment", {})
        around = Surroundings(
            sandbox=sandbox,
            storage=Storage(self.account_id, self.partition),
            image=job.compilation["Image"],
            instance_type=job.sent["DeploymentInstanceType"],
            environment={**job.sent.get("OptimizationEnvironment", {}), **override},
            mode=job.mode,
        )
        return OptimizationTask(
            around=around,
            source=job.sent["ModelSource"]["S3"]["S3Uri"],
            output=job.sent["OutputConfig"]["S3OutputLocation"],
        )

    def _optimization_job(self, name: str) -> SandboxOptimizationJob:
        if name not in self.optimization_jobs:
            raise ResourceNotFound(f"Could not find optimization job {name}.")
        return self.optimization_jobs[name]
