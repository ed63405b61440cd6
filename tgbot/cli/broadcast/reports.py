"""`tgbot broadcast report`: what came of a broadcast, in numbers, as a table and as a chart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tgbot.cli import printed
from tgbot.cli.bot import flushed
from tgbot.cli.broadcast import shown, times
from tgbot.cli.broadcast.drafts import Number
from tgbot.cli.broadcast.options import Zone, zone_in
from tgbot.cli.invocation import Json, finish, new_file, settings
from tgbot.core.broadcasterrors import BroadcastUnknownError
from tgbot.core.names import clean_name
from tgbot.core.plural import counted

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.messaging.broadcast.picture import Form
    from tgbot.messaging.broadcast.report import Report


def report(
    context: typer.Context,
    number: Number,
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write a table with a row for each recipient.", show_default="none"
        ),
    ] = None,
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw a chart; FILE ends in .png or .svg.", show_default="none"),
    ] = None,
    zone: Zone = "",
    json: Json = False,
) -> None:
    """Show what came of a broadcast: outcomes in all and by language, errors, clicks, how long it took.

    --json has the numbers over time, too. The table has id, outcome, error, time (UTC), language, ids of the
    messages, used buttons, what came of the last edit or deletion, and the error if it was refused; only the
    owner may read it. An existing file is replaced. The chart needs matplotlib (pip install 'tgbot[chart]').
    A running bot is not disturbed, and a broadcast may run meanwhile. Exit status 3: there is no such
    broadcast.
    """
    from tgbot.messaging.broadcast.chart import form_of

    shown_in, form = zone_in(zone), None
    for path, option in ((table, "--csv"), (chart, "--chart")):
        if path is not None:
            new_file(path, option)
    if chart is not None:
        form = form_of(chart)
    config = settings(context)
    flushed(config)
    made = finish(_report(config, number, table))
    if chart is not None and form is not None:
        finish(_draw(config, made, chart, form, shown_in))
    if json:
        import msgspec

        printed.as_json(msgspec.to_builtins(made))
    else:
        for title, text in _lines(made, shown_in):
            printed.line(f"{title:<13} {text}")
        for path in filter(None, (table, chart)):
            printed.line(f"{'written':<13} {path}")


async def _report(config: Config, number: int, table: Path | None) -> Report:
    """Return the report of a broadcast in the files, with its table written to a file."""
    from tgbot.messaging.broadcast.report import every_chunk, report_on
    from tgbot.messaging.broadcast.rows import write_table
    from tgbot.store.opening import kept_at

    with kept_at(config.storage).broadcasts() as broadcasts:
        broadcast = broadcasts.get(number)
        if broadcast is None:
            raise BroadcastUnknownError(number)
        if table is not None:
            with printed.progress(table.name, broadcast.size or 0) as done:
                await write_table(table, broadcast, every_chunk(broadcasts, number), done)
        return await report_on(broadcasts, broadcast)


async def _draw(config: Config, made: Report, path: Path, form: Form, zone: tzinfo | None) -> None:
    from tgbot.handlers.wording import Words
    from tgbot.locales.library import Library
    from tgbot.messaging.broadcast.chart import draw, picture
    from tgbot.store.files import whole_file

    words = Words(Library.load(config.bot.texts, config.bot.plugins).bot, None)
    shown_in = zone or datetime.fromtimestamp(made.last or 0, UTC).astimezone().tzinfo or UTC
    file = await draw(picture(made, words, shown_in), form)
    with whole_file(path) as part:
        part.touch(mode=0o600)
        part.write_bytes(file)


def _lines(made: Report, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    yield "broadcast", f"{made.id}  {made.name}".rstrip()
    yield "state", made.state
    if made.recipients is None:
        return
    yield "audience", f"{made.recipients:,}"
    yield "outcomes", _numbers(made.outcomes, made.recipients)
    for one in made.languages:
        code = "no text chosen" if one.language is None else clean_name(one.language) or "everybody else"
        yield "", f"{code}: {_numbers(one.outcomes)}"
    if made.errors:
        yield "errors", shown.errors(made.errors)
    for click in made.clicks:
        yield "clicks", f"{click.button}: {counted(click.recipients, 'recipient')}"
    if made.action != "send":
        done = "edited" if made.action == "edit" else "deleted"
        yield made.action, f"{made.corrected:,} {done}, {made.not_corrected:,} refused"
    if made.refusals:
        yield "refusals", shown.errors(made.refusals)
    if made.first is not None and made.last is not None:
        yield "from", times.shown(made.first, zone)
        yield "to", times.shown(made.last, zone)
        yield "time", f"{times.length(made.seconds)}, {made.per_second:g} a second"


def _numbers(outcomes: dict[str, int], whole: int = 0) -> str:
    """Return how many have each outcome, and with `whole` how many of a hundred were sent."""
    found = [f"{number:,} {label.replace('_', ' ')}" for label, number in outcomes.items() if number]
    share = f" ({100 * outcomes['sent'] / whole:.1f} % sent)" if whole else ""
    return ", ".join(found) + share
