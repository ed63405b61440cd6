"""`tgbot broadcast create` and `edit`: what is sent, to whom and when."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.broadcast import shown
from tgbot.cli.broadcast.files import for_writing
from tgbot.cli.broadcast.options import Options, with_options, zone_in
from tgbot.cli.invocation import Json, settings
from tgbot.core.errors import NoBotRunsError
from tgbot.core.plural import counted

Number = Annotated[
    int, typer.Argument(metavar="ID", min=1, help='The number, as "tgbot broadcast list" shows it.')
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
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
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Change a draft, or edit what a broadcast delivered, for everybody whom it reached.

    Of a draft all can be changed, and what is not named stays. A text in one language takes the place of all
    texts, so name all of them; so do buttons. Of what was delivered the texts and the buttons can be edited,
    once the broadcast is done or cancelled: this asks first, and needs the running bot. Exit status 1: the
    answer was no. Exit status 3: there is no such broadcast, or no bot runs.
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
        found = bot.ask("broadcast.status", id=number)
        if found["state"] in ("draft", "scheduled"):  # of a scheduled one it is told what can be done
            changed = bot.ask("broadcast.change", id=number, **arguments)
        else:
            words = _of_delivered(found, arguments)
            if not bot.running:
                raise NoBotRunsError(bot.directory)
            if not yes and not agreed(f"Edit it for {counted(found['sent'], 'person', 'people')}?"):
                printed.complain("nothing was edited")
                return 1
            changed = bot.ask("broadcast.edit", id=number, **words)
    if json:
        printed.as_json(changed)
    else:
        shown.page(changed, zone_in(options.zone), running=bot.running)
    return 0


def agreed(question: str) -> bool:
    """Return whether the person at the terminal says yes; raise typer.BadParameter without a terminal."""
    if not sys.stdin.isatty():
        problem = "nobody can be asked here: to go on without a question, add it"
        raise typer.BadParameter(problem, param_hint="--yes")
    return typer.confirm(question, default=False)


def _of_delivered(found: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that edit what was delivered; raise typer.BadParameter for other ones."""
    words = dict(arguments)
    if words.get("clear") == ["buttons"]:
        words |= {"buttons": []}
        del words["clear"]
    if other := sorted(words.keys() - {"contents", "buttons"}):
        raise typer.BadParameter(
            f"broadcast {found['id']} is {found['state']}, and of what it delivered only the texts and "
            f"buttons can be edited: leave out what else you named ({', '.join(other)})"
        )
    return words
