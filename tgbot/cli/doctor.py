"""`tgbot doctor`: what is wrong with an installation, and what to do about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import Json, find_plugins, finish
from tgbot.core.errors import ConfigError, CredentialsMissingError

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.operate.findings import Finding, Subject


def doctor(
    context: typer.Context,
    as_service: Annotated[
        bool,
        typer.Option("--as-service", help="As the service of systemd: its user, variables and credentials."),
    ] = False,
    name: Annotated[str, typer.Option(metavar="NAME", help="What that service is called.")] = "tgbot",
    units: Annotated[
        Path | None,
        typer.Option(
            "--units",
            metavar="DIR",
            help="Where its unit file is.",
            show_default="/etc/systemd/system, then ~/.config/systemd/user",
        ),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Leave out what needs a network.")] = False,
    json: Json = False,
) -> int:
    """Look at settings, secrets, files, disk, clock and the way to Telegram, and say what to do.

    The bot may be running: nothing is locked, and nobody logs in. Each line is ok, a warning or a failure.
    Exit status 1: there is a failure.
    """
    if as_service:
        from tgbot.cli import serviceuser

        flags = ["--offline"] * offline + ["--json"] * json
        return serviceuser.doctor(name, units, flags, lambda check, finding: _show(check, finding, json))
    return finish(_examine(context.obj.config, offline, json))


async def _examine(file: Path | None, offline: bool, json: bool) -> int:
    from tgbot.operate.doctor import examine
    from tgbot.operate.findings import Level

    levels = set()

    def tell(check: str, finding: Finding) -> None:
        levels.add(finding.level)
        _show(check, finding, json)

    config = _configured(file, tell)
    if config is not None:
        find_plugins(file)
        async for check, finding in examine(_subject(config), offline=offline):
            tell(check, finding)
    return 1 if Level.FAILURE in levels else 0


def _show(check: str, finding: Finding, json: bool) -> None:
    """Print one finding, as a line of JSON or for people."""
    if json:
        printed.as_json({"check": check, **finding._asdict()})
        return
    advice = f": {finding.advice}" if finding.advice else ""
    printed.line(f"{finding.level:<8} {check:<11} {printed.clean(finding.said + advice)}")


def _configured(file: Path | None, tell: Callable[[str, Finding], None]) -> Config | None:
    """Return the configuration, and tell what is found about it; None if it cannot be used."""
    from tgbot.config.loading import load
    from tgbot.operate.findings import Finding, Level

    try:
        config = load(file, os.environ, lambda text: tell("settings", Finding(Level.WARNING, text)))
    except ConfigError as error:
        tell("settings", Finding(Level.FAILURE, str(error)))
        return None
    tell("settings", Finding(Level.OK, f"{file or 'config.toml'} and what belongs to it can be read"))
    try:
        config.telegram.credentials()
    except CredentialsMissingError as error:
        tell("secrets", Finding(Level.FAILURE, str(error)))
    else:
        tell("secrets", Finding(Level.OK, f"there are all that bot {config.telegram.bot_id} needs"))
    return config


def _subject(config: Config) -> Subject:
    from tgbot.app import proxy_of, server_of
    from tgbot.operate.findings import Subject

    storage = config.storage
    return Subject(
        session=storage.session,
        registry=storage.registry,
        control=storage.control,
        bot_id=config.telegram.bot_id,
        texts=config.bot.texts,
        plugins=config.bot.plugins,
        settings=config.plugins.read,
        site=config.login.public if config.login.listen else "",
        approves=config.join_requests.approve != "never",
        server=server_of(config),
        proxy=proxy_of(config),
        address=storage.address,
    )
