"""What a container would find when it starts: the weights that its settings name on S3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lmi_deployer.sandbox.lifecycle import NO_PING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lmi_deployer.sandbox.records import SandboxModel
    from lmi_deployer.sandbox.storage import Storage

PROPERTIES_FILE = "serving.properties"
MODEL_ID = "option.model_id"
VARIABLES = ("OPTION_MODEL_ID", "HF_MODEL_ID")


def start_problem(models: Iterable[SandboxModel], storage: Storage) -> str | None:
    """Why one of these models cannot start; None where nothing speaks against it.

    The server downloads a prefix that `option.model_id` names, and fails where nothing lies there.
    Source: djl-serving@0.25.0-dlc:wlm/src/main/java/ai/djl/serving/wlm/ModelInfo.java
    """
    for model in models:
        for container in model.sent_containers():
            named = _weights_of(container, storage)
            if named and not storage.locations(f"{named.rstrip('/')}/"):
                return f"{NO_PING} (The sandbox: {MODEL_ID} is {named}, and nothing lies there.)"
    return None


def _weights_of(container: Mapping[str, Any], storage: Storage) -> str | None:
    """The S3 prefix that a container loads; the file wins over the variables."""
    environment = container.get("Environment", {})
    named = [environment[name] for name in VARIABLES if name in environment]
    folder = container.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
    text = (storage.read(f"{folder}{PROPERTIES_FILE}") or b"") if folder else b""
    for line in text.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == MODEL_ID:
            named.insert(0, value.strip().replace("\\:", ":"))
    return next((str(name) for name in named[:1] if str(name).startswith("s3://")), None)
