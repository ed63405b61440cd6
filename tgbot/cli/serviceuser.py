"""`tgbot doctor --as-service`: run the doctor with what the unit file gives to the bot."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tgbot.cli.service import SYSTEM, USER
from tgbot.core.errors import ServiceUserError, UnitMissingError
from tgbot.operate.findings import Finding, Level

#: Where systemd keeps such things: in memory.
_RUN: Final = Path("/run")


@dataclass(frozen=True)
class _Unit:
    """What a unit file gives to the process."""

    command: list[str]
    directory: Path
    #: The name of the user; None for a unit of a user's own manager.
    user: str | None
    credentials: dict[str, Path]
    environment: list[Path]

    @classmethod
    def read(cls, file: Path) -> _Unit:
        """Read a file that `tgbot service` has written; lines of other kinds are passed over."""
        lines = [line.partition("=") for line in file.read_text("utf-8").splitlines()]
        said: dict[str, list[str]] = {}
        for key, _, value in lines:
            said.setdefault(key, []).append(value.replace("%%", "%"))
        loaded = (value.partition(":") for value in said.get("LoadCredential", []))
        return cls(
            command=[word.replace("$$", "$") for word in shlex.split(said["ExecStart"][0])],
            directory=Path(said["WorkingDirectory"][0]),
            user=said.get("User", [None])[0],
            credentials={name: Path(path) for name, _, path in loaded},
            environment=[Path(path.removeprefix("-")) for path in said.get("EnvironmentFile", [])],
        )


def doctor(name: str, units: Path | None, flags: Sequence[str], tell: Callable[[str, Finding], None]) -> int:
    """Run the doctor as the service's user, in its directory, with its variables and credentials.

    `flags` are its options. `tell` is told what keeps the service from a start. The sandbox of the unit is
    not applied. Raise UnitMissingError if there is no such unit, ServiceUserError if this user cannot become
    the service's.
    """
    unit = _Unit.read(_found(f"{name}.service", units))
    account = pwd.getpwnam(unit.user) if unit.user is not None else pwd.getpwuid(os.geteuid())
    if os.geteuid() not in (0, account.pw_uid):
        raise ServiceUserError(account.pw_name, "only root can act as it (sudo)", unit.directory)
    failed = False
    with tempfile.TemporaryDirectory(
        prefix="tgbot-", dir=_RUN if os.access(_RUN, os.W_OK) else None
    ) as handed:
        for problem in _hand_over(unit.credentials, Path(handed)):
            failed = True
            tell("unit", Finding(Level.FAILURE, problem, "systemd does not start the service so"))
        if os.geteuid() == 0:
            for path in (Path(handed), *Path(handed).iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
        uid, gid = (account.pw_uid, account.pw_gid) if os.geteuid() == 0 else (None, None)
        sys.stdout.flush()  # what was found until here comes first
        try:
            done = subprocess.run(
                [*unit.command[:-1], "doctor", *flags],
                cwd=unit.directory,
                env=_variables(unit, account, handed),
                check=False,
                user=uid,
                group=gid,
                extra_groups=None if uid is None else [],
            )
        except OSError as error:
            said = f"{account.pw_name} cannot run {unit.command[0]} in {unit.directory}: {error.strerror}"
            tell("unit", Finding(Level.FAILURE, said, "let this user read the program and the directory"))
            return 1
    return 1 if failed else done.returncode


def _found(unit: str, directory: Path | None) -> Path:
    for place in [directory] if directory is not None else [SYSTEM, USER.expanduser()]:
        if (place / unit).exists():
            return place / unit
    raise UnitMissingError(unit)


def _hand_over(credentials: dict[str, Path], target: Path) -> Iterator[str]:
    """Copy the credentials to a directory, as systemd does; yield what keeps one from being copied."""
    for name, source in credentials.items():
        try:
            held = source.read_bytes()
        except OSError as error:
            yield f"the credential {source} cannot be read: {error.strerror}"
            continue
        with os.fdopen(os.open(target / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as copy:
            copy.write(held)


def _variables(unit: _Unit, account: pwd.struct_passwd, credentials: str) -> dict[str, str]:
    """Return the environment of the service."""
    variables = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "CREDENTIALS_DIRECTORY": credentials,
    }
    for file in unit.environment:
        if file.exists():
            lines = (line.strip().partition("=") for line in file.read_text("utf-8").splitlines())
            variables |= {
                key: value.strip("\"'") for key, sep, value in lines if sep and not key.startswith("#")
            }
    return variables
