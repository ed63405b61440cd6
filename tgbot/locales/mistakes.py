"""What can be wrong with texts: misspelt ids and variables, lost references, what does not render."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from tgbot.locales.bundle import Bundle
from tgbot.locales.ftl import Entry, TextFile

#: Values with which each text is tried; each chooses another form in most languages.
_SAMPLES: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong with a text."""

    file: str
    line: int
    #: The text's id.
    id: str
    #: What is wrong, and what was perhaps meant.
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.id}: {self.what}"


def of_files(files: Iterable[TextFile], standard: Mapping[str, object], who: str) -> Iterator[Mistake]:
    """Yield the ids that stand twice in a file, and those that are not known; `standard` has the known ones.

    `who` has these texts: the bot, or a plugin. An id that only other files have may be a plugin's: it is a
    mistake if it is nearly a known one, or if no English file has it.
    """
    files = list(files)
    english = {entry.id for file in files if file.language.base == "en" for entry in file.entries}
    for file in files:
        if file.tried:
            continue
        lines: dict[str, int] = {}
        for entry in file.entries:
            if (first := lines.setdefault(entry.id, entry.line)) != entry.line:
                yield _mistake(entry, f"it stands in line {first} already, and this one counts")
            if entry.id in standard:
                continue
            if guess := _meant(entry.id, standard, nearness=0.85):
                yield _mistake(entry, f"{who} has no such text{guess}")
            elif entry.id not in english:
                yield _mistake(entry, "no English file has such a text")


def of_text(entry: Entry, given: frozenset[str] | None, known: Set[str], who: str) -> Mistake | None:
    """Return what is wrong with a text by itself; None if nothing is.

    `given` are the variables that `who` fills in, None for a text of which that is not known; `known` has the
    ids of all texts and terms that the text may refer to.
    """
    for name in sorted(entry.references - known):
        what = "term" if name.startswith("-") else "text"
        return _mistake(entry, f"there is no {what} {name}{_meant(name, known)}")
    for name in sorted(entry.variables - given) if given is not None else ():
        guess = _meant(name, given or ()) or f"; {who} gives {_listed(given)}"
        return _mistake(entry, f"{who} gives it no ${name}{guess.replace('mean ', 'mean $')}")
    return None


def of_rendering(
    bundle: Bundle, texts: Mapping[str, Entry], given: Mapping[str, frozenset[str]]
) -> list[Mistake]:
    """Render texts with sample values and return the mistakes of the texts that cause them.

    A text that fails only because another one in it does is not among them.
    """
    failed = {id_: error for id_ in texts if (error := _error(bundle, id_, given[id_]))}
    inmost = [id_ for id_ in failed if not texts[id_].references & failed.keys()]
    return [_mistake(texts[id_], f"it cannot be rendered: {failed[id_]}") for id_ in inmost or failed]


def _error(bundle: Bundle, id_: str, given: frozenset[str]) -> str:
    """Return why a text cannot be rendered, "" if it can."""
    for sample in _SAMPLES if given else _SAMPLES[:1]:
        if errors := bundle.render(id_, dict.fromkeys(given, sample))[1]:
            return errors[0]
    return ""


def _mistake(entry: Entry, what: str) -> Mistake:
    return Mistake(entry.file, entry.line, entry.id, what)


def _listed(names: Iterable[str] | None) -> str:
    return ", ".join(f"${name}" for name in sorted(names or ())) or "it none"


def _meant(name: str, known: Iterable[str], *, nearness: float = 0.7) -> str:
    near = get_close_matches(name.lower(), known, 1, nearness)
    return f"; did you mean {near[0]}?" if near else ""
