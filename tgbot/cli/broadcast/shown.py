"""Broadcasts as people read them: one on a page or a line, a plan, and how far one is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from tgbot.cli import printed
from tgbot.cli.broadcast.times import length, shown
from tgbot.core.names import clean_name
from tgbot.core.plural import counted

#: What came of deliveries, in the order of a page: the field, and its words.
_OUTCOMES: Final = (
    ("sent", "sent"),
    ("blocked", "blocked"),
    ("deactivated", "deactivated"),
    ("not_allowed", "not allowed"),
    ("failed", "failed"),
    ("no_news", "no news"),
    ("not_in_time", "not in time"),
    ("forgotten", "forgotten"),
    ("waiting", "waiting"),
)
#: What a reader of a plan is told of those who are left out.
_LEFT_OUT: Final = {
    "no_news": "want no news",
    "not_in_audience": "not in the audience",
    "not_allowed": "not allowed",
}
#: Conditions of an audience that are times, and their words.
_TIMES: Final = {
    "first_seen_after": "met after",
    "first_seen_before": "met before",
    "last_seen_after": "seen after",
    "last_seen_before": "not seen after",
}


def page(status: Mapping[str, Any], zone: tzinfo | None, *, running: bool) -> None:
    """Print how far a broadcast is, and what it is; `running` says whether a bot runs."""
    for title, text in _lines(status, zone, running):
        printed.line(f"{title:<13} {text}")


def row(status: Mapping[str, Any], zone: tzinfo | None) -> str:
    """Return a broadcast on one line: number, state, how many got it, times, name."""
    audience = status["audience"]
    done = "-" if audience is None else f"{audience - status['waiting']:,} of {audience:,}"
    began = status["started"] or status["at"]
    at = "-" if began is None else shown(began, zone)
    return (
        f"{status['id']:<5} {status['state']:<9} {done:<22} {at:<25}  {clean_name(status['name'])}".rstrip()
    )


def progress(status: Mapping[str, Any]) -> str:
    """Return how far a broadcast is, as it changes while somebody looks."""
    audience = status["audience"]
    if audience is None:
        return f"broadcast {status['id']}: {status['state']}"
    turns = audience - status["waiting"]
    share = f"{100 * turns // audience} %" if audience else "100 %"
    parts = [f"broadcast {status['id']}: {status['state']}, {turns:,} of {audience:,} ({share})"]
    parts += [f"{status[name]:,} {words}" for name, words in _OUTCOMES[:-1] if status[name]]
    if status["rate"]:
        parts.append(f"{status['rate']:g}/s")
        parts.append(f"{length(status['waiting'] / status['rate'])} left")
    if status["flood_wait"]:
        parts.append(_flood_wait(status))
    return ", ".join(parts)


def plan_lines(plan: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield titles and texts of what a broadcast would do."""
    yield "recipients", f"{plan['recipients']:,}"
    languages = sorted(plan["languages"].items(), key=lambda one: -one[1])
    if any(plan["languages"]):
        yield "texts", ", ".join(f"{number:,} {_language(code)}" for code, number in languages)
    left_out = {name: number for name, number in plan["left_out"].items() if number}
    yield (
        "left out",
        ", ".join(
            f"{number:,} {_LEFT_OUT.get(name, name.replace('_', ' '))}" for name, number in left_out.items()
        ),
    )
    yield "time", f"{length(plan['seconds'])} at {plan['rate']:g} a second"
    yield "price", "nothing" if not plan["stars"] else f"{counted(plan['stars'], 'star')} at most"


def plan_line(plan: Mapping[str, Any]) -> str:
    """Return what a broadcast would do on one line."""
    price = f", {counted(plan['stars'], 'star')} at most" if plan["stars"] else ""
    people = counted(plan["recipients"], "person", "people")
    return f"{people}, {length(plan['seconds'])} at {plan['rate']:g} a second{price}"


