"""What the sandbox keeps of a training job, and how SageMaker words the phases of one."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow
from moto.sagemaker.models import FakeTrainingJob

from lmi_deployer.sandbox.container import ENTRY_POINT
from lmi_deployer.sandbox.jobs.machine import REASON_CHARACTERS, Job, Phase, seconds_between
from lmi_deployer.sandbox.jobs.training_task import model_artifacts
from lmi_deployer.sandbox.records import Request, without_tags

if TYPE_CHECKING:
    from lmi_deployer.sandbox.jobs.work import Ended

# Status, secondary status, and the message of its transition.
WORDS: dict[Phase, tuple[str, str, str]] = {
    Phase.STARTING: ("InProgress", "Starting", "Preparing the instances for training"),
    Phase.DOWNLOADING: ("InProgress", "Downloading", "Downloading the training image"),
    Phase.RUNNING: ("InProgress", "Training", "Training in-progress"),
    Phase.INTERRUPTED: ("InProgress", "Interrupted", "Spot instances were interrupted"),
    Phase.STOPPING: ("Stopping", "Stopping", "Stopping the training job"),
    Phase.STOPPED: ("Stopped", "Stopped", "Training job stopped"),
    Phase.OUT_OF_TIME: (
        "Stopped",
        "MaxRuntimeExceeded",
        "Training job runtime exceeded MaxRuntimeInSeconds provided",
    ),
    Phase.OUT_OF_WAITING: (
        "Stopped",
        "MaxWaitTimeExceeded",
        "Training job wait time exceeded MaxWaitTimeInSeconds provided",
    ),
    Phase.DONE: ("Completed", "Completed", "Training job completed"),
    Phase.FAILED: ("Failed", "Failed", "Training job failed"),
}
DEFAULT_LIMIT_SECONDS = 24 * 3600  # StoppingCondition of the API reference


class SandboxTrainingJob(Job, FakeTrainingJob):
    """A training job, shown as it was sent."""

    def __init__(self, account_id: str, region_name: str, sent: Request) -> None:
        FakeTrainingJob.__init__(
            self,
            account_id=account_id,
            region_name=region_name,
            training_job_name=sent["TrainingJobName"],
            hyper_parameters=sent.get("HyperParameters", {}),
            algorithm_specification=deepcopy(sent.get("AlgorithmSpecification", {})),
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
        self.name: str = sent["TrainingJobName"]
        self.sent = without_tags(sent)
        self.transitions: list[dict[str, Any]] = []
        self.runs_container = _runs_entry_point(sent.get("AlgorithmSpecification", {}))
        self.is_spot = sent.get("EnableManagedSpotTraining", False)
        self.limit_seconds = sent.get("StoppingCondition", {}).get(
            "MaxRuntimeInSeconds", DEFAULT_LIMIT_SECONDS
        )

    @property
    def status(self) -> str:
        """TrainingJobStatus."""
        return WORDS[self.phase][0]

    @property
    def instance_type(self) -> str:
        """Of its machine; empty where the request names several groups of them."""
        return str(self.sent.get("ResourceConfig", {}).get("InstanceType", ""))

    @property
    def instance_count(self) -> int:
        """How many machines it takes."""
        return int(self.sent.get("ResourceConfig", {}).get("InstanceCount", 1))

    def enter(self, phase: Phase, *, shows: int = 0, reason: str | None = None) -> None:
        """Be in this phase from now on, and note when it began."""
        super().enter(phase, shows=shows, reason=reason)
        now = utcnow()
        self.last_modified_time = now
        if self.transitions:
            self.transitions[-1].setdefault("EndTime", now)
        status, secondary, message = WORDS[phase]
        self.transitions.append(
            {"Status": secondary, "StartTime": now, "StatusMessage": self.failure_reason or message}
        )
        self.training_job_status, self.secondary_status = status, secondary

    def reason_of(self, ended: Ended) -> str:
        """FailureReason, as SageMaker words it."""
        if ended.status is None:
            return ended.failure
        end = f", exit code: {ended.status}"
        return f"AlgorithmError: {ended.failure}"[: REASON_CHARACTERS - len(end)] + end

    @property
    def response_object(self) -> dict[str, Any]:
        """What DescribeTrainingJob answers."""
        seconds = seconds_between(self.started, self.ended)
        shown = {
            "StoppingCondition": {"MaxRuntimeInSeconds": self.limit_seconds},
            **self.sent,
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.training_job_status,
            "SecondaryStatus": self.secondary_status,
            "SecondaryStatusTransitions": self.transitions,
            "FailureReason": self.failure_reason,
            "ModelArtifacts": {"S3ModelArtifacts": model_artifacts(self.sent)},
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
            "TrainingStartTime": self.started,
            "TrainingEndTime": self.ended,
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,
        }
        return {key: value for key, value in shown.items() if value is not None}

    def summary(self) -> dict[str, Any]:
        """One entry of ListTrainingJobs."""
        shown = {
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.training_job_status,
            "SecondaryStatus": self.secondary_status,
            "CreationTime": self.creation_time,
            "LastModifiedTime": self.last_modified_time,
            "TrainingEndTime": self.ended,
        }
        return {key: value for key, value in shown.items() if value is not None}


def _runs_entry_point(algorithm: dict[str, Any]) -> bool:
    words = [
        *algorithm.get("ContainerEntrypoint", []),
        *algorithm.get("ContainerArguments", []),
    ]
    return any(ENTRY_POINT in word for word in words)
