"""Training jobs, which the sandbox runs for a while and lets be stopped.

moto completes a job at once, has no StopTrainingJob, loses what it does not know and replaces the
metric definitions that were sent.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ResourceInUseException, ValidationError
from moto.sagemaker.models import FakeTrainingJob, SageMakerModelBackend
from moto.sagemaker.utils import arn_formatter

from lmi_deployer.sandbox.checks import found
from lmi_deployer.sandbox.lifecycle import Stage, Stages, described, settled
from lmi_deployer.sandbox.records import Request, without_tags

TRAINING_JOB = "training job"


class SandboxTrainingJob(FakeTrainingJob):
    """A training job, shown as it was sent."""

    def __init__(self, account_id: str, region_name: str, sent: Request) -> None:
        super().__init__(
            account_id=account_id,
            region_name=region_name,
            training_job_name=sent["TrainingJobName"],
            hyper_parameters=sent.get("HyperParameters", {}),
            algorithm_specification=deepcopy(sent["AlgorithmSpecification"]),
            role_arn=sent["RoleArn"],
            input_data_config=sent.get("InputDataConfig", []),
            output_data_config=sent["OutputDataConfig"],
            resource_config=sent.get("ResourceConfig", {}),
            vpc_config=sent.get("VpcConfig", {}),
            stopping_condition=sent.get("StoppingCondition", {}),
            tags=sent.get("Tags", []),
            enable_network_isolation=sent.get("EnableNetworkIsolation", False),
            enable_inter_container_traffic_encryption=False,
            enable_managed_spot_training=sent.get("EnableManagedSpotTraining", False),
            checkpoint_config=sent.get("CheckpointConfig", {}),
            debug_hook_config=sent.get("DebugHookConfig", {}),
            debug_rule_configurations=sent.get("DebugRuleConfigurations", []),
            tensor_board_output_config=sent.get("TensorBoardOutputConfig", {}),
            experiment_config=sent.get("ExperimentConfig", {}),
        )
        self.sent = without_tags(sent)
        self.stages: Stages = ()

    def enter(self, stages: Stages) -> None:
        """Go through these stages from now on, starting with the first."""
        self.stages = stages
        self.training_job_status = stages[0].status
        self.last_modified_time = utcnow()

    @property
    def response_object(self) -> dict[str, Any]:
        """What DescribeTrainingJob answers."""
        return {
            **self.sent,
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.training_job_status,
            "SecondaryStatus": _SECONDARY[self.training_job_status],
            "ModelArtifacts": self.model_artifacts,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
        }


_SECONDARY = {
    "InProgress": "Training",
    "Completed": "Completed",
    "Stopping": "Stopping",
    "Stopped": "Stopped",
}


class TrainingBackend(SageMakerModelBackend):
    """The training jobs of one account and region."""

    training_jobs: dict[str, SandboxTrainingJob]  # type: ignore[assignment]  # dict is invariant

    def put_training_job(self, sent: Request, describes: int) -> str:
        """CreateTrainingJob; the ARN."""
        name = sent["TrainingJobName"]
        arn = self._training_job_arn(name)
        if name in self.training_jobs:
            raise ResourceInUseException(
                "Training job names must be unique within an AWS account and region, and a "
                f"training job with this name already exists ({arn})"
            )
        job = SandboxTrainingJob(self.account_id, self.region_name, sent)
        running = Stage(status="InProgress", describes=describes)
        job.enter(settled((running, Stage(status="Completed"))))
        self.training_jobs[name] = job
        return job.arn

    def describe_training_job(self, training_job_name: str) -> dict[str, Any]:
        """DescribeTrainingJob, which also is what moves a job on."""
        job = self._training_job(training_job_name)
        shown = deepcopy(job.response_object)
        left = described(job.stages)
        if len(left) < len(job.stages):
            job.enter(left)
        job.stages = left
        return shown

    def stop_training_job(self, name: str) -> None:
        """StopTrainingJob."""
        job = self._training_job(name)
        if job.training_job_status != "InProgress":
            raise ValidationError(
                "The request was rejected because the training job is in status "
                f"{job.training_job_status}."
            )
        job.enter((Stage(status="Stopping", describes=1), Stage(status="Stopped")))

    def _training_job(self, name: str) -> SandboxTrainingJob:
        arn = self._training_job_arn(name)
        return found(TRAINING_JOB, arn, name=name, among=self.training_jobs)

    def _training_job_arn(self, name: str) -> str:
        return arn_formatter("training-job", name, self.account_id, self.region_name)
