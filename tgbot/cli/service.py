"""`tgbot service`: unit files for systemd, which run this installation and back it up."""

from __future__ import annotations

import os
import pwd
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import examples, settings
from tgbot.core.errors import ServiceUserError, UnitExistsError

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.operate.units import Installation

#: Where the system's manager and a user's manager look for units of their owner.
SYSTEM: Final = Path("/etc/systemd/system")
USER: Final = Path("~/.config/systemd/user")
#: The file with variables among the secrets.
ENVIRONMENT: Final = "environment"
#: The name of the credential, and of the variable, with the address of a database.
URL: Final = "storage_url"
VARIABLE: Final = "TGBOT_STORAGE_URL"

commands = typer.Typer(help="Run the bot as a service of systemd.")

User = Annotated[
    bool, typer.Option("--user", help="For your own manager (systemctl --user), not the system's.")
]
Name = Annotated[str, typer.Option(metavar="NAME", help="What the service is called.", show_default=True)]
RunAs = Annotated[
    str | None,
    typer.Option(metavar="USER", help="Who the bot runs as.", show_default="the owner of its files"),
]
Secrets = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="A directory with a file for each secret: bot_token, api_id, api_hash.",
        show_default="/etc/NAME, ~/.config/NAME with --user",
    ),
]
Backups = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where the daily backups go.",
        show_default="backups beside the directory of the bot's files",
    ),
]


@commands.command(epilog=examples("service show", "service show --user"))
def show(
    context: typer.Context,
    user: User = False,
    name: Name = "tgbot",
    run_as: RunAs = None,
    secrets: Secrets = None,
    backups: Backups = None,
) -> int:
    """Print the unit files for this installation: the service, its daily backup, and the timer of that."""
    from tgbot.operate.units import units

    installation = _installation(context, user, name, run_as, secrets, backups)
    for unit, text in units(installation).items():
        printed.line(f"# {unit}\n{text}")
    _advise(installation)
    return 0


@commands.command(epilog=examples("service install", "service install --user --name shop"))
def install(
    context: typer.Context,
    user: User = False,
    name: Name = "tgbot",
    run_as: RunAs = None,
    secrets: Secrets = None,
    backups: Backups = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where the unit files go.",
            show_default=f"{SYSTEM}, {USER} with --user",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are not from this command, or were changed.")
    ] = False,
) -> int:
    """Print the unit files as `show` does, write them, and say what to run next; nothing is started.

    The directories of the bot's files and of the backups are made if they are missing.
    """
    from tgbot.operate.units import is_ours, units
    from tgbot.store.files import whole_file

    installation = _installation(context, user, name, run_as, secrets, backups)
    place = (directory or (USER if user else SYSTEM)).expanduser()
    texts = {place / unit: text for unit, text in units(installation).items()}
    for path in texts:
        if not force and path.exists() and not is_ours(path.read_text("utf-8", errors="replace")):
            raise UnitExistsError(path, path.name)
    for path, text in texts.items():
        printed.line(f"# {path}\n{text}")
    for made in (installation.storage, *([] if installation.in_database else [installation.backups])):
        _make(made, installation.user)
    place.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        with whole_file(path) as part:
            part.write_text(text, "utf-8")
    _advise(installation)
    systemctl = "systemctl --user" if user else "systemctl"
    if installation.in_database and (place / (timer := f"{name}-backup.timer")).exists():
        printed.complain(
            f"{place / timer} is from before: there are no files to back up any more. To stop it:"
            f" {systemctl} disable --now {timer}"
        )
    started = [unit for unit in units(installation) if not unit.endswith("-backup.service")]
    and_backups = ", and its backups" if len(started) > 1 else ""
    printed.line(f"Written. To start the bot, now and at each boot{and_backups}:")
    printed.line(f"  {systemctl} daemon-reload")
    printed.line(f"  {systemctl} enable --now {' '.join(started)}")
    if user:
        printed.line("  loginctl enable-linger    # it runs while you are not logged in, too")
    printed.line(f"To see how it is: {systemctl} status {name}, journalctl {'--user ' * user}-u {name}")
    return 0


