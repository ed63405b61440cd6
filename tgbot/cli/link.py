"""`tgbot link`: links that begin a dialog with the bot or add it to a chat, also as QR codes."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.core.errors import BotUnknownError, CredentialsMissingError, LinkError

if TYPE_CHECKING:
    from tgbot.config.settings import Config

#: What a QR code can be written as.
_PICTURES = (".svg", ".png")


class Kind(StrEnum):
    """What a link does."""

    START = "start"
    STARTGROUP = "startgroup"
    STARTCHANNEL = "startchannel"


def link(
    context: typer.Context,
    kind: Annotated[
        Kind,
        typer.Argument(
            metavar="KIND",
            help="start begins a dialog; startgroup, startchannel: add the bot to one.",
        ),
    ],
    payload: Annotated[
        str | None,
        typer.Argument(
            metavar="PAYLOAD", help="What /start brings along: 1 to 64 of A-Z a-z 0-9 _ - (see --sign)."
        ),
    ] = None,
    bot: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The bot's username; without it the session's own bot."),
    ] = None,
    rights: Annotated[
        str, typer.Option(metavar="A,B", help="Rights of an administrator that the link asks for.")
    ] = "",
    sign: Annotated[
        bool,
        typer.Option("--sign", help="Pack PAYLOAD, a number or a text, so that nobody else can make one."),
    ] = False,
    qr: Annotated[bool, typer.Option("--qr", help="Draw a QR code of the link on the terminal.")] = False,
    qr_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the QR code to FILE.svg or FILE.png.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> int:
    """Print a link for browsers, one for the app, and the line to type where an app drops the payload.

    With --sign links.unpack(payload, links.signing_key(bot token)) gives PAYLOAD back and refuses any other;
    a new token makes all signed ones void. A channel is told no payload, and takes a bot as administrator
    only.
    """
    from tgbot.cli import settings

    if qr_file is not None and qr_file.suffix.lower() not in _PICTURES:
        raise typer.BadParameter(f"'{qr_file}' ends neither in .svg nor in .png", param_hint="'--qr-file'")
    if sign and payload is None:
        raise typer.BadParameter("there is no PAYLOAD to sign", param_hint="'--sign'")
    config = settings(context)
    name = (bot or _own_name(config)).removeprefix("@")
    try:
        told = _signed(payload, config) if sign and payload is not None else payload or ""
        result = _links(kind, name, told, tuple(filter(None, re.split("[,+ ]+", rights))))
    except LinkError as error:
        printed.complain(str(error))
        return 2  # what was typed is wrong
    if qr_file is not None:
        _code(result["link"]).save(str(qr_file), scale=8, border=4)
    if json:
        printed.as_json(result | ({} if qr_file is None else {"qr": str(qr_file)}))
        return 0
    for field in ("link", "app", "type"):
        if result[field]:
            printed.line(f"{field:<5} {result[field]}")
    if qr_file is not None:
        printed.line(f"qr    {qr_file}")
    if qr:
        sys.stdout.flush()
        _code(result["link"]).terminal(out=sys.stdout, compact=True, border=2)
    return 0


def _links(kind: Kind, bot: str, payload: str, rights: tuple[str, ...]) -> dict[str, Any]:
    from tgbot.core.links import channel_link, group_link, start_link

    ours = " ".join(("", payload)).rstrip()
    if kind is Kind.START:
        if rights:
            raise LinkError("--rights", "a private dialog knows no administrators")
        both = [start_link(bot, payload, app=app) for app in (False, True)]
        typed: str | None = f"/start{ours}"
    elif kind is Kind.STARTGROUP:
        both = [group_link(bot, payload, rights, app=app) for app in (False, True)]
        typed = f"/start@{bot}{ours}"
    else:
        if payload:
            raise LinkError("start payload", "a channel is told none")
        both = [channel_link(bot, rights, app=app) for app in (False, True)]
        typed = None
    return {
        "kind": kind.value,
        "bot": bot,
        "payload": payload or None,
        **dict(zip(("link", "app"), both, strict=True)),
        "type": typed,
    }


def _signed(payload: str, config: Config) -> str:
    from tgbot.core.links import pack, signing_key

    if config.telegram.bot_token is None:
        raise CredentialsMissingError(["TGBOT_BOT_TOKEN"])
    key = signing_key(config.telegram.bot_token.get_secret_value())
    # A number takes fewer characters; one with a leading 0 is a text.
    value = int(payload) if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", payload) else payload
    return pack(value, key=key)


def _own_name(config: Config) -> str:
    """The bot's name as the session has it, which may be in use."""
    from tgbot.store.transfer.sessions import Peers

    if config.storage.session.exists():
        with Peers(config.storage.session) as peers:
            bot_id = peers.bot_id()
            me = None if bot_id is None else peers.get([bot_id]).get(bot_id)
        if me is not None and me.names:
            return me.names[0]
    raise BotUnknownError


def _code(text: str) -> Any:
    import segno

    return segno.make_qr(text, error="m")
