"""File descriptors: as many as the system allows, and only a part of them for anybody who comes."""

from __future__ import annotations

import resource


def raise_limit() -> None:
    """Allow this process all the descriptors that it may allow itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # macOS refuses what it calls unlimited
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def share(part: float, most: int) -> int:
    """Return a part of the descriptors that this process may have: at least 1, at most `most`."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if limit == resource.RLIM_INFINITY else max(1, min(most, int(limit * part)))
