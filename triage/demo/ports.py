"""Which ports the demo listens on."""

import socket

from triage.demo.child import CannotStart

TRIED = 50


def find_port(wanted: int, *, explicit: bool, taken: frozenset[int] = frozenset()) -> int:
    """`wanted` when it is free, else the next free one; a port that somebody asked for is not exchanged."""
    if wanted not in taken and is_free(wanted):
        return wanted
    if explicit:
        raise CannotStart(
            f"Port {wanted} is taken: choose another, or leave --port away to get the next free one."
        )
    for port in range(wanted + 1, wanted + TRIED):
        if port not in taken and is_free(port):
            return port
    raise CannotStart(
        f"No port between {wanted} and {wanted + TRIED - 1} is free: choose another with --port."
    )


def is_free(port: int) -> bool:
    """Whether nobody listens there on this machine, by IPv4 or by IPv6, for `localhost` may mean either."""
    return _can_listen(socket.AF_INET, "127.0.0.1", port) and (
        not socket.has_ipv6 or not _answers(socket.AF_INET6, "::1", port)
    )


def _can_listen(family: socket.AddressFamily, host: str, port: int) -> bool:
    if _answers(family, host, port):
        return False
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        # As the web server does it, so that a port whose last connections are still being closed counts as
        # free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def _answers(family: socket.AddressFamily, host: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as caller:
            caller.settimeout(1)
            return caller.connect_ex((host, port)) == 0
    except OSError:
        return False
