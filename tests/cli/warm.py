"""What every killed process has read already: imported once, before the processes are forked."""

import lmi_deployer.cli.down_command
import lmi_deployer.cli.sandbox_finder
import lmi_deployer.cli.up_command
import lmi_deployer.edges.aws  # noqa: F401
from lmi_deployer.request_check import check_request

for service, operation in (
    ("sagemaker", "ListModels"),
    ("s3", "ListBuckets"),
    ("sts", "GetCallerIdentity"),
):
    check_request(service, operation, {})
