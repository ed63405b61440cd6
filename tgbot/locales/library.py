"""All texts of a running bot: its own, and those that plugins bring in files beside their modules."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tgbot.core.errors import TextError
from tgbot.core.pluginnames import names_of
from tgbot.locales.mistakes import Mistake
from tgbot.locales.texts import Texts, ftl_files, ours, sources

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_log = logging.getLogger(__name__)


class PluginTexts(Texts):
    """The texts of a plugin; an id that it does not have is looked up in those of the bot.

    The languages to choose from are the bot's; a text is rendered in any language that the plugin has.
    """

    def __init__(self, bot: Texts, own: Texts | None) -> None:
        """`own` are the plugin's own texts, None if it has no files."""
        self._bot = bot
        self.own = own

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the bot's texts."""
        return self._bot.languages

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the bot's languages."""
        return self._bot.codes

    def find(self, code: str | None) -> str | None:
        """Return the bot's language nearest to a code."""
        return self._bot.find(code)

    def choose(self, code: str | None) -> str:
        """Return the bot's language for an app's language code."""
        return self._bot.choose(code)

    def count(self, language: str) -> int:
        """Return how many texts of its own the plugin has in a language."""
        return self.own.count(language) if self.own is not None and language in self.own.languages else 0

    def has(self, message_id: str) -> bool:
        """Return whether the plugin or the bot has such a text."""
        return self._source(message_id).has(message_id)

    def render(self, language: str | None, message_id: str, **args: str | int | float) -> str:
        """Return a text of the plugin's, else of the bot's, in the nearest language that has it."""
        return self._source(message_id).render(language, message_id, **args)

    def _source(self, message_id: str) -> Texts:
        return self.own if self.own is not None and self.own.has(message_id) else self._bot


class Library:
    """The texts of the bot, and those of its plugins by their names."""

    def __init__(self, extra: Path | None = None, modules: Iterable[str] = ()) -> None:
        """Read the files of the bot and of these plugins, replaced and extended by those of a directory.

        A package has `en.ftl` and others in its directory, a module shop.py has `shop.en.ftl` beside it. In
        `extra` they are named after the plugin: `shop.en.ftl`. Raise TextError if one cannot be used.
        """
        self._names = names_of(modules)
        self.bot = Texts(sources(extra, self._names.values()), tried=ours())
        self.plugins = {
            name: PluginTexts(self.bot, _own(module, name, extra)) for module, name in self._names.items()
        }

    @classmethod
    def load(cls, extra: Path | None = None, modules: Iterable[str] = ()) -> Library:
        """Return the texts as the constructor reads them; log their mistakes."""
        library = cls(extra, modules)
        for mistake in library.mistakes:
            _log.warning("%s", mistake)
        return library

    @property
    def mistakes(self) -> list[Mistake]:
        """What is wrong with the texts, by file and line."""
        own = (texts.own for texts in self.plugins.values())
        return [*self.bot.mistakes, *(mistake for one in own if one is not None for mistake in one.mistakes)]

    def read_again(self, extra: Path | None) -> Library:
        """Return the texts as they are in the files now. Raise TextError."""
        return Library(extra, self._names)

    def take(self, other: Library) -> None:
        """Have the texts of another one, of the same plugins, from now on."""
        self.bot.become(other.bot)
        for name, texts in self.plugins.items():
            texts.own = other.plugins[name].own

    def contents(self, extra: Path | None) -> dict[str, bytes]:
        """Return what is in all files that would be read, by their names; raise TextError."""
        found = sources(extra, self._names.values())
        for module, name in self._names.items():
            found += _files(module, name, extra)[0]
        try:
            return {str(source): source.read_bytes() for source in found}
        except OSError as error:
            raise TextError(error.filename or extra, error.strerror or "it cannot be read") from None


def _own(module: str, name: str, extra: Path | None) -> Texts | None:
    found, stem = _files(module, name, extra)
    return Texts(found, name, stem) if found else None


def _files(module: str, name: str, extra: Path | None) -> tuple[list[Path | Traversable], str]:
    """Return the files of a plugin, and what stands before the language in the names of its own ones."""
    directory, stem = _home(module)
    found: list[Path | Traversable] = []
    if directory is not None:
        found += (file for file in ftl_files(directory) if _owner(file) == stem)
    if extra is not None:
        found += (file for file in ftl_files(extra) if _owner(file) == name)
    return found, stem


def _owner(file: Path | Traversable) -> str:
    """Return what stands before the language in the name of a file: shop of shop.en.ftl, "" of en.ftl."""
    return file.name.removesuffix(".ftl").rpartition(".")[0]


def _home(module: str) -> tuple[Path | None, str]:
    """Return the directory with the texts of a module, None where it has no place, and their stem."""
    try:
        spec = find_spec(module)
    except Exception:  # a package around it may raise anything, which the import of the plugin tells
        return None, ""
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        return None, ""
    file = Path(spec.origin)
    return file.parent, "" if spec.submodule_search_locations is not None else file.stem
