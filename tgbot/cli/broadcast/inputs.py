"""What the options of a broadcast name: texts in files, ids in lists, messages, buttons."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import typer

#: What the first row of a table may say over its ids.
_HEADERS: Final = frozenset({"id", "user_id", "user", "telegram_id", "chat_id"})
#: So many wrong lines are named.
_NAMED: Final = 10
_ENDINGS: Final = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}
#: A chat and the id of a message: t.me/name/5, t.me/c/1234/5, @name/5, -1001234/5.
_MESSAGE: Final = re.compile(r"(.+)/(\d{1,9})", re.ASCII)


def markup_of(file: str) -> str:
    """Return how the text of a file is written, by the ending of its name."""
    return _ENDINGS.get(Path(file).suffix.lower(), "plain")


def text_of(file: str, option: str) -> str:
    """Return the text in a file, "-" for standard input, without the space at its end."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig").rstrip()
    except OSError as error:
        raise _wrong(option, file, f"it cannot be read ({error.strerror}): name a file with a text") from None
    except ValueError:
        raise _wrong(option, file, "it is no UTF-8 text: save it as UTF-8") from None


def ids_in(file: str, option: str) -> list[int]:
    """Return the ids in a file, "-" for standard input: one a line, or in the first column of a table."""
    ids: list[int] = []
    wrong: list[int] = []
    for number, line in enumerate(_lines(file, option), 1):
        cell = re.split(r"[,;\t]", line, maxsplit=1)[0].strip().strip("\"'")
        if cell.isascii() and cell.isdigit() and 0 < int(cell[:19]) < 2**63:
            ids.append(int(cell))
        elif line.strip() and not (number == 1 and cell.lower() in _HEADERS):
            wrong.append(number)
    if wrong:
        named = ", ".join(map(str, wrong[:_NAMED]))
        more = f" and {len(wrong) - _NAMED:,} more" if len(wrong) > _NAMED else ""
        lines = "line" if len(wrong) == 1 else "lines"
        raise _wrong(
            option,
            file,
            f"no user id in {lines} {named}{more}: expected one id a line, or a table with ids first",
        )
    if not ids:
        raise _wrong(
            option, file, "there are no ids in it: expected one id a line, or a table with ids first"
        )
    return ids


def message_of(given: str, option: str) -> dict[str, object]:
    """Return the chat and id of the message that a link or CHAT/ID names."""
    from tgbot.core.addresses import parse
    from tgbot.core.errors import LinkError

    expected = "expected CHAT/ID such as @news/12 or -1001234567890/12, or the link of a message"
    chat: str | int | None = None
    try:
        target = parse(given)
        chat, message = target.username or target.id, target.post
    except LinkError:
        message = None
    if message is None and (split := _MESSAGE.fullmatch(given.strip())) and "://" not in given:
        try:
            target = parse(split[1])
        except LinkError:
            raise _wrong(option, given, expected) from None
        chat, message = target.username or target.id, int(split[2])
    if not chat or not message:
        raise _wrong(option, given, expected)
    return {"chat": chat if isinstance(chat, int) else f"@{chat}", "message": message}


def button_of(given: str, option: str) -> tuple[str, str]:
    """Return text and link of a button that is written TEXT=LINK."""
    text, equals, link = given.partition("=")
    if not (equals and text.strip() and link.strip()):
        raise _wrong(
            option, given, 'expected TEXT=LINK, such as "Open=https://example.com" or "Begin=start:autumn"'
        )
    return text.strip(), link.strip()


def only_one_reads_stdin(files: Iterable[str | None]) -> None:
    """Raise typer.BadParameter if standard input is named twice."""
    if sum(file == "-" for file in files) > 1:
        raise typer.BadParameter("standard input (-) can be read once", param_hint="-")


def _lines(file: str, option: str) -> Iterator[str]:
    try:
        if file == "-":
            yield from sys.stdin
        else:
            with open(file, encoding="utf-8-sig") as lines:
                yield from lines
    except OSError as error:
        raise _wrong(option, file, f"it cannot be read ({error.strerror}): name a file with ids") from None
    except ValueError:
        raise _wrong(option, file, "it is no UTF-8 text: save it as UTF-8") from None


def _wrong(option: str, value: str, problem: str) -> typer.BadParameter:
    return typer.BadParameter(problem, param_hint=f"{option} = '{value}'")
