"""The texts of the bot in each language: Fluent files, the choice of a language, and its fallbacks."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tgbot.core.errors import TextError
from tgbot.core.users import User
from tgbot.locales.ftl import read_file
from tgbot.locales.languages import nearest, read
from tgbot.locales.trial import try_texts

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

#: The language for users without one, and for every text that another language does not have.
FALLBACK: Final = "en"

_log = logging.getLogger(__name__)


class Texts:
    """All texts by language and message id, read once from `<language>.ftl` files.

    Each text is tried once. One with a mistake is left out where another stands in: that of an earlier file,
    of the nearest language or of English. A text that refers to others gets them in the same order.
    Arguments are not escaped: a caller that puts a text into markup must escape it.
    """

    def __init__(
        self,
        sources: Iterable[Path | Traversable],
        plugin: str = "",
        stem: str = "",
        *,
        tried: Collection[Path | Traversable] = (),
    ) -> None:
        """Read .ftl files; a text in a later file of the same language replaces the earlier one.

        The first English file says which texts there are, and which variables each is given. `plugin` is the
        name of the plugin whose texts they are, "" for the bot's own. It may stand before the language in the
        name of a file, and so may `stem`. The files in `tried` are known to have no mistake.
        """
        read_files = tuple(
            read_file(one, stem if one.name.startswith(f"{stem}.") else plugin, tried=one in tried)
            for one in sources
        )
        who = f"the plugin {plugin}" if plugin else "the bot"
        #: The languages with texts, as they are read and as they are spelled.
        self._known = {file.language: str(file.language) for file in read_files}
        if FALLBACK not in self._known.values():
            file = f"{stem}.{FALLBACK}.ftl" if stem else f"{FALLBACK}.ftl"
            raise TextError(who, f"there is no {file}")
        #: Language code → the languages to look in, in order.
        self._chains: dict[str, tuple[str, ...]] = {}
        found = try_texts(read_files, tuple(map(self._chain, self.languages)), who)
        self._own, self._bundles = found.own, found.bundles
        #: What is wrong with the texts, by file and line.
        self.mistakes = found.mistakes
        #: Texts made of strings and arguments only: their strings, and the names of the arguments between
        #: them; None for other texts. Joining takes 1 µs for a greeting, Fluent's resolver 14 µs.
        self._pieces: dict[tuple[str, str], tuple[list[str], list[str]] | None] = {}

    @classmethod
    def load(cls, extra: Path | None = None) -> Texts:
        """Return the bot's own texts, replaced and extended by those of a directory; log their mistakes."""
        texts = cls(sources(extra), tried=ours())
        for mistake in texts.mistakes:
            _log.warning("%s", mistake)
        return texts

    def become(self, other: Texts) -> None:
        """Have the texts of another one from now on."""
        self.__dict__.update(other.__dict__)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages with texts, the fallback first."""
        return (FALLBACK, *sorted(set(self._known.values()) - {FALLBACK}))

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of two letters of all languages with texts but the fallback."""
        return tuple(sorted({known.base for known in self._known if len(known.base) == 2} - {FALLBACK}))

    def find(self, code: str | None) -> str | None:
        """Return the language nearest to a code, which may be spelled in any way; None if none is near."""
        wanted = read(code or "")
        return next((self._known[near] for near in nearest(wanted, self._known)), None) if wanted else None

    def choose(self, code: str | None) -> str:
        """Return the language for an app's language code: the nearest one, else English."""
        return self._chain(code)[0]

    def to(self, user: User | None) -> Spoken:
        """Return the texts in the language to write to a user in; in English for None."""
        return Spoken(self, None if user is None else user.spoken)

    def has(self, message_id: str) -> bool:
        """Return whether there is such a text, in English at least."""
        return message_id in self._own[FALLBACK]

    def pick(self, language: str | None, given: Mapping[str, str]) -> str:
        """Return the text of the nearest language out of a mapping by code, else the English one."""
        known = {one: text for code, text in given.items() if (one := read(code)) is not None}
        wanted = read(language or FALLBACK)
        found = nearest(wanted, known) if wanted is not None else []
        return known[found[0]] if found else given[FALLBACK]

    def count(self, language: str) -> int:
        """Return how many texts a language has itself."""
        return len(self._own[language])

    def render(self, language: str | None, message_id: str, **args: str | int | float) -> str:
        """Return a text in this language, else in the nearest one, else in English.

        Any language code is accepted. A text that lacks an argument is logged, and the next language's is
        taken; if that lacks it, too, it is shown by its name. Raise TextError if no language has the text.
        """
        shown: str | None = None
        for name in self._chain(language):
            if message_id not in self._own[name]:
                continue
            key = name, message_id
            if key not in self._pieces:
                self._pieces[key] = self._cut(name, message_id)
            if (cut := self._pieces[key]) is not None:
                pieces, names = cut
                values = [args.get(argument) for argument in names]
                if all(isinstance(value, str) for value in values):
                    return "".join(chain.from_iterable(zip(pieces, (*values, ""), strict=True)))  # type: ignore[arg-type]  # all are str
            text, errors = self._bundles[name].render(message_id, args)
            if not errors:
                return text
            for error in errors:
                _log.error("text %s in %s: %s", message_id, name, error)
            shown = shown or text
        if shown is not None:
            return shown
        where = " and ".join(f"{name}.ftl" for name in self._chain(language))
        raise TextError(where, f"there is no text {message_id}")

    def _cut(self, language: str, message_id: str, depth: int = 0) -> tuple[list[str], list[str]] | None:
        """Return a text's strings and the arguments between them; None if it contains anything else."""
        pieces, names = [""], []
        # By class name, because fluent.syntax is a dependency of fluent.runtime, not ours.
        for element in self._bundles[language].texts[message_id].node.value.elements:
            expression = getattr(element, "expression", element)
            match type(expression).__name__:
                case "TextElement":
                    pieces[-1] += expression.value
                case "VariableReference":
                    names.append(expression.id.name)
                    pieces.append("")
                case "MessageReference" if expression.attribute is None and depth < 5:
                    known = expression.id.name in self._bundles[language].texts
                    inner = self._cut(language, expression.id.name, depth + 1) if known else None
                    if inner is None:
                        return None
                    pieces[-1:] = [pieces[-1] + inner[0][0], *inner[0][1:]]
                    names += inner[1]
                case _:
                    return None
        return pieces, names

    def _chain(self, code: str | None) -> tuple[str, ...]:
        code = (code or FALLBACK)[:64]
        languages = self._chains.get(code)
        if languages is None:
            wanted = read(code)
            found = nearest(wanted, self._known) if wanted is not None else []
            languages = tuple(dict.fromkeys([*(self._known[one] for one in found), FALLBACK]))
            if len(self._chains) < 1000:  # strangers choose the code
                self._chains[code] = languages
        return languages


