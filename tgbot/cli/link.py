"""`tgbot link`: links that begin a dialog with the bot or add it to a chat, also as QR codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.bot import flushed
from tgbot.cli.invocation import Json, new_file, settings
from tgbot.core.addresses import parse
from tgbot.core.errors import BotUnknownError, CredentialsMissingError
from tgbot.core.links import LinkKind, bot_link, rights_in, signing_key
from tgbot.core.links import sign as signed

if TYPE_CHECKING:
    import segno

    from tgbot.config.settings import Config


def link(
    context: typer.Context,
    kind: Annotated[
        LinkKind,
        typer.Argument(metavar="KIND", help="start begins a dialog; the others add the bot to a chat."),
    ],
    payload: Annotated[
        str,
        typer.Argument(
            metavar="PAYLOAD", help="What /start carries: 1 to 64 of A-Z a-z 0-9 _ - (see --sign)."
        ),
    ] = "",
    bot: Annotated[
        str, typer.Option(metavar="NAME", help="The bot's username.", show_default="the session's")
    ] = "",
    rights: Annotated[
        str, typer.Option(metavar="A,B", help="Rights of an administrator to ask for.", show_default="none")
    ] = "",
    sign: Annotated[
        bool,
        typer.Option("--sign", help="Sign PAYLOAD, a number or a text, so that nobody else can make one."),
    ] = False,
    qr: Annotated[bool, typer.Option("--qr", help="Draw a QR code of the link on the terminal.")] = False,
    qr_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the QR code to FILE.svg or FILE.png.", show_default="none"),
    ] = None,
    json: Json = False,
) -> int:
    """Print a link for browsers, one for the app, and the line to type where an app drops the payload.

    With --sign, links.unpack(payload, links.signing_key(bot token)) returns PAYLOAD and refuses any other
    payload; after a new token it refuses those signed before. A link to a channel carries no payload; there
    the bot can only be an administrator.
    """
    if qr_file is not None:
        if qr_file.suffix.lower() not in (".svg", ".png"):
            raise typer.BadParameter(f"'{qr_file}' ends neither in .svg nor in .png", param_hint="--qr-file")
        new_file(qr_file, "--qr-file")
    if sign and not payload:
        raise typer.BadParameter("there is no PAYLOAD to sign", param_hint="--sign")
    config = settings(context)
    name = (parse(bot).username or bot) if bot else own_name(config)
    if sign:
        if config.telegram.bot_token is None:
            raise CredentialsMissingError("TGBOT_BOT_TOKEN")
        payload = signed(payload, signing_key(config.telegram.bot_token.get_secret_value()))
    made = bot_link(kind, name, payload, rights_in(rights))
    result = {"kind": kind, "bot": name, "payload": payload or None}
    lines = {"link": made.web, "app": made.app, "type": made.typed}
    if qr_file is not None:
        from tgbot.store.files import whole_file

        with whole_file(qr_file) as part:
            _code(made.web).save(str(part), scale=8, border=4)
        lines["qr"] = str(qr_file)
    if json:
        printed.as_json(result | lines)
        return 0
    for field, text in lines.items():
        if text is not None:
            printed.line(f"{field:<5} {text}")
    if qr:
        sys.stdout.flush()
        _code(made.web).terminal(out=sys.stdout, compact=True, border=2)
    return 0


def own_name(config: Config) -> str:
    """Return the bot's username from its session."""
    from tgbot.store.opening import kept_at

    flushed(config)  # it may have logged in just now
    with kept_at(config.storage).peers() as peers:
        bot_id = None if peers is None else peers.bot_id()
        me = None if peers is None or bot_id is None else peers.get([bot_id]).get(bot_id)
    if me is not None and me.names:
        return me.names[0]
    raise BotUnknownError


def _code(text: str) -> segno.QRCode:
    import segno

    return segno.make_qr(text, error="m")
