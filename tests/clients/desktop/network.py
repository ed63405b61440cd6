"""A network of its own, in which this machine is all there is: an app cannot reach anything else."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from tests.clients.desktop.words import DesktopError

#: From <linux/sockios.h> and <linux/if.h>: set the flags of an interface, to UP and RUNNING.
_SIOCSIFFLAGS: Final = 0x8914
_UP: Final = 0x1 | 0x40
#: Addresses outside of this machine: one of Telegram's own, and one of the same data centre with IPv6.
_OUTSIDE: Final = (
    (socket.AF_INET, "149.154.167.50"),
    (socket.AF_INET6, "2001:67c:4e8:f002::a"),
)


def alone(command: Sequence[str]) -> list[str]:
    """Return what runs `command` in a network of its own; raise DesktopError if there can be none."""
    unshare = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    try:
        tried = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise DesktopError("this needs unshare (Debian: apt-get install util-linux)") from None
    if tried.returncode:
        raise DesktopError(
            "the app must not reach Telegram, and no network of its own can be made here"
            f" ({tried.stderr.strip()}): run it as root, or allow user namespaces"
        )
    return [*unshare, *command]


def bring_up_loopback() -> None:
    """Make 127.0.0.1 work in a new network; raise DesktopError if anything else can be reached."""
    if sys.platform != "linux":
        raise DesktopError("this needs Linux")
    for family, address in _OUTSIDE:
        if _has_route(family, address):
            raise DesktopError("the app must not reach Telegram, but there is a way out of this network")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _UP))


def _has_route(family: socket.AddressFamily, address: str) -> bool:
    """Return whether an address can be sent to; nothing is sent."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as any_socket:
            any_socket.connect((address, 443))
    except OSError:
        return False
    return True
