"""`tgbot broadcast create` and `edit`: what is sent, to whom and when."""

from __future__ import annotations

from typing import Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.broadcast import shown
from tgbot.cli.broadcast.files import for_writing
from tgbot.cli.broadcast.options import Options, with_options, zone_in
from tgbot.cli.invocation import Json, settings

Number = Annotated[
    int, typer.Argument(metavar="ID", min=1, help='The number, as "tgbot broadcast list" shows it.')
]
#: What `--clear` takes back.
CLEARED = ("at", "until", "name", "rate", "buttons", "audience")


@with_options
def create(context: typer.Context, options: Options, json: Json = False) -> None:
    """Make a draft of a broadcast, and print its number. Nothing is sent.

    The text comes from --text, --file, --message or --in. Without a condition it is for everybody whom the
    bot may write to; each condition narrows that. Who wants no news (/stop_news) never gets one. Times are in
    the zone of this machine, or in --zone. While no bot runs the draft is made in the bot's files.
    """
    arguments = options.arguments()
    if "contents" not in arguments:
        problem = "there is nothing to send: give it a text, a file or a message"
        raise typer.BadParameter(problem, param_hint="--text, --file or --message")
    with Bot(settings(context), for_writing) as bot:
        made = bot.ask("broadcast.create", **arguments)
    if json:
        printed.as_json(made)
        return
    shown.page(made, zone_in(options.zone), running=bot.running)
    number = made["id"]
    printed.line(f"Look at it first: tgbot broadcast test {number}; then: tgbot broadcast start {number}")


@with_options
def edit(
    context: typer.Context,
    number: Number,
    options: Options,
    clear: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT", help=f"Take it back: {', '.join(CLEARED)}.", show_default="nothing"),
    ] = None,
    json: Json = False,
) -> None:
    """Change a draft: what is not named stays.

    A text in one language takes the place of all texts, so name all of them; so do buttons. Exit status 3:
    there is no such broadcast.
    """
    arguments = options.arguments()
    for what in clear or ():
        if what not in CLEARED:
            problem = f"expected one of {', '.join(CLEARED)}"
            raise typer.BadParameter(problem, param_hint=f"--clear = '{what}'")
    if clear:
        arguments["clear"] = clear
    if not arguments:
        raise typer.BadParameter(
            "there is nothing to change: name what", param_hint="--text, --until or another"
        )
    with Bot(settings(context), for_writing) as bot:
        changed = bot.ask("broadcast.change", id=number, **arguments)
    if json:
        printed.as_json(changed)
    else:
        shown.page(changed, zone_in(options.zone), running=bot.running)
