"""SageMaker hosting as the sandbox plays it, on top of moto's SageMaker backend.

moto answers InService at once, forgets much of what it was sent, replaces duplicates and has no
UpdateEndpoint. Deriving a backend, instead of patching moto's, leaves moto itself as it is.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.utils import arn_formatter

from lmi_deployer.sandbox import lifecycle
from lmi_deployer.sandbox.checks import check_instance_types, found, refuse_existing, refuse_in_use
from lmi_deployer.sandbox.model_data import start_problem
from lmi_deployer.sandbox.records import (
    Request,
    SandboxEndpoint,
    SandboxEndpointConfig,
    SandboxModel,
)
from lmi_deployer.sandbox.storage import Storage
from lmi_deployer.sandbox.variants import deployed_variants, rescaled, retained

if TYPE_CHECKING:
    from lmi_deployer.sandbox.context import Sandbox

MODEL, CONFIG, ENDPOINT = "model", "endpoint configuration", "endpoint"


class HostingBackend(SageMakerModelBackend):
    """The models, endpoint configurations and endpoints of one account and region."""

    _models: dict[str, SandboxModel]  # type: ignore[assignment]  # dict is invariant
    endpoint_configs: dict[str, SandboxEndpointConfig]  # type: ignore[assignment]
    endpoints: dict[str, SandboxEndpoint]  # type: ignore[assignment]

    def put_model(self, sent: Request) -> SandboxModel:
        """CreateModel."""
        name = sent["ModelName"]
        refuse_existing(MODEL, self._arn("model", name), name=name, existing=self._models)
        self._models[name] = SandboxModel(self.account_id, self.region_name, sent)
        return self._models[name]

    def describe_model(self, model_name: str) -> SandboxModel:
        """DescribeModel."""
        arn = self._arn("model", model_name)
        return found(MODEL, arn, name=model_name, among=self._models)

    def models(self) -> list[SandboxModel]:
        """Every model."""
        return list(self._models.values())

    def delete_model(self, model_name: str) -> None:
        """DeleteModel."""
        arn = self.describe_model(model_name).arn
        users = [c for c in self.endpoint_configs.values() if model_name in c.model_names()]
        refuse_in_use(MODEL, arn, users=[f"{CONFIG} {c.endpoint_config_name}" for c in users])
        del self._models[model_name]

    def put_endpoint_config(self, sent: Request) -> SandboxEndpointConfig:
        """CreateEndpointConfig."""
        name = sent["EndpointConfigName"]
        check_instance_types(sent["ProductionVariants"])
        arn = self._arn("endpoint-config", name)
        refuse_existing(CONFIG, arn, name=name, existing=self.endpoint_configs)
        config = SandboxEndpointConfig(self.account_id, self.region_name, sent)
        for model_name in sorted(config.model_names()):
            self.describe_model(model_name)
        self.endpoint_configs[name] = config
        return config

    def endpoint_config(self, name: str) -> SandboxEndpointConfig:
        """Endpoint configuration of this name."""
        arn = self._arn("endpoint-config", name)
        return found(CONFIG, arn, name=name, among=self.endpoint_configs)

    def describe_endpoint_config(self, endpoint_config_name: str) -> dict[str, Any]:
        """DescribeEndpointConfig."""
        return self.endpoint_config(endpoint_config_name).response_object

    def delete_endpoint_config(self, endpoint_config_name: str) -> None:
        """DeleteEndpointConfig."""
        config = self.endpoint_config(endpoint_config_name)
        users = [
            f"{ENDPOINT} {endpoint.endpoint_name}"
            for endpoint in self.endpoints.values()
            if endpoint.endpoint_status in lifecycle.SERVING | lifecycle.IN_PROGRESS
            and config in (endpoint.config, endpoint.next_config)
        ]
        refuse_in_use(CONFIG, config.arn, users=users)
        del self.endpoint_configs[endpoint_config_name]

    def put_endpoint(self, sent: Request, sandbox: Sandbox) -> str:
        """CreateEndpoint; the ARN."""
        name = sent["EndpointName"]
        refuse_existing(ENDPOINT, self._arn("endpoint", name), name=name, existing=self.endpoints)
        config = self.endpoint_config(sent["EndpointConfigName"])
        endpoint = SandboxEndpoint(self.account_id, self.region_name, sent, config)
        endpoint.production_variants = deployed_variants(config, self._models)
        ending = self._ending(name, config, sandbox)
        endpoint.enter(lifecycle.creation(*ending, describes=sandbox.describes))
        self.endpoints[name] = endpoint
        return endpoint.arn

    def endpoint(self, name: str) -> SandboxEndpoint:
        """Endpoint of this name."""
        return found(ENDPOINT, self._arn("endpoint", name), name=name, among=self.endpoints)

    def describe_endpoint(self, endpoint_name: str) -> dict[str, Any]:
        """DescribeEndpoint, which also is what moves an endpoint on."""
        endpoint = self.endpoint(endpoint_name)
        shown = deepcopy(endpoint.response_object)
        endpoint.describe_once()
        if endpoint.endpoint_status == lifecycle.GONE:
            del self.endpoints[endpoint_name]
        return shown

    def update(self, sent: Request, sandbox: Sandbox) -> str:
        """UpdateEndpoint; the ARN."""
        endpoint = self.endpoint(sent["EndpointName"])
        self._refuse_in_progress(endpoint, at_rest="InService")
        config = self.endpoint_config(sent["EndpointConfigName"])
        endpoint.next_config = config
        endpoint.next_variants = retained(
            deployed_variants(config, self._models), before=endpoint.production_variants, sent=sent
        )
        if not sent.get("RetainDeploymentConfig"):
            endpoint.last_deployment = sent.get("DeploymentConfig")
        ending = self._ending(endpoint.endpoint_name, config, sandbox)
        endpoint.enter(lifecycle.update(*ending, describes=sandbox.describes))
        return endpoint.arn

    def rescale(self, sent: Request, sandbox: Sandbox) -> str:
        """UpdateEndpointWeightsAndCapacities; the ARN. moto wipes whichever is left out."""
        endpoint = self.endpoint(sent["EndpointName"])
        self._refuse_in_progress(endpoint, at_rest="InService")
        endpoint.next_config = endpoint.config
        endpoint.next_variants = rescaled(endpoint, sent["DesiredWeightsAndCapacities"])
        endpoint.enter(lifecycle.update(None, None, describes=sandbox.describes))
        return endpoint.arn

    def delete_endpoint(self, endpoint_name: str) -> None:
        """DeleteEndpoint."""
        endpoint = self.endpoint(endpoint_name)
        self._refuse_in_progress(endpoint)
        if endpoint.endpoint_status != "Deleting":
            endpoint.enter(lifecycle.deletion())

    def _ending(
        self, endpoint: str, config: SandboxEndpointConfig, sandbox: Sandbox
    ) -> tuple[lifecycle.Outcome | None, str | None]:
        """How a creation or update is to end, and the reason to give; None for the usual ones."""
        if fault := sandbox.faults.for_deployment(endpoint):
            return fault.outcome, fault.reason
        models = [self.describe_model(name) for name in sorted(config.model_names())]
        problem = start_problem(models, Storage(self.account_id, self.partition))
        return (lifecycle.Outcome.ROLL_BACK, problem) if problem else (None, None)

    def _arn(self, kind: str, name: str) -> str:
        return arn_formatter(kind, name, self.account_id, self.region_name)

    def _refuse_in_progress(self, endpoint: SandboxEndpoint, at_rest: str | None = None) -> None:
        if endpoint.endpoint_status in lifecycle.IN_PROGRESS:
            raise ValidationError(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        if at_rest and endpoint.endpoint_status != at_rest:
            raise ValidationError(
                f'Cannot update endpoint "{endpoint.arn}" with status {endpoint.endpoint_status}.'
            )
