"""What every killed process has read already: imported once, before the processes are forked."""

import lmi_deployer.api
import lmi_deployer.catalog
import lmi_deployer.cli.down_command
import lmi_deployer.cli.sandbox_finder
import lmi_deployer.cli.up_command
import lmi_deployer.edges.aws
import lmi_deployer.live
import lmi_deployer.settings.table
from lmi_deployer.request_check import check_request

for service, operation in (
    ("sagemaker", "ListModels"),
    ("s3", "ListBuckets"),
    ("sts", "GetCallerIdentity"),
):
    check_request(service, operation, {})
lmi_deployer.catalog.container("0.25.0")
for handler in ("trtllm", "lmi-dist"):
    lmi_deployer.settings.table.table("0.25.0").handler(handler)
