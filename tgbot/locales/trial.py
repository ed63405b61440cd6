"""Each text is tried once: one with a mistake is left out where another stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, TypeAlias

from tgbot.locales import mistakes
from tgbot.locales.bundle import Bundle
from tgbot.locales.ftl import Entry, TextFile
from tgbot.locales.mistakes import Mistake

#: For each language those to look in, in order, itself first and English last.
Chains: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class Tried:
    """The texts that can be used."""

    #: Language → message id → its own texts for it; the last one is used.
    own: dict[str, dict[str, list[Entry]]]
    #: Language → the texts that are used, be they of another language.
    bundles: dict[str, Bundle] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)


@lru_cache(maxsize=4)
def try_texts(files: tuple[TextFile, ...], chains: Chains, who: str = "the bot") -> Tried:
    """Return the texts that can be used, and all mistakes; a text without another one in its place is kept.

    The first English file says which texts there are, and which variables `who` gives each of them. Nobody
    changes what is returned: the same files are tried once, however many bots a process opens.
    """
    tried = Tried({chain[0]: {} for chain in chains})
    for file in files:
        for entry in file.entries:
            tried.own[str(file.language)].setdefault(entry.id, []).append(entry)
    english = chains[0][-1]
    standard = {id_: entries[0] for id_, entries in tried.own[english].items()}
    first = next(file.name for file in files if str(file.language) == english)
    theirs = {id_: entry for id_, entry in standard.items() if entry.file == first}

    @cache
    def given(id_: str) -> frozenset[str] | None:
        return _needed(id_, standard) | standard[id_].documented if id_ in standard else None

    tried.mistakes += mistakes.of_files(files, theirs, who)
    _build(tried, files, chains)
    others = {language: further for language, *further in chains}
    done = {entry for file in files if file.tried for entry in file.entries}
    while found := list(_mistaken(tried, given, done, who)):
        for language, entry, mistake in found:
            done.add(entry)
            tried.mistakes.append(mistake)
            own = tried.own[language]
            if len(own[entry.id]) > 1:
                own[entry.id].remove(entry)
            elif any(entry.id in tried.own[other] for other in others[language]):
                del own[entry.id]
        _build(tried, files, chains)
    tried.mistakes.sort(key=lambda mistake: (mistake.file, mistake.line))
    return tried


def _build(tried: Tried, files: Iterable[TextFile], chains: Chains) -> None:
    """Make the bundle of each language; a text that it lacks is in it in the nearest language."""
    for chain in chains:
        language = chain[0]
        texts: dict[str, Entry] = {}
        others: dict[str, Any] = {}
        for name in reversed(chain):
            texts |= {id_: entries[-1] for id_, entries in tried.own[name].items()}
            for file in files:
                others |= file.others if str(file.language) == name else {}
        # Without the second, a language that Fluent does not know would count as this machine's does.
        tried.bundles[language] = Bundle([language, chain[-1]], texts, others)


def _mistaken(
    tried: Tried, given: Callable[[str], frozenset[str] | None], done: Set[Entry], who: str
) -> Iterator[tuple[str, Entry, Mistake]]:
    """Yield the language, the text and the mistake of each text with a mistake; skip the texts in `done`.

    What renders is looked at once no text has a mistake by itself: one may spoil many that refer to it.
    """
    own = {
        name: {id_: all_[-1] for id_, all_ in texts.items() if all_[-1] not in done}
        for name, texts in tried.own.items()
    }
    found = False
    for language, texts in own.items():
        for entry in texts.values():
            known = tried.bundles[language].known
            if (mistake := mistakes.of_text(entry, given(entry.id), known, who)) is not None:
                found = True
                yield language, entry, mistake
    for language, texts in own.items() if not found else ():
        bundle = tried.bundles[language]
        needed = {
            id_: _needed(id_, bundle.texts) if (names := given(id_)) is None else names for id_ in texts
        }
        for mistake in mistakes.of_rendering(bundle, texts, needed):
            yield language, texts[mistake.id], mistake


def _needed(id_: str, texts: Mapping[str, Entry]) -> frozenset[str]:
    """Return the variables in a text and in all texts that it refers to."""
    seen, ahead = {id_}, [id_]
    variables: set[str] = set()
    while ahead:
        entry = texts[ahead.pop()]
        variables |= entry.variables
        further = entry.references & texts.keys() - seen
        seen |= further
        ahead += further
    return frozenset(variables)