def _lines(status: Mapping[str, Any], zone: tzinfo | None, running: bool) -> Iterator[tuple[str, str]]:
    name = clean_name(status["name"])
    yield "broadcast", f"{status['id']}" + (f"  {name}" if name else "")
    yield "state", _state(status, zone, running)
    definition = status.get("definition")
    if definition is not None:
        yield from _defined(definition, zone)
    for field, words in (("at", "begins"), ("until", "deadline")):
        if status[field] is not None:
            yield words, shown(status[field], zone)
    if status["audience"] is None:
        return
    yield "audience", f"{status['audience']:,}"
    for field, words in _OUTCOMES:
        if status[field] or field in ("sent", "waiting"):
            yield words, f"{status[field]:,}"
    if status["errors"]:
        yield (
            "errors",
            ", ".join(f"{clean_name(name)} {number:,}" for name, number in status["errors"].items()),
        )
    if status["clicks"]:
        yield "clicks", ", ".join(f"{number:,}" for number in status["clicks"])
    if status["rate"]:
        yield "rate", f"{status['rate']:g} a second"
    if status["flood_wait"]:
        yield "flood wait", _flood_wait(status)
    for field, words in (("started", "started"), ("eta", "done about"), ("ended", "ended")):
        if status[field] is not None:
            yield words, shown(status[field], zone)


def _flood_wait(status: Mapping[str, Any]) -> str:
    return f"Telegram asks to wait {length(status['flood_wait'])}"


def _state(status: Mapping[str, Any], zone: tzinfo | None, running: bool) -> str:
    state = str(status["state"])
    if status["reason"]:
        state += f": {printed.clean(status['reason'])}"
    if status["behind"] is not None:
        state += f", after broadcast {status['behind']}"
    if not running and state in ("running", "scheduled"):
        state += "; no bot runs, so it goes on when the bot is started"
    return state


def _defined(definition: Mapping[str, Any], zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    contents = definition["contents"]
    yield (
        "content",
        "; ".join(_content(code, content, alone=len(contents) == 1) for code, content in contents.items()),
    )
    for button in definition["buttons"]:
        link = clean_name(button["url"], 200) or f"start:{clean_name(button['payload'])}".rstrip(":")
        yield "button", f"{clean_name(button['text'])} = {link}"
    audience = definition["audience"]
    yield "recipients", "; ".join(_conditions(audience, zone)) or "everybody whom the bot may write to"
    options = [
        *(["without a sound"] if definition["silent"] else []),
        *([] if definition["preview"] else ["no large preview"]),
        *(["paid"] if definition["paid"] else []),
        *([f"{definition['rate']:g} a second at most"] if definition["rate"] else []),
    ]
    if options:
        yield "options", ", ".join(options)


def _content(code: str, content: Mapping[str, Any], *, alone: bool) -> str:
    copied, characters = content["copy_of"], content["characters"]
    text = f"message {copied['message']} of chat {copied['chat']}" if copied else "text"
    if characters is not None:
        text += f", {counted(characters, 'character')}"
    if (content["messages"] or 1) > 1:
        text += f", an album of {content['messages']}"
    return text if alone and not code else f"{_language(code)}: {text}"


def _conditions(audience: Mapping[str, Any], zone: tzinfo | None) -> Iterator[str]:
    languages: Sequence[str] = audience.get("languages", ())
    if languages:
        yield f"who speak {', '.join(map(clean_name, languages))}"
    for name, words in _TIMES.items():
        if name in audience:
            yield f"{words} {shown(audience[name], zone)}"
    if "payload" in audience:
        yield f"who came with {clean_name(audience['payload'])}…"
    if "premium" in audience:
        yield "with Premium" if audience["premium"] else "without Premium"
    if "ids" in audience:
        yield f"of {counted(audience['ids'], 'chosen user')}"


def _language(code: str) -> str:
    return clean_name(code) if code else "everybody else"
