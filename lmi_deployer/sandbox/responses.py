"""The SageMaker calls that the sandbox answers itself; every other one is moto's.

moto finds the method for an operation by its name in snake case. Each hands the whole request on,
where moto's picks the fields it knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse as MotoResponse

from lmi_deployer.sandbox.context import sandbox_of
from lmi_deployer.sandbox.listing import page_of_jobs, page_of_models

if TYPE_CHECKING:
    from lmi_deployer.sandbox.backend import SageMakerBackend
    from lmi_deployer.sandbox.context import Sandbox
    from lmi_deployer.sandbox.records import Request


class SageMakerResponse(MotoResponse):
    """One request to the SageMaker API."""

    params: Request

    @property
    def ours(self) -> SageMakerBackend:
        """The backend of the request's account and region."""
        return cast("SageMakerBackend", self.sagemaker_backend)

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox that received the request."""
        return sandbox_of(self.normalized_request.environ)

    def create_model(self) -> ActionResult:
        """CreateModel."""
        return ActionResult({"ModelArn": self.ours.put_model(self.params).arn})

    def list_models(self) -> ActionResult:
        """ListModels; moto ignores every filter and answers one page."""
        return ActionResult(page_of_models(self.ours.models(), self.params))

    def create_endpoint_config(self) -> ActionResult:
        """CreateEndpointConfig."""
        return ActionResult({"EndpointConfigArn": self.ours.put_endpoint_config(self.params).arn})

    def create_endpoint(self) -> ActionResult:
        """CreateEndpoint, ending as a fault for this endpoint says, if there is one."""
        arn = self.ours.put_endpoint(self.params, self.sandbox)
        return ActionResult({"EndpointArn": arn})

    def update_endpoint(self) -> ActionResult:
        """UpdateEndpoint, which moto lacks, ending as a fault for this endpoint says."""
        arn = self.ours.update(self.params, self.sandbox)
        return ActionResult({"EndpointArn": arn})

    def update_endpoint_weights_and_capacities(self) -> ActionResult:
        """UpdateEndpointWeightsAndCapacities."""
        arn = self.ours.rescale(self.params, self.sandbox)
        return ActionResult({"EndpointArn": arn})

    def create_training_job(self) -> ActionResult:
        """CreateTrainingJob, going as a fault for this job says, if there is one."""
        arn = self.ours.put_training_job(self.params, self.sandbox)
        return ActionResult({"TrainingJobArn": arn})

    def describe_training_job(self) -> ActionResult:
        """DescribeTrainingJob."""
        name = self.params["TrainingJobName"]
        return ActionResult(self.ours.show_training_job(name, self.sandbox))

    def stop_training_job(self) -> ActionResult:
        """StopTrainingJob, which moto lacks."""
        self.ours.stop_training_job(self.params["TrainingJobName"], self.sandbox)
        return EmptyResult()

    def list_training_jobs(self) -> ActionResult:
        """ListTrainingJobs; moto filters each page by itself and knows no order."""
        jobs = self.ours.jobs_to_list(self.sandbox)
        return ActionResult(page_of_jobs(jobs, self.params, member="TrainingJobSummaries"))

    def create_optimization_job(self) -> ActionResult:
        """CreateOptimizationJob, which moto lacks, as the other calls for these jobs."""
        arn = self.ours.put_optimization_job(self.params, self.sandbox)
        return ActionResult({"OptimizationJobArn": arn})

    def describe_optimization_job(self) -> ActionResult:
        """DescribeOptimizationJob."""
        name = self.params["OptimizationJobName"]
        return ActionResult(self.ours.show_optimization_job(name, self.sandbox))

    def stop_optimization_job(self) -> ActionResult:
        """StopOptimizationJob."""
        self.ours.stop_optimization_job(self.params["OptimizationJobName"], self.sandbox)
        return EmptyResult()

    def delete_optimization_job(self) -> ActionResult:
        """DeleteOptimizationJob."""
        self.ours.delete_optimization_job(self.params["OptimizationJobName"])
        return EmptyResult()

    def list_optimization_jobs(self) -> ActionResult:
        """ListOptimizationJobs."""
        jobs = self.ours.optimizations_to_list(self.sandbox)
        return ActionResult(page_of_jobs(jobs, self.params, member="OptimizationJobSummaries"))
