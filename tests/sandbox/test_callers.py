"""Other users of the machine, who reach its loopback interface too."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lmi_deployer.sandbox import callers

if TYPE_CHECKING:
    from .conftest import Aws

NOBODY = 65534
ASK = (
    "exec 3<>/dev/tcp/127.0.0.1/$1; "
    'printf "GET /lmi-sandbox/health HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n" >&3; cat <&3'
)


@pytest.fixture
def listener() -> Any:
    with socket.create_server((callers.LOOPBACK, 0)) as listening:
        if not callers.can_tell(listening.getsockname()[1]):
            pytest.skip("this machine does not say whose sockets are")
        yield listening


def asked_by(user: int, aws: Aws) -> str:
    port = aws.settings.endpoint_url.rpartition(":")[2]
    done = subprocess.run(
        ["/bin/bash", "-c", ASK, "ask", port], capture_output=True, user=user, check=False
    )
    return done.stdout.decode()


def test_the_owner_of_a_connection_is_known_while_it_holds(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.create_connection((callers.LOOPBACK, port)) as client:
        accepted, (_, client_port) = listener.accept()
        assert callers.owner(client_port, peer=port) == os.geteuid()
        assert callers.is_welcome(client_port, server_port=port)
        client.close()  # Linux says root of what has no owner left
        assert callers.owner(client_port, peer=port) is None
        assert not callers.is_welcome(client_port, server_port=port)
        accepted.close()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs another user")
@pytest.mark.usefixtures("listener")
def test_another_user_is_not_answered(aws: Aws) -> None:
    assert '"sandbox": "lmi-deploy"' in asked_by(os.geteuid(), aws)
    assert asked_by(NOBODY, aws) == ""


@pytest.mark.usefixtures("listener")
def test_nor_is_anybody_but_root_by_the_sandbox_of_somebody_else(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = os.geteuid()
    monkeypatch.setattr(callers, "ROOT", -1)
    assert aws.http("GET", "/lmi-sandbox/health")[0] == 200
    monkeypatch.setattr(os, "geteuid", lambda: ours + 1)
    with pytest.raises(OSError, match=r".*"):
        aws.http("GET", "/lmi-sandbox/health")


def test_where_nobody_can_tell_every_program_of_the_machine_is_answered(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    with sandbox() as aws:
        assert aws.http("GET", "/lmi-sandbox/health")[0] == 200
