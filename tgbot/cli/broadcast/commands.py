"""The commands `tgbot broadcast …`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tgbot.cli import printed
from tgbot.cli.bot import Bot
from tgbot.cli.broadcast import drafts, reports, shown
from tgbot.cli.broadcast.drafts import Number, Yes, agreed
from tgbot.cli.broadcast.files import for_reading, for_writing
from tgbot.cli.broadcast.options import Until, Zone, language_of, moment_in, zone_in
from tgbot.cli.broadcast.watching import watch as watched
from tgbot.cli.invocation import Json, examples, settings
from tgbot.core.broadcasterrors import PriceError
from tgbot.core.plural import counted

if TYPE_CHECKING:
    from tgbot.config.settings import Config

commands = typer.Typer(
    help="One message to many people, to each exactly once. Drafts can be made while no bot runs."
)

Watch = Annotated[bool, typer.Option("--watch", help="Show how far it is until it ends, or until Ctrl-C.")]

commands.command(
    "create",
    epilog=examples(
        "broadcast create --file news.md --in ru=news.ru.md --name Autumn",
        "broadcast create --message @news/12 --at 2026-12-01T09:00 --until 2026-12-01T21:00",
        'broadcast create --text "It is here" --button Look=https://example.com --seen-after 30d',
    ),
)(drafts.create)
commands.command("edit", epilog=examples("broadcast edit 3 --file news.md", "broadcast edit 3 --clear at"))(
    drafts.edit
)


@commands.command("list", epilog=examples("broadcast list", "broadcast list --json"))
def list_broadcasts(context: typer.Context, zone: Zone = "", json: Json = False) -> None:
    """List all broadcasts: number, state, how many had their turn, when it began or begins, name."""
    _list(settings(context), zone_in(zone), json)


@commands.command(
    epilog=examples("broadcast status", "broadcast status 3 --watch", "broadcast status 3 --json")
)
def status(
    context: typer.Context,
    number: Annotated[
        int | None, typer.Argument(metavar="ID", min=1, help="The number.", show_default="all")
    ] = None,
    watch: Watch = False,
    zone: Zone = "",
    json: Json = False,
) -> None:
    """Show how far a broadcast is: how many got it, how many did not and why, how many wait.

    --watch ends when the broadcast does, or when it pauses; Ctrl-C ends the watching only. Exit status 3:
    there is no such broadcast, or --watch waits for a bot that does not run.
    """
    config, shown_in = settings(context), zone_in(zone)
    if number is None:
        if watch:
            raise typer.BadParameter("it goes with the number of a broadcast", param_hint="--watch")
        _list(config, shown_in, json)
        return
    with Bot(config, for_reading) as bot:
        if watch:
            watched(bot, number, shown_in, json=json)
        else:
            _print(bot.ask("broadcast.status", id=number), shown_in, json, running=bot.running)


@commands.command(
    "test", epilog=examples("broadcast test 3", "broadcast test 3 --to 5000000001 --language ru")
)
def send_test(
    context: typer.Context,
    number: Number,
    to: Annotated[
        list[int] | None,
        typer.Option(metavar="USER_ID", min=1, help="Who gets it.", show_default="[bot] admins"),
    ] = None,
    language: Annotated[
        str,
        typer.Option(
            metavar="LANGUAGE", help="Send the text in this language.", show_default="each one's own"
        ),
    ] = "",
    json: Json = False,
) -> int:
    """Send a draft to a few people, as recipients would get it; each test is sent again.

    It never counts as a delivery. Exit status 1: somebody did not get it. Exit status 3: no bot runs.
    """
    code = language_of(language, "--language") if language else None
    with Bot(settings(context)) as bot:
        results = bot.ask("broadcast.test", id=number, to=to or [], language=code)["results"]
    if json:
        printed.as_json({"results": results})
    else:
        for one in results:
            printed.line(f"{one['user']:<12} {printed.clean(one['result'])}")
    return 0 if all(one["result"] == "sent" for one in results) else 1


@commands.command(epilog=examples("broadcast plan 3", "broadcast plan 3 --json"))
def plan(context: typer.Context, number: Number, json: Json = False) -> None:
    """Show who would get it if it began now, who would not and why, how long it takes, and its price.

    Nothing is sent. Exit status 3: it copies a message, and no bot runs that could read it.
    """
    with Bot(settings(context), for_reading) as bot:
        found = bot.ask("broadcast.plan", id=number)
    if json:
        printed.as_json(found)
        return
    for title, text in shown.plan_lines(found):
        if text:
            printed.line(f"{title:<13} {text}")


@commands.command(epilog=examples("broadcast start 3", "broadcast start 3 --yes --watch"))
def start(
    context: typer.Context,
    number: Number,
    now: Annotated[bool, typer.Option("--now", help="Begin at once, whatever time it has.")] = False,
    yes: Yes = False,
    stars: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Agree to pay so many Telegram stars.", show_default="nothing"),
    ] = 0,
    watch: Watch = False,
    zone: Zone = "",
    json: Json = False,
) -> int:
    """Send a draft to its audience, at its time if it has one; asks first, with the number of people.

    From then on neither the content nor, once it begins, the audience changes. Without a terminal to ask on,
    --yes is needed. Exit status 1: the answer was no. Exit status 3: no bot runs, or there are no recipients.
    """
    shown_in = zone_in(zone)
    with Bot(settings(context)) as bot:
        found = bot.ask("broadcast.plan", id=number)
        _check_price(number, found, stars)
        if not json:
            printed.line(shown.plan_line(found))
        if found["recipients"] and not yes and not agreed(f"Send to {_people(found)}?"):
            printed.complain("nothing was sent")
            return 1
        begun = bot.ask("broadcast.start", id=number, now=now, stars=stars)
        if watch:
            watched(bot, number, shown_in, json=json)
        else:
            _print(begun, shown_in, json)
    return 0


@commands.command(epilog=examples("broadcast pause 3"))
def pause(context: typer.Context, number: Number, zone: Zone = "", json: Json = False) -> None:
    """Stop a running broadcast at once; "resume" goes on with those who wait.

    Without a running bot, it does not go on at the next start.
    """
    _change(context, "broadcast.pause", number, zone, json)


@commands.command(epilog=examples("broadcast resume 3", "broadcast resume 3 --until 21:00"))
def resume(
    context: typer.Context, number: Number, until: Until = "", zone: Zone = "", json: Json = False
) -> None:
    """Go on with a broadcast that was paused, or with those who did not get one in time.

    --until is the new deadline. Without a running bot it goes on at the next start.
    """
    at = moment_in(until, "--until", zone_in(zone), time.time())
    _change(context, "broadcast.resume", number, zone, json, until=at)


@commands.command(epilog=examples("broadcast cancel 3"))
def cancel(context: typer.Context, number: Number, zone: Zone = "", json: Json = False) -> None:
    """Stop a broadcast for good. Who has the message keeps it, and the others never get it."""
    _change(context, "broadcast.cancel", number, zone, json)


@commands.command(epilog=examples("broadcast delete 3", "broadcast delete 3 --yes --watch"))
def delete(
    context: typer.Context,
    number: Number,
    yes: Yes = False,
    watch: Watch = False,
    zone: Zone = "",
    json: Json = False,
) -> int:
    """Delete what a broadcast delivered, for everybody whom it reached; asks first.

    The broadcast has to be done or cancelled. Telegram lets bots delete only what is not older than 48 hours.
    Its numbers stay. Exit status 1: the answer was no, or nothing can be deleted. Exit status 3: there is no
    such broadcast, or no bot runs.
    """
    shown_in = zone_in(zone)
    with Bot(settings(context)) as bot:
        found = bot.ask("broadcast.deletable", id=number)
        if found["reason"] and not json:
            printed.line(f"{counted(found['too_old'], 'message')} cannot be deleted: {found['reason']}")
        question = f"Delete it for {counted(found['deletable'], 'person', 'people')}?"
        if found["deletable"] and not yes and not agreed(question):
            printed.complain("nothing was deleted")
            return 1
        begun = bot.ask("broadcast.delete", id=number)
        if watch:
            watched(bot, number, shown_in, json=json)
        else:
            _print(begun, shown_in, json)
    return 0


@commands.command(epilog=examples("broadcast remove 3", "broadcast remove 3 --yes"))
def remove(context: typer.Context, number: Number, yes: Yes = False, json: Json = False) -> int:
    """Delete all that is kept of a draft, or of a broadcast that has ended; asks first.

    Its report is gone then, and clicks are not counted any more; who has the message keeps it. Exit status 1:
    the answer was no. Exit status 3: there is no such broadcast.
    """
    with Bot(settings(context), for_writing) as bot:
        bot.ask("broadcast.status", id=number)
        if not yes and not agreed(f"Remove broadcast {number}, with what came of it?"):
            printed.complain("nothing was removed")
            return 1
        done = bot.ask("broadcast.remove", id=number)
    printed.as_json(done) if json else printed.line(f"Broadcast {number} is removed.")
    return 0


commands.command(
    "report",
    epilog=examples(
        "broadcast report 3",
        "broadcast report 3 --csv news.csv --chart news.png",
        "broadcast report 3 --json",
    ),
)(reports.report)


def _change(
    context: typer.Context, command: str, number: int, zone: str, json: bool, **arguments: int | None
) -> None:
    shown_in = zone_in(zone)
    with Bot(settings(context), for_writing) as bot:
        _print(bot.ask(command, None, id=number, **arguments), shown_in, json, running=bot.running)


def _list(config: Config, zone: tzinfo | None, json: bool) -> None:
    with Bot(config, for_reading) as bot:
        for one in bot.pages("broadcast.list", "broadcasts"):
            printed.as_json(one) if json else printed.line(shown.row(one, zone))


def _print(status: Mapping[str, Any], zone: tzinfo | None, json: bool, *, running: bool = True) -> None:
    if json:
        printed.as_json(status)
    else:
        shown.page(status, zone, running=running)


def _check_price(number: int, plan: Mapping[str, Any], stars: int) -> None:
    from tgbot.messaging.broadcast.plan import FREE

    if plan["stars"] > stars:
        raise PriceError(number, plan["stars"], int(FREE))


def _people(plan: Mapping[str, Any]) -> str:
    return shown.plan_line(plan).partition(",")[0]
