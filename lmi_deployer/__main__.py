"""`python -m lmi_deployer` is `lmi-deploy`."""

from lmi_deployer.cli import main

main()
