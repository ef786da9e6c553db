"""Ports for child processes."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOWEST = 15_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_START = 32_768


def free_ports(count: int) -> list[int]:
    """Return distinct ports that nobody listens on just now.

    They lie below the ports the kernel hands to outgoing connections. From that range a port could be lost while its
    server restarts; worse, a client that keeps dialling a dead server there may one day connect to itself, and then
    the server cannot bind its own port any more.

    Nothing reserves a port until its server binds it, so whoever starts the server must check that its own child
    answers, and try other ports if not.
    """
    highest = _ephemeral_start()
    chosen: list[int] = []
    for port in random.SystemRandom().sample(range(_LOWEST, highest), k=min(500, highest - _LOWEST)):
        if is_free(port):
            chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise OSError(f"no {count} free ports between {_LOWEST} and {highest} on {LOOPBACK}")


def is_free(port: int) -> bool:
    """Tell whether a server could bind the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """Tell whether somebody accepts connections on the port; who, it does not tell."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _ephemeral_start() -> int:
    """Return the first port of the kernel's range for outgoing connections."""
    try:
        start = int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL_START
    return start if start > _LOWEST + 1_000 else _EPHEMERAL_START
