"""What the container of a training job does: run our entry point."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmi_deployer.entry_point.job import FAILURE_FILE
from lmi_deployer.sandbox import container
from lmi_deployer.sandbox.jobs.surroundings import inside
from lmi_deployer.sandbox.jobs.work import Launch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lmi_deployer.sandbox.jobs.logs import JobLog
    from lmi_deployer.sandbox.jobs.surroundings import Surroundings

CONFIG_FOLDER = "opt/ml/input/config"
FAILURE_CHARACTERS = 1024
"""Source: SageMaker API reference, FailureReason."""


@dataclass(frozen=True, kw_only=True)
class TrainingTask:
    """A training job whose container runs our entry point."""

    around: Surroundings
    sent: Mapping[str, Any]
    log: JobLog

    def set_up(self, root: Path) -> Launch:
        """Download the channels and give the container what SageMaker gives it."""
        self.around.prepare(root)
        for channel in self.sent.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            folder = inside(root / "opt/ml/input/data", channel["ChannelName"])
            self.around.download(source["S3Uri"], folder)
        config = root / CONFIG_FOLDER
        (config / "hyperparameters.json").write_text(
            json.dumps(self.sent.get("HyperParameters", {}))
        )
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"]}
        (config / "resourceconfig.json").write_text(json.dumps(hosts))
        variables = {
            **self.around.variables(root),
            "TRAINING_JOB_NAME": self.sent["TrainingJobName"],
        }
        return Launch(command=tuple(container.command(root)), environment=variables)

    def say(self, line: str) -> None:
        """Log a line, at once."""
        with self.around.sandbox.lock:
            self.log.write(line)

    def finish(self, root: Path) -> None:
        """Upload what lies in /opt/ml/model, where that was asked for as files, not an archive."""
        if self.sent["OutputDataConfig"].get("CompressionType") == "NONE":
            self.around.upload(root / "opt/ml/model", model_artifacts(self.sent))

    def failure(self, root: Path) -> str:
        """What the container left in the failure file; SageMaker looks no further than that."""
        try:
            text = container.below(root, FAILURE_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return text[:FAILURE_CHARACTERS].strip()


def model_artifacts(sent: Mapping[str, Any]) -> str:
    """Where SageMaker puts what a training job leaves in /opt/ml/model."""
    config = sent["OutputDataConfig"]
    folder = f"{config['S3OutputPath'].rstrip('/')}/{sent['TrainingJobName']}/output/"
    return folder + ("model/" if config.get("CompressionType") == "NONE" else "model.tar.gz")