class Spoken:
    """The texts in one language (None: English), called with the name of a text and its arguments."""

    def __init__(self, texts: Texts, language: str | None) -> None:
        self._texts = texts
        self._language = language

    def __call__(self, text: str, **args: str | int | float) -> str:
        return self._texts.render(self._language, text, **args)


def ours() -> list[Path | Traversable]:
    """Return the files of the bot's own texts; each text in them is tried by a test."""
    return list(ftl_files(files("tgbot").joinpath("locales")))


def sources(extra: Path | None = None, plugins: Iterable[str] = ()) -> list[Path | Traversable]:
    """Return the files of the bot's own texts, and after them those of a directory, if one is given.

    Files in it that belong to plugins of these names, such as shop.en.ftl, are left out.
    """
    found = ours()
    if extra is not None:
        if not extra.is_dir():
            raise TextError(extra, "there is no such directory")
        theirs = tuple(f"{plugin}." for plugin in plugins)
        found += (file for file in ftl_files(extra) if not file.name.startswith(theirs))
    return found


def ftl_files(directory: Path | Traversable) -> Iterator[Path | Traversable]:
    """Yield the files of texts in a directory, in the order of their names."""
    # A name that begins with a dot is an editor's.
    found = (file for file in directory.iterdir() if file.name.endswith(".ftl") and file.name[0] != ".")
    yield from sorted(found, key=lambda file: file.name)
