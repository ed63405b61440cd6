"""Each text is tried once: one with a mistake is left out where another stands in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from fluent.runtime import FluentBundle, FluentResource

from tgbot.locales import mistakes
from tgbot.locales.ftl import Entry, TextFile
from tgbot.locales.mistakes import Mistake

#: For each language those to look in, in order, itself first and English last.
Chains: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class Tried:
    """The texts that can be used."""

    #: Language → message id → its own texts for it; the last one is used.
    own: dict[str, dict[str, list[Entry]]]
    #: Language → message id → the text that is used, be it of another language.
    texts: dict[str, dict[str, Entry]] = field(default_factory=dict)
    #: Language → the ids of all texts and terms that its texts may refer to.
    known: dict[str, set[str]] = field(default_factory=dict)
    #: Language → what renders its texts.
    bundles: dict[str, Any] = field(default_factory=dict)
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
    given = {id_: _needed(entry, standard) | entry.documented for id_, entry in standard.items()}
    tried.mistakes += mistakes.of_files(files, theirs, who)
    _build(tried, files, chains)
    others = {language: further for language, *further in chains}
    told: set[Entry] = set()
    while found := list(_mistaken(tried, given, told, who)):
        for language, entry, mistake in found:
            told.add(entry)
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
        resource = FluentResource("")
        resource.body = [*others.values(), *(entry.node for entry in texts.values())]
        # Without the second, a language that Fluent does not know would count as this machine's does.
        bundle = FluentBundle([language, chain[-1]], use_isolating=False)
        bundle.add_resource(resource, allow_overrides=True)
        tried.texts[language], tried.bundles[language] = texts, bundle
        tried.known[language] = texts.keys() | others.keys()


def _mistaken(
    tried: Tried, given: Mapping[str, frozenset[str]], told: Set[Entry], who: str
) -> Iterator[tuple[str, Entry, Mistake]]:
    """Yield languages, their texts with a mistake that is not told yet, and the mistake.

    What renders is looked at once no text has a mistake by itself: one may spoil many that refer to it.
    """
    own = {
        name: {id_: all_[-1] for id_, all_ in texts.items() if all_[-1] not in told}
        for name, texts in tried.own.items()
    }
    found = False
    for language, texts in own.items():
        for entry in texts.values():
            if (
                mistake := mistakes.of_text(entry, given.get(entry.id), tried.known[language], who)
            ) is not None:
                found = True
                yield language, entry, mistake
    for language, texts in own.items() if not found else ():
        needed = {
            id_: given[id_] if id_ in given else _needed(entry, tried.texts[language])
            for id_, entry in texts.items()
        }
        for mistake in mistakes.of_rendering(tried.bundles[language], texts, needed):
            yield language, texts[mistake.id], mistake


def _needed(entry: Entry, texts: Mapping[str, Entry]) -> frozenset[str]:
    """Return the variables in a text and in all texts that it refers to."""
    seen, ahead = {entry.id: entry}, [entry]
    while ahead:
        for id_ in ahead.pop().references:
            if id_ in texts and id_ not in seen:
                seen[id_] = texts[id_]
                ahead.append(texts[id_])
    return frozenset().union(*(one.variables for one in seen.values()))
