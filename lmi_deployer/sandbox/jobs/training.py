"""Training jobs: those that run our entry point do so, in a process; any other just completes.

moto completes a job at once, has no StopTrainingJob, loses what it does not know and replaces the
metric definitions that were sent.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.utils import arn_formatter

from lmi_deployer.sandbox.checks import check_training_instance_type, refuse_over
from lmi_deployer.sandbox.jobs.logs import JobLog
from lmi_deployer.sandbox.jobs.machine import Machine
from lmi_deployer.sandbox.jobs.surroundings import Surroundings
from lmi_deployer.sandbox.jobs.training_records import SandboxTrainingJob
from lmi_deployer.sandbox.jobs.training_task import TrainingTask
from lmi_deployer.sandbox.quotas import SPOT_TRAINING, TRAINING, quota_name
from lmi_deployer.sandbox.storage import Storage

if TYPE_CHECKING:
    from lmi_deployer.sandbox.context import Sandbox
    from lmi_deployer.sandbox.jobs.machine import Job
    from lmi_deployer.sandbox.records import Request


class TrainingBackend(SageMakerModelBackend):
    """The training jobs of one account and region."""

    training_jobs: dict[str, SandboxTrainingJob]  # type: ignore[assignment]  # dict is invariant

    def put_training_job(self, sent: Request, sandbox: Sandbox) -> str:
        """CreateTrainingJob; the ARN."""
        name = sent["TrainingJobName"]
        arn = self._training_job_arn(name)
        check_training_instance_type(sent)
        if name in self.training_jobs:
            raise ResourceInUseException(
                "Training job names must be unique within an AWS account and region, and a "
                f"training job with this name already exists ({arn})"
            )
        job = SandboxTrainingJob(self.account_id, self.region_name, sent)
        self._refuse_over_quota(job, sandbox)
        job.begin_life(sandbox.faults.for_job(name), describes=sandbox.describes)
        self.training_jobs[name] = job
        if not sandbox.describes:
            self._machine(sandbox).move_on(job)
        return job.arn

    def show_training_job(self, name: str, sandbox: Sandbox) -> dict[str, Any]:
        """DescribeTrainingJob, which also is what moves a job on."""
        job, machine = self._training_job(name), self._machine(sandbox)
        machine.take_in(job)
        shown = deepcopy(job.response_object)
        machine.count(job)
        return shown

    def stop_training_job(self, name: str, sandbox: Sandbox) -> None:
        """StopTrainingJob."""
        job, machine = self._training_job(name), self._machine(sandbox)
        machine.refresh(job)
        if job.status != "InProgress":
            raise ValidationError(
                f"The request was rejected because the training job is in status {job.status}."
            )
        machine.stop(job)

    def jobs_to_list(self, sandbox: Sandbox) -> list[SandboxTrainingJob]:
        """Every training job, as it is now."""
        machine = self._machine(sandbox)
        for job in self.training_jobs.values():
            machine.refresh(job)
        return list(self.training_jobs.values())

    def _refuse_over_quota(self, job: SandboxTrainingJob, sandbox: Sandbox) -> None:
        name = quota_name(job.instance_type, SPOT_TRAINING if job.is_spot else TRAINING)
        used = sum(
            other.instance_count
            for other in self.jobs_to_list(sandbox)
            if not other.phase.is_last
            and (other.instance_type, other.is_spot) == (job.instance_type, job.is_spot)
        )
        limit = sandbox.quotas.values().get(name)
        refuse_over(limit, name=name, used=used, asked=job.instance_count)

    def _machine(self, sandbox: Sandbox) -> Machine:
        def task(job: Job) -> TrainingTask:
            # The machine is given this backend's jobs only.
            return self._task(cast("SandboxTrainingJob", job), sandbox)

        return Machine(works=sandbox.works, task=task)

    def _task(self, job: SandboxTrainingJob, sandbox: Sandbox) -> TrainingTask:
        around = Surroundings(
            sandbox=sandbox,
            storage=Storage(self.account_id, self.partition),
            image=job.sent["AlgorithmSpecification"].get("TrainingImage", ""),
            instance_type=job.instance_type,
            environment=job.sent.get("Environment", {}),
            mode=job.mode,
        )
        log = JobLog(account=self.account_id, region=self.region_name, job=job.name)
        return TrainingTask(around=around, sent=job.sent, log=log)

    def _training_job(self, name: str) -> SandboxTrainingJob:
        if name not in self.training_jobs:
            # Code and words as in github.com/boto/boto3 issue 2808.
            raise ValidationError("Requested resource not found.")
        return self.training_jobs[name]

    def _training_job_arn(self, name: str) -> str:
        return arn_formatter("training-job", name, self.account_id, self.region_name)