def _installation(
    context: typer.Context,
    user: bool,
    name: str,
    run_as: str | None,
    secrets: Path | None,
    backups: Path | None,
) -> Installation:
    from tgbot.config.loading import credentials
    from tgbot.operate.units import Installation

    if not re.fullmatch(r"[A-Za-z0-9_.:-]+", name):
        raise typer.BadParameter("expected letters, digits, and - _ . :", param_hint=f"--name = '{name}'")
    config = settings(context)
    file: Path = (context.obj.config or Path("config.toml")).absolute()
    storage = config.storage.directory.absolute()
    given = (secrets or Path("~/.config" if user else "/etc", name)).expanduser().absolute()
    handed_over = {
        key: given / key
        for key in (*credentials(), *config.plugins.credentials(given))
        if os.path.exists(given / key)
    }
    return Installation(
        name=name,
        command=[*_program(), *(["--config", str(file)] if file.exists() else [])],
        home=file.parent,
        storage=storage,
        backups=(backups or storage.parent / "backups").absolute(),
        reads=[Path(sys.prefix), Path(sys.base_prefix), *_named_files(config)],
        user=None if user else _user(run_as, storage, file.parent),
        credentials=handed_over,
        environment=given / ENVIRONMENT,
        grace_seconds=config.bot.grace_seconds,
        in_database=config.storage.address != "" or URL in handed_over or _is_set(given / ENVIRONMENT),
    )


def _is_set(environment: Path) -> bool:
    """Return whether the service's variables name a database, as far as this user may read them."""
    try:
        lines = environment.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return False
    names = (line.partition("=")[0].strip() for line in lines)
    return any(name in (VARIABLE, VARIABLE + "_FILE") for name in names)


def _program() -> list[str]:
    """Return what runs this program: the script beside the interpreter, else the module."""
    script = Path(sys.executable).with_name("tgbot")
    return [str(script)] if os.access(script, os.X_OK) else [sys.executable, "-m", "tgbot.cli"]


def _named_files(config: Config) -> list[Path]:
    return [path.absolute() for path in (config.bot.texts, config.telegram.public_key) if path is not None]


def _user(wanted: str | None, storage: Path, home: Path) -> str:
    """Return who the service runs as; raise ServiceUserError for root and for nobody known."""
    if wanted is None:
        uid = (storage if storage.exists() else home).stat().st_uid
        try:
            wanted = pwd.getpwuid(uid).pw_name
        except KeyError:
            raise ServiceUserError(f"uid {uid}", "no user of this machine has it", storage) from None
    try:
        found = pwd.getpwnam(wanted)
    except KeyError:
        raise ServiceUserError(wanted, "there is no such user", storage) from None
    if found.pw_uid == 0:
        raise ServiceUserError(wanted, "the bot needs none of its rights", storage)
    return wanted


def _make(directory: Path, owner: str | None) -> None:
    """Make a directory for the bot alone, if it is missing."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
        if owner is not None and os.geteuid() == 0:
            found = pwd.getpwnam(owner)
            os.chown(directory, found.pw_uid, found.pw_gid)


def _advise(installation: Installation) -> None:
    """Say on standard error what the service will miss."""
    given = installation.environment.parent
    if installation.in_database:
        printed.complain(
            "no unit makes backups: everything is in a database ([storage] url), and PostgreSQL's pg_dump"
            " copies it (docs/nodes.md)"
        )
    if not installation.credentials:
        printed.complain(
            f"no credentials in {given}: the service reads secrets.toml, and its user has to be allowed to."
            f" To hand them over instead, write each into a file there ({given / 'bot_token'}, mode 0600),"
            " and do this again"
        )
    if shown := sorted(name for name in os.environ if name.startswith("TGBOT_")):
        printed.complain(
            f"the service has no variables of this shell: {', '.join(shown)}. Those that it needs belong into"
            f" {installation.environment}"
        )
