"""`tgbot link`: links that begin a dialog with the bot or add it to a chat, also as QR codes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tgbot.cli import printed
from tgbot.core.errors import BotUnknownError, CredentialsMissingError
from tgbot.core.links import LinkKind, bot_link, sign, signing_key

if TYPE_CHECKING:
    import segno

    from tgbot.config.settings import Config

#: Endings of the pictures that a QR code can be written as.
_PICTURES = (".svg", ".png")


def link(
    context: typer.Context,
    kind: Annotated[
        LinkKind,
        typer.Argument(
            metavar="KIND",
            help="start begins a dialog; startgroup, startchannel: add the bot to one.",
        ),
    ],
    payload: Annotated[
        str | None,
        typer.Argument(
            metavar="PAYLOAD", help="What /start carries: 1 to 64 of A-Z a-z 0-9 _ - (see --sign)."
        ),
    ] = None,
    bot: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The bot's username; default: that of the session's bot."),
    ] = None,
    rights: Annotated[
        str, typer.Option(metavar="A,B", help="Rights of an administrator that the link asks for.")
    ] = "",
    sign: Annotated[
        bool,
        typer.Option("--sign", help="Sign PAYLOAD, a number or a text, so that nobody else can make one."),
    ] = False,
    qr: Annotated[bool, typer.Option("--qr", help="Draw a QR code of the link on the terminal.")] = False,
    qr_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the QR code to FILE.svg or FILE.png.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> int:
    """Print a link for browsers, one for the app, and the line to type where an app drops the payload.

    With --sign, links.unpack(payload, links.signing_key(bot token)) returns PAYLOAD and refuses any other
    payload; after a new token it refuses those signed before. A link to a channel carries no payload; there
    the bot can only be an administrator.
    """
    from tgbot.cli.invocation import settings

    if qr_file is not None and qr_file.suffix.lower() not in _PICTURES:
        raise typer.BadParameter(f"'{qr_file}' ends neither in .svg nor in .png", param_hint="'--qr-file'")
    if sign and payload is None:
        raise typer.BadParameter("there is no PAYLOAD to sign", param_hint="'--sign'")
    config = settings(context)
    name = (bot or _own_name(config)).removeprefix("@")
    carried = _signed(payload, config) if sign and payload is not None else payload or ""
    made = bot_link(kind, name, carried, tuple(filter(None, re.split("[,+ ]+", rights))))
    result = {
        "kind": kind.value,
        "bot": name,
        "payload": carried or None,
        "link": made.web,
        "app": made.app,
        "type": made.typed,
    }
    if qr_file is not None:
        _code(made.web).save(str(qr_file), scale=8, border=4)
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
        _code(made.web).terminal(out=sys.stdout, compact=True, border=2)
    return 0


def _signed(payload: str, config: Config) -> str:
    if config.telegram.bot_token is None:
        raise CredentialsMissingError("TGBOT_BOT_TOKEN")
    return sign(payload, signing_key(config.telegram.bot_token.get_secret_value()))


def _own_name(config: Config) -> str:
    """Return the bot's username from its session, which a running bot may be using."""
    from tgbot.store.transfer.sessions import Peers

    if config.storage.session.exists():
        with Peers(config.storage.session) as peers:
            bot_id = peers.bot_id()
            me = None if bot_id is None else peers.get([bot_id]).get(bot_id)
        if me is not None and me.names:
            return me.names[0]
    raise BotUnknownError


def _code(text: str) -> segno.QRCode:
    import segno

    return segno.make_qr(text, error="m")
