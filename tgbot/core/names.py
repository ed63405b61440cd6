"""Names that strangers chose: the usernames of a peer, and names made safe to show. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

#: Longer names are cut, in visible characters. Telegram allows 64 code units.
LONGEST: Final = 64
#: Code points of one visible character, its marks and joined pictures included; the rest is dropped. The
#: longest emoji in use has 11.
_LARGEST: Final = 16
#: Marks above, below and through one letter; more than these are not writing, and cover other lines.
_MOST_MARKS: Final = 4

#: Characters without a width that are copied along with text; a joiner and a variation selector can matter.
UNSEEN: Final = (
    "\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064"
    "\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\ufeff"
)
#: What can be between two words: white space of any kind, and what is not seen.
GAP: Final = (
    " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000" + UNSEEN
)

#: Text that needs no look at each character: Latin without soft hyphens, Greek, Cyrillic.
_SIMPLE: Final = re.compile(r"[ -~¡-¬®-ɏΑ-ώ\u0400-\u0482\u048a-\u04ff]*")
#: The flag of a region: a black flag, the region in invisible tag characters, and an end.
_TAGGED_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e007a]{3,6}\U000e007f")
_JOINER: Final = "\u200d"
_JOINERS: Final = frozenset("\u200c\u200d")
#: Letters and symbols that show nothing: Hangul fillers, the blank Braille pattern, the place of an object,
#: and the blank note.
_BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\ufffc\U0001d159")
_SKIN_TONES: Final = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
#: Categories of marks that take no place of their own.
_STACKED: Final = frozenset({"Mn", "Me"})
#: Categories of letters and marks whose shape a joiner can change.
_JOINABLE: Final = frozenset({"Lo", "Mn", "Mc"})
#: The combining class of the sign that cuts a vowel off in Indic scripts.
_VIRAMA: Final = 9


def usernames_of(peer: object) -> tuple[str, ...]:
    """Return the active usernames of a TL user or channel as they are spelled, the main one first.

    Empty for what has none, and for a peer of a type that has no usernames.
    """
    several, main = getattr(peer, "usernames", None), getattr(peer, "username", None)
    if not several:
        return (main,) if main else ()
    names = [name.username for name in several if name.active]
    if main and main not in names:
        names.insert(0, main)
    return tuple(names)


def clean_name(name: str | None, longest: int = LONGEST) -> str:
    """Return a stranger's name, title or other words on one line, safe to show anywhere; "" for nameless.

    Control and direction characters are dropped, white space becomes single spaces, and a name longer than
    `longest` visible characters ends in "…". Joiners stay where they join letters or emoji, tag characters
    where they make a flag. A name in which nothing is visible is "". Markup is not escaped.
    """
    if not name:
        return ""
    if _SIMPLE.fullmatch(name):
        name = " ".join(name.split())
        return name if len(name) <= longest else name[: longest - 1].rstrip() + "…"
    shown: list[str] = []
    for character in _characters(name):
        if character != " " or (shown and shown[-1] != " "):
            shown.append(character)
        if len(shown) > longest + 1:
            break
    if shown and shown[-1] == " ":
        del shown[-1]
    if len(shown) > longest:
        return "".join(shown[: longest - 1]).rstrip() + "…"
    return "".join(shown)


def full_name(first: str | None, last: str | None) -> str:
    """Return the name of a person, both parts cleaned; "" for nameless."""
    return " ".join(filter(None, (clean_name(first), clean_name(last))))


def _characters(text: str) -> Iterator[str]:
    """Yield visible characters with all that belongs to them, and " " for each gap between them."""
    whole = ""
    at, end = 0, len(text)
    while at < end:
        if flag := _TAGGED_FLAG.match(text, at):
            yield from filter(None, (whole, flag[0]))
            whole, at = "", flag.end()
            continue
        char = text[at]
        at += 1
        category = unicodedata.category(char)
        if char in _JOINERS:
            if len(whole) < _LARGEST and _joins(whole, char, text[at : at + 1]):
                whole += char
        elif category[0] == "Z" or category == "Cc" or char in _BLANK:
            yield from filter(None, (whole, " "))
            whole = ""
        elif category[0] == "C" and not _is_picture(char, category):
            continue
        elif category[0] == "M" or char in _SKIN_TONES:
            if whole and len(whole) < _LARGEST and (category not in _STACKED or _marks(whole) < _MOST_MARKS):
                whole += char
        elif whole.endswith(_JOINER):
            whole += char
        else:
            if whole:
                yield whole
            whole = char
    if whole:
        yield whole


def _marks(whole: str) -> int:
    """Return how many stacked marks end a visible character."""
    number = 0
    while unicodedata.category(whole[-number - 1]) in _STACKED:
        number += 1
    return number


def _joins(before: str, joiner: str, after: str) -> bool:
    """Return whether a joiner has a meaning between a visible character and the next code point."""
    last = before.rstrip("\ufe0f")[-1:]
    if not last:
        return False
    if joiner == _JOINER and unicodedata.combining(last) == _VIRAMA:
        return True  # also at the end of a word: some Malayalam letters are spelled so
    if not after or after in _BLANK:
        return False
    left, right = unicodedata.category(last), unicodedata.category(after)
    if left in _JOINABLE:
        return right in _JOINABLE
    return joiner == _JOINER and _is_picture(last, left) and _is_picture(after, right)


def _is_picture(char: str, category: str) -> bool:
    """Return whether a character can be part of an emoji, one of a later Unicode version included."""
    unassigned = category == "Cn" and "\U0001f300" <= char <= "\U0001faff"
    return unassigned or category in ("So", "Sm") or char in _SKIN_TONES
