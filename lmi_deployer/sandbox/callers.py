"""Who is at the other end of a connection on this machine.

The sandbox runs what its clients upload, as the user who started it, and every user of a machine
reaches its loopback interface. Linux tells whose a local socket is; other systems do not.
"""

from __future__ import annotations

import os
import socket
import struct
from enum import IntEnum

LOOPBACK = "127.0.0.1"
ROOT = 0
# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
_HEADER = struct.Struct("=IHHII")
_ASKED = struct.Struct("=BBBxI")
_UID = struct.Struct("=I")
_PORTS = struct.Struct("!HH")
_NO_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_ALL_STATES = 0xFFFFFFFF
_STATE_AT, _UID_AT = 1, 64
_ANSWER_SECONDS = 1.0


class State(IntEnum):
    """Of a TCP socket, as net/tcp_states.h counts them."""

    ESTABLISHED = 1
    LISTEN = 10


def owner(port: int, *, peer: int = 0, state: State = State.ESTABLISHED) -> int | None:
    """User id of this end of a connection between two ports of 127.0.0.1; None if unknown.

    A socket in another state counts as unknown: one that its process has closed has no owner left,
    and Linux then says root.
    """
    try:
        answer = _ask(port, peer)
    except (AttributeError, OSError):  # no Linux, or one that does not tell
        return None
    _, kind, *_ = _HEADER.unpack_from(answer)
    body = answer[_HEADER.size :]
    if kind != _BY_FAMILY or len(body) < _UID_AT + 4 or body[_STATE_AT] != state:
        return None
    return int(_UID.unpack_from(body, _UID_AT)[0])


def can_tell(listening_port: int) -> bool:
    """Whether this machine says whose sockets are; ours is one that it must know."""
    return owner(listening_port, state=State.LISTEN) is not None


def is_welcome(port: int, *, server_port: int) -> bool:
    """Whether the client at this port is a program of our user, or of root, who may do all."""
    return owner(port, peer=server_port) in {os.geteuid(), ROOT}


def _ask(port: int, peer: int) -> bytes:
    """The kernel's answer about one socket: a header, and an inet_diag_msg or an error."""
    here = socket.inet_aton(LOOPBACK).ljust(16, b"\0")
    there = here if peer else bytes(16)
    request = _ASKED.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _ALL_STATES)
    request += _PORTS.pack(port, peer) + here + there + _NO_COOKIE
    header = _HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(_ANSWER_SECONDS)
        kernel.send(header + request)
        return kernel.recv(4096)
