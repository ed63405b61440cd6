"""The options that `create` and `edit` share, and what they ask of the bot."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import tzinfo
from typing import Annotated, Any, Final, get_type_hints

import typer

from tgbot.cli.broadcast import times
from tgbot.cli.broadcast.inputs import (
    button_of,
    ids_in,
    markup_of,
    message_of,
    only_one_reads_stdin,
    text_of,
)

Zone = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="The zone of the times, such as Europe/Berlin.", show_default="the system's"
    ),
]
Until = Annotated[
    str,
    typer.Option(metavar="TIME", help="The deadline: who is left then does not get it.", show_default="none"),
]
#: When a user was seen.
_SEEN: Final = "A date, or how long ago, such as 30d."


@dataclass(frozen=True, slots=True)
class Options:
    """What a broadcast is to be, as it was typed; what was not typed is empty."""

    text: Annotated[str, typer.Option(metavar="TEXT", help="What is sent.", show_default="none")] = ""
    file: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help='A file with what is sent; "-" is standard input. .md is Markdown, .html is HTML.',
            show_default="none",
        ),
    ] = ""
    message: Annotated[
        str,
        typer.Option(
            metavar="CHAT/ID",
            help="A message to copy, with its picture, video or album; @news/12, or its link.",
            show_default="none",
        ),
    ] = ""
    other: Annotated[
        list[str] | None,
        typer.Option(
            "--in",
            metavar="LANG=FILE",
            help="A file with what those who speak a language get; everybody else gets the other text.",
            show_default="none",
        ),
    ] = None
    markdown: Annotated[bool, typer.Option("--markdown", help="The texts are Markdown.")] = False
    html: Annotated[
        bool, typer.Option("--html", help="The texts are HTML, with the tags that Telegram knows.")
    ] = False
    plain: Annotated[bool, typer.Option("--plain", help="The texts are sent as they are.")] = False
    button: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT=LINK",
            help="A button; its LINK may be start or start:PAYLOAD to start this bot, and is counted then.",
            show_default="none",
        ),
    ] = None
    language: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LANGUAGE", help="Only those who speak it, such as ru or pt-br.", show_default="all"
        ),
    ] = None
    seen_after: Annotated[
        str, typer.Option(metavar="WHEN", help=f"Only those seen since then. {_SEEN}", show_default="none")
    ] = ""
    seen_before: Annotated[
        str, typer.Option(metavar="WHEN", help="Only those not seen since then.", show_default="none")
    ] = ""
    first_seen_after: Annotated[
        str, typer.Option(metavar="WHEN", help="Only those met after that.", show_default="none")
    ] = ""
    first_seen_before: Annotated[
        str, typer.Option(metavar="WHEN", help="Only those met before that.", show_default="none")
    ] = ""
    payload: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="Only those whose first or last start payload begins so.",
            show_default="none",
        ),
    ] = ""
    premium: Annotated[
        bool | None,
        typer.Option("--premium/--no-premium", help="Only those with Telegram Premium, or without."),
    ] = None
    ids: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help='Only the users in a file: an id a line, or a table with ids first; "-" is standard input.',
            show_default="none",
        ),
    ] = ""
    rate: Annotated[
        str,
        typer.Option(
            metavar="N", help="So many people a second at most, such as 10.", show_default="the bot's pace"
        ),
    ] = ""
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help='When it begins, once it is started: "2026-12-01 09:00", or 21:00 for the next one.',
            show_default="at the start",
        ),
    ] = ""
    until: Until = ""
    zone: Zone = ""
    name: Annotated[
        str,
        typer.Option(metavar="NAME", help="What you call it; recipients do not see it.", show_default="none"),
    ] = ""
    silent: Annotated[
        bool | None, typer.Option("--silent/--no-silent", help="Whether it arrives without a sound.")
    ] = None
    preview: Annotated[
        bool | None, typer.Option("--preview/--no-preview", help="Whether a link in it is shown large.")
    ] = None
    paid: Annotated[
        bool | None,
        typer.Option(
            "--paid/--no-paid", help="Whether it may go faster than 30 a second, for 0.1 star a message."
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:  # Any: as JSON has them
        """Return the arguments of the command to the bot; raise typer.BadParameter for what cannot be meant.

        The files are read and their texts checked, so that nothing is made of what cannot be sent.
        """
        now, zone = time.time(), zone_in(self.zone)
        given: dict[str, Any] = {
            "contents": self._contents() or None,
            "buttons": [button_of(one, "--button") for one in self.button or ()] or None,
            "audience": self._audience(now, zone) or None,
            "name": self.name or None,
            "rate": self._rate(),
            "at": moment_in(self.at, "--at", zone, now),
            "until": moment_in(self.until, "--until", zone, now),
            "silent": self.silent,
            "preview": self.preview,
            "paid": self.paid,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _rate(self) -> float | None:
        with suppress(ValueError):
            if not self.rate or 0.01 <= float(self.rate) <= 1000:
                return float(self.rate) if self.rate else None
        expected = "expected a number of people from 0.01 to 1000"
        raise typer.BadParameter(expected, param_hint=f"--rate = '{self.rate}'")

    def _contents(self) -> dict[str, dict[str, object]]:
        sources = {"--text": self.text, "--file": self.file, "--message": self.message}
        named = [option for option, value in sources.items() if value]
        if len(named) > 1:
            raise typer.BadParameter("give one of them", param_hint=" and ".join(named))
        others = [self._in_language(one) for one in self.other or ()]
        only_one_reads_stdin([self.file, self.ids, *(file for _, file in others)])
        contents: dict[str, dict[str, object]] = {}
        if self.text:
            contents[""] = self._text(self.text, "", "--text")
        elif self.file:
            contents[""] = self._text(text_of(self.file, "--file"), self.file, f"--file = '{self.file}'")
        elif self.message:
            contents[""] = message_of(self.message, "--message")
        for code, file in others:
            if code in contents:
                raise typer.BadParameter(f"there are two texts for {code}: give one", param_hint="--in")
            contents[code] = self._text(text_of(file, "--in"), file, f"--in = '{code}={file}'")
        if self._markup() and not any("text" in content for content in contents.values()):
            raise typer.BadParameter("it goes with a text: --text, --file or --in", param_hint=self._markup())
        return contents

    def _text(self, text: str, file: str, where: str) -> dict[str, object]:
        from tgbot.core.broadcasterrors import ContentError
        from tgbot.messaging.broadcast.drafts import Markup, text_content

        markup = Markup(self._markup().removeprefix("--") or markup_of(file))
        try:
            text_content(text, markup)
        except ContentError as error:
            raise typer.BadParameter(str(error).rstrip("."), param_hint=where) from None
        return {"text": text, "markup": markup.value}

    def _markup(self) -> str:
        """Return the option that says how the texts are written, "" for none."""
        chosen = {"--markdown": self.markdown, "--html": self.html, "--plain": self.plain}
        named = [option for option, value in chosen.items() if value]
        if len(named) > 1:
            raise typer.BadParameter("give one of them", param_hint=" and ".join(named))
        return "".join(named)

    def _in_language(self, given: str) -> tuple[str, str]:
        code, equals, file = given.partition("=")
        if not (equals and file):
            problem = "expected LANGUAGE=FILE, such as ru=news.ru.md"
            raise typer.BadParameter(problem, param_hint=f"--in = '{given}'")
        return language_of(code, "--in"), file

    def _audience(self, now: float, zone: tzinfo | None) -> dict[str, object]:
        given: dict[str, object] = {
            "languages": [language_of(code, "--language") for code in self.language or ()] or None,
            "payload": self.payload or None,
            "premium": self.premium,
        }
        for name, option, when in (
            ("last_seen_after", "--seen-after", self.seen_after),
            ("last_seen_before", "--seen-before", self.seen_before),
            ("first_seen_after", "--first-seen-after", self.first_seen_after),
            ("first_seen_before", "--first-seen-before", self.first_seen_before),
        ):
            if when:
                given[name] = _read(times.past_of, when, option, now, zone)
        if self.ids:
            given["ids"] = self._ids()
        return {name: value for name, value in given.items() if value is not None}

    def _ids(self) -> list[int]:
        from tgbot.operate.broadcasts import MOST_IDS

        ids = sorted(set(ids_in(self.ids, "--ids")))
        if len(ids) > MOST_IDS:
            problem = f"there are {len(ids):,} ids in it: give at most {MOST_IDS:,}, in several broadcasts"
            raise typer.BadParameter(problem, param_hint=f"--ids = '{self.ids}'")
        return ids


def with_options(
    command: Callable[..., Any],
) -> Callable[..., Any]:  # Any: what typer's commands take and return
    """Return a command whose parameter `options` is made of one option for each field of `Options`."""
    hints = get_type_hints(Options, include_extras=True)
    added = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(Options)
    ]
    names = frozenset(one.name for one in added)
    own = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for each in own
        for one in (added if each.name == "options" else [each])
    ]

    @functools.wraps(command)
    def with_fields(**given: Any) -> Any:  # Any: the same
        options = Options(**{name: given.pop(name) for name in names})
        return command(options=options, **given)

    with_fields.__dict__["__signature__"] = inspect.Signature(parameters)
    with_fields.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_fields


def zone_in(name: str) -> tzinfo | None:
    """Return the zone that --zone names; raise typer.BadParameter if there is none."""
    try:
        return times.zone_of(name)
    except ValueError as error:
        raise typer.BadParameter(f"expected {error}", param_hint=f"--zone = '{name}'") from None


def moment_in(text: str, option: str, zone: tzinfo | None, now: float) -> int | None:
    """Return the time to come that an option names, None for an empty one; raise typer.BadParameter."""
    if not text:
        return None
    at = _read(times.moment_of, text, option, now, zone)
    if at <= now:
        said = f"{times.shown(at, zone)} is in the past: give a later time"
        raise typer.BadParameter(said, param_hint=f"{option} = '{text}'")
    return at


def language_of(code: str, option: str) -> str:
    """Return the code of a language as it is stored; raise typer.BadParameter for none."""
    from tgbot.locales import languages

    known = languages.read(code)
    if known is None:
        problem = "expected the code of a language, such as ru or pt-br"
        raise typer.BadParameter(problem, param_hint=f"{option} = '{code}'")
    return str(known).lower()


def _read(
    read: Callable[[str, float, tzinfo | None], int], text: str, option: str, now: float, zone: tzinfo | None
) -> int:
    try:
        return read(text, now, zone)
    except ValueError as error:
        raise typer.BadParameter(f"expected {error}", param_hint=f"{option} = '{text}'") from None
