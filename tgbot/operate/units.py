"""Unit files for systemd: the bot as a service, and its backups by a timer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Within which time the bot has to feed the watchdog, in seconds. See `supervisor` for when it does not.
WATCHDOG_SECONDS: Final = 60
#: How long a stop may take beyond `[bot] grace_seconds`, in seconds: a checkpoint on a slow disk.
STOP_SECONDS: Final = 20
#: How many backups the timer keeps.
KEPT_BACKUPS: Final = 14

#: What a file of ours begins with, and the digest of all that follows the line.
_MARK: Final = "# Written by tgbot service install. To change it: systemctl edit {unit} ({digest})\n"
_MARKED: Final = re.compile(r"# Written by tgbot service install\..*\(([0-9a-f]{16})\)\n")

#: What keeps the process from everything that it does not need; all of it works without privileges.
_UNPRIVILEGED: Final = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
LimitCORE=0
"""
#: The rest, which only the system's manager can do.
_PRIVILEGED: Final = """\
CapabilityBoundingSet=
AmbientCapabilities=
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
"""


@dataclass(frozen=True)
class Installation:
    """One bot on one machine; all paths are absolute."""

    #: Of the service; those of the backup are this and "-backup".
    name: str
    #: What runs `tgbot` with its settings; a command of it follows.
    command: Sequence[str]
    #: Where plugins and relative paths are looked for.
    home: Path
    #: The files of the bot.
    storage: Path
    #: Dated copies of them.
    backups: Path
    #: What else the process reads: Python, packages, files that the settings name.
    reads: Sequence[Path]
    #: Who the process runs as; None for a unit of the user's own manager.
    user: str | None
    #: Name of a credential → the file that the manager hands to the process.
    credentials: Mapping[str, Path]
    #: Variables of the process, a line each; the file may be missing.
    environment: Path
    #: `[bot] grace_seconds`.
    grace_seconds: float
    #: Whether everything is in a database, which has backups of its own.
    in_database: bool = False


def units(of: Installation) -> dict[str, str]:
    """Return the text of each unit file by its name: the service, its backup, and the timer of that.

    A bot in a database has no backup of these: pg_dump makes one (docs/nodes.md).
    """
    texts = {f"{of.name}.service": _service(of)}
    if not of.in_database:
        texts |= {f"{of.name}-backup.service": _backup(of), f"{of.name}-backup.timer": _timer(of)}
    return {unit: marked(unit, text) for unit, text in texts.items()}


def marked(unit: str, text: str) -> str:
    """Return a text with a first line by which `is_ours` knows it."""
    return _MARK.format(unit=unit, digest=_digest(text)) + text


def is_ours(text: str) -> bool:
    """Return whether `units` has made a text, and nobody has changed it since."""
    mark = _MARKED.match(text)
    return mark is not None and _digest(text[mark.end() :]) == mark[1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _service(of: Installation) -> str:
    return f"""\
[Unit]
Description=Telegram bot {of.name}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={_line([*of.command, "run"])}
ExecReload={_line([*of.command, "reload"])}
{_process(of)}\
Restart=on-failure
RestartSec=5
# Wrong usage or configuration: another start changes nothing.
RestartPreventExitStatus=2
# Fed only while the bot hears Telegram and can save; what a restart cannot cure does not starve it.
WatchdogSec={WATCHDOG_SECONDS}
TimeoutStopSec={of.grace_seconds + STOP_SECONDS:g}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
{_sandbox(of, [of.storage])}
[Install]
WantedBy={"default.target" if of.user is None else "multi-user.target"}
"""


def _backup(of: Installation) -> str:
    keep = ["backup", str(of.backups), "--keep", str(KEPT_BACKUPS)]
    return f"""\
[Unit]
Description=Backup of the Telegram bot {of.name}

[Service]
Type=oneshot
ExecStart={_line([*of.command, *keep])}
{_process(of)}\
Nice=10
IOSchedulingClass=idle
RestrictAddressFamilies=AF_UNIX
{_sandbox(of, [of.storage, of.backups])}"""


def _timer(of: Installation) -> str:
    return f"""\
[Unit]
Description=Daily backup of the Telegram bot {of.name}

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=yes

[Install]
WantedBy=timers.target
"""


def _process(of: Installation) -> str:
    """Return what every process of the bot has: its user, its directory, its settings."""
    lines = [f"User={_escaped(of.user)}"] if of.user is not None else []
    lines += [f"WorkingDirectory={_escaped(str(of.home))}"]
    lines += [f"EnvironmentFile=-{_escaped(str(of.environment))}"]
    lines += [f"LoadCredential={name}:{_escaped(str(path))}" for name, path in of.credentials.items()]
    return "".join(f"{line}\n" for line in lines)


def _sandbox(of: Installation, writable: Iterable[Path]) -> str:
    if of.user is None:
        return _UNPRIVILEGED
    needed = (of.home, of.storage, of.backups, *of.reads, Path(of.command[0]))
    home = "read-only" if _inside(needed, "/home", "/root", "/run/user") else "yes"
    tmp = "no" if _inside(needed, "/tmp", "/var/tmp") else "yes"
    lines = [f"ProtectHome={home}", f"PrivateTmp={tmp}"]
    lines += [f"ReadWritePaths={_quoted(str(path))}" for path in writable]
    return _UNPRIVILEGED + _PRIVILEGED + "".join(f"{line}\n" for line in lines)


def _inside(paths: Iterable[Path], *directories: str) -> bool:
    return any(path.is_relative_to(directory) for path in paths for directory in directories)


def _line(words: Iterable[str]) -> str:
    """Return a command line as systemd reads it."""
    return " ".join(_quoted(word).replace("$", "$$") for word in words)


def _quoted(word: str) -> str:
    if re.fullmatch(r"[\w@%+=:,./-]+", word):
        return _escaped(word)
    return '"' + _escaped(word).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    """Return a text in which % is no specifier of systemd."""
    return text.replace("%", "%%")
