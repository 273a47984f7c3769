"""One AWS account, in the words of the planner and the deployer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lmi_deployer.deployment import DEPLOYMENT_TAG, Request
from lmi_deployer.edges.aws_reading import AwsReading
from lmi_deployer.errors import AwsError
from lmi_deployer.steps import Kind

CONSISTENCY_ATTEMPTS = 10
"""What was just made may not be seen by the next call for some seconds."""


class Aws(AwsReading):
    """One account and region."""

    def create_model(self, request: Request) -> None:
        """Create a model; its name holds a hash of its content, so one that exists will do."""
        self._create("CreateModel", request, "model", request["ModelName"])

    def create_endpoint_config(self, request: Request, pause: Callable[[float], None]) -> None:
        """Create an endpoint configuration; as for models, one that exists will do."""
        name = request["EndpointConfigName"]

        def create() -> None:
            self._create("CreateEndpointConfig", request, "endpoint-config", name)

        _when_seen("Could not find model", create, pause)

    def create_endpoint(self, request: Request, pause: Callable[[float], None]) -> None:
        """Create an endpoint, waiting until SageMaker sees the configuration it names."""
        self._move("CreateEndpoint", request, pause)

    def update_endpoint(
        self, name: str, endpoint_config: str, pause: Callable[[float], None]
    ) -> None:
        """Move an endpoint to another configuration, unless it is there already."""
        now = self.endpoint(name)
        is_there = now is not None and now.endpoint_config_name == endpoint_config
        if is_there and now is not None and now.status == "InService":
            return
        request = {"EndpointName": name, "EndpointConfigName": endpoint_config}
        self._move("UpdateEndpoint", request, pause)

    def add_tags(self, kind: Kind, name: str, tags: Mapping[str, str]) -> None:
        """Add tags to something, or change their values."""
        listed = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        arn = self._arn(kind, name)
        self.calls.call("sagemaker", "AddTags", ResourceArn=arn, Tags=listed)

    def delete_endpoint(self, name: str) -> None:
        """Delete an endpoint, if it is there."""
        self.calls.find("DeleteEndpoint", EndpointName=name)

    def delete_endpoint_config(self, name: str) -> None:
        """Delete an endpoint configuration, if it is there."""
        self.calls.find("DeleteEndpointConfig", EndpointConfigName=name)

    def delete_model(self, name: str) -> None:
        """Delete a model, if it is there."""
        self.calls.find("DeleteModel", ModelName=name)

    def invoke(self, endpoint: str, body: bytes) -> bytes:
        """The answer of a real-time endpoint. Sent once.

        Raises AwsError, or DeploymentError when it is the model that fails.
        """
        return self.calls.invoke(endpoint, body)

    def _create(self, operation: str, request: Request, kind: Kind, name: str) -> None:
        try:
            self.calls.call("sagemaker", operation, **request)
        except AwsError as error:
            ours = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            if "already existing" not in str(error):
                raise
            if (self._tags_of(kind, name) or {}).get(DEPLOYMENT_TAG) != ours[DEPLOYMENT_TAG]:
                raise

    def _move(self, operation: str, request: Request, pause: Callable[[float], None]) -> None:
        """Create or update an endpoint.

        A lost answer makes botocore send the request again, and SageMaker then refuses what it has
        already taken on; that is as good as done.
        """

        def move() -> None:
            try:
                self.calls.call("sagemaker", operation, **request)
            except AwsError as error:
                if "already existing" not in str(error) and "in-progress" not in str(error):
                    raise
                now = self.endpoint(request["EndpointName"])
                if now is None or now.heading_for != request["EndpointConfigName"]:
                    raise

        _when_seen("Could not find endpoint configuration", move, pause)


def _when_seen(unseen: str, call: Callable[[], None], pause: Callable[[float], None]) -> None:
    """Call until AWS sees what was made just before; `unseen` is what it says until then."""
    for attempt in range(1, CONSISTENCY_ATTEMPTS + 1):
        try:
            call()
        except AwsError as error:
            if unseen not in str(error) or attempt == CONSISTENCY_ATTEMPTS:
                raise
            pause(attempt)
        else:
            return
