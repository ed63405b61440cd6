"""What a cell of a table says, in the dialects of spreadsheets and databases. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

#: How other programs write that a cell says nothing. A name keeps its case: Null, Na and Nan are names.
_NOTHING: Final = frozenset({
    "", "NULL", "null", "(NULL)", "(null)", "<NULL>", "<null>", "[NULL]", "\\N", "nil", "NIL", "None", "none",
    "NONE", "nan", "NaN", "NAN", "NaT", "NA", "<NA>", "N/A", "n/a", "#N/A", "#NULL!", "undefined", "''", '""',
    "-", "--", "–", "—",
})  # fmt: skip
_LOWERED: Final = frozenset(word.lower() for word in _NOTHING)
#: Those of them that are not empty.
WORDS: Final = _NOTHING - {""}
#: With these a spreadsheet begins a formula.
_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
#: A number of which a spreadsheet may have kept 15 digits.
_CUT: Final = re.compile(r"[+-]?[0-9]{15}00+")
#: Floating point numbers above this have lost digits.
_EXACT: Final = 2**53

_PLAIN: Final = re.compile(r"[+-]?[0-9]{1,25}")
_GROUPED: Final = re.compile(
    r"([+-]?[0-9]{1,3})([ .,'’_\u00a0\u2009\u202f])([0-9]{3}(?:\2[0-9]{3}){0,6})((?!\2)[.,]0{1,2})?"
)
_FLOAT: Final = re.compile(r"([+-]?[0-9]{1,25})(?:[.,]([0-9]{0,25}))?(?:[eE]\+?([0-9]{1,2}))?")
_WRAPPED: Final = re.compile(r'="(.*)"|"(.*)"|\'(.*)\'', re.DOTALL)
_DATE: Final = re.compile(
    r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})"
    r"(?:[ ,T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]+)?)?\s*([AaPp]\.?[Mm]\.?)?)?"
)
_ZONE: Final = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)

_TRUE: Final = frozenset({
    "1", "true", "t", "yes", "y", "on", "b'1'", "да", "истина", "wahr", "ja", "vrai", "oui", "verdadero",
    "sí", "si", "verdadeiro", "sim", "vero", "prawda", "tak", "doğru", "evet", "✓", "✔", "☑",
})  # fmt: skip
_FALSE: Final = frozenset({
    "0", "false", "f", "no", "n", "off", "b'0'", "нет", "ложь", "falsch", "nein", "faux", "non", "falso",
    "não", "fałsz", "nie", "yanlış", "hayır", "✗", "✘", "☐",
})  # fmt: skip
#: The longest username, in characters.
LONGEST_NAME: Final = 64
_NAME: Final = re.compile(rf"[A-Za-z0-9_]{{1,{LONGEST_NAME}}}")
_LINK: Final = re.compile(r"(?:https?://)?(?:t\.me|telegram\.me)/|@", re.IGNORECASE)


class CellError(ValueError):
    """A cell cannot be understood; the message says why, without its text."""


# ---- text ----------------------------------------------------------------------------------------


def guarded(text: str) -> str:
    """Return a text as a cell: behind an apostrophe if it looks like a formula, nothing, or a cut number.

    `text_of` takes the apostrophe away again, so every text comes back as it was.
    """
    if text[:1].isalpha() and text.rstrip() not in _NOTHING:  # nearly always
        return text
    return f"'{text}" if _needs_guard(text) else text


def text_of(cell: str) -> str | None:
    """Return the text that a cell holds, None where it says nothing."""
    if cell[:1].isalpha():  # nearly always
        return None if cell.rstrip() in _NOTHING else cell
    if cell.strip() in _NOTHING:
        return None
    if cell.startswith("'"):
        return cell[1:] if _needs_guard(cell[1:]) else cell
    if cell.startswith('="') and (match := _WRAPPED.fullmatch(cell)):
        return match[1].replace('""', '"')
    return cell


def names_of(cell: str) -> list[str] | None:
    """Return the usernames in a cell: with "@" or as links, between spaces or commas, also as a list."""
    if _NAME.fullmatch(cell) and cell not in _NOTHING:  # nearly always
        return [cell]
    text = text_of(cell)
    if text is None:
        return None
    words = re.split(r"[\s,;]+", text.strip().strip("[]{}"))
    names = [_LINK.sub("", word.strip("\"'"), count=1) for word in words if word]
    if not all(map(_NAME.fullmatch, names)):
        raise CellError("is not a username")
    return names


def _needs_guard(text: str) -> bool:
    """Return whether a text needs an apostrophe; one that has some already needs another one for them."""
    if text[:1].isalpha():  # nearly always
        return text.rstrip() in _NOTHING
    stem = text.lstrip("'")
    if not stem:
        return len(text) > 1
    return stem.startswith(_FORMULA) or stem.strip() in _NOTHING or bool(_CUT.fullmatch(stem))


# ---- numbers, times, flags -----------------------------------------------------------------------


def number_of(cell: str) -> int | None:
    """Return the whole number in a cell: with separators of thousands, behind an apostrophe, as 5.00.

    Raise CellError for what is no whole number, has lost digits, or can be read in two ways.
    """
    if len(cell) < 16 and cell.isdecimal() and cell.isascii():  # nearly always
        return int(cell)
    if len(cell) < 22 and cell[-2:] != "00":  # an access hash as an export has it
        digits = cell[2:] if cell.startswith("'-") else cell
        if digits.isdecimal() and digits.isascii():
            return int(digits) if digits is cell else -int(digits)
    text = _bare(cell)
    if text is None:
        return None
    if _PLAIN.fullmatch(text):
        if _CUT.fullmatch(cell.strip()):
            raise CellError("has lost digits")
        return int(text)
    if match := _GROUPED.fullmatch(text):
        first, separator, groups, decimals = match.groups()
        if separator in ".," and groups == "000" and not decimals:
            raise CellError("may be a decimal or thousands")
        return int(first + groups.replace(separator, ""))
    if match := _FLOAT.fullmatch(text):
        whole, decimals, exponent = match[1], match[2] or "", int(match[3] or 0)
        if exponent > len(decimals):
            raise CellError("has lost digits")
        if decimals[exponent:].strip("0"):
            raise CellError("is not a whole number")
        number = int(whole + decimals[:exponent])
        if abs(number) > _EXACT:
            raise CellError("has lost digits")
        return number
    raise CellError("is not a number")


def time_of(cell: str) -> int | None:
    """Return the unix seconds of a cell: a number of seconds, milli-, micro- or nanoseconds, or a date.

    A date without a zone is in UTC. Raise CellError for other text, and for a date of which day and month can
    be exchanged.
    """
    if len(cell) < 12 and cell.isdecimal() and cell.isascii():  # nearly always
        return int(cell)
    text = _bare(cell)
    if text is None:
        return None
    if match := re.fullmatch(r"([0-9]{1,19})(?:[.,][0-9]+)?", text):
        number = int(match[1])
        for digits, scale in ((18, 10**9), (15, 10**6), (12, 1000)):
            if number >= 10 ** (digits - 1):
                return number // scale
        return number
    if _FLOAT.fullmatch(text) or _GROUPED.fullmatch(text):
        return number_of(text)
    text = _ZONE.sub("", text)
    try:
        match = _DATE.fullmatch(text)
        moment = _day_first(match) if match else datetime.fromisoformat(re.sub(r"(?<=\d)/(?=\d)", "-", text))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, CellError) else CellError("is not a time") from None
    if seconds < 0:
        raise CellError("is a time before 1970")
    return seconds


def flag_of(cell: str) -> bool | None:
    """Return whether a cell says yes, in words of several languages; raise CellError for others."""
    text = _bare(cell)
    if text is None:
        return None
    word = (text if text.startswith("b") else re.sub(r"[.,]0+$", "", text)).lower()
    if word in _TRUE or cell.strip().lower() in _TRUE:
        return True
    if word in _FALSE or cell.strip().lower() in _FALSE:
        return False
    raise CellError("is neither true nor false")


def _bare(cell: str) -> str | None:
    """Return what is in a cell without quotes, apostrophe and white space; None where it says nothing."""
    text = cell.strip()
    if match := _WRAPPED.fullmatch(text):
        text = next(group for group in match.groups() if group is not None).strip()
    text = text.removeprefix("'").replace("\u2212", "-").strip()
    return None if text.lower() in _LOWERED else text


def _day_first(match: re.Match[str]) -> datetime:
    """Return the moment of a date with the year at its end."""
    one, other, year = int(match[1]), int(match[3]), int(match[4])
    day, month = one, other
    if match[2] != ".":
        if other > 12:
            day, month = other, one
        elif one <= 12 and one != other:
            raise CellError("may be a day and a month or a month and a day")
    hour, minute, second = (int(part or 0) for part in match.group(5, 6, 7))
    if half := match[8]:
        hour = hour % 12 + 12 * (half[0] in "pP")
    return datetime(year, month, day, hour, minute, second)
