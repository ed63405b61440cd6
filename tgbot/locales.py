"""The texts of the bot in each language: Fluent bundles, the choice of a language, and what stands in."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from babel.core import UnknownLocaleError
from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax import ast

from tgbot.errors import TextError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

#: The language of whoever named none, and of every text that a language lacks.
FALLBACK: Final = "en"

_log = logging.getLogger(__name__)


class Texts:
    """All texts by language and message id, read once from `<language>.ftl` files.

    A text is a user's to read and nobody's to trust: whoever puts a text into markup escapes its arguments.
    """

    def __init__(self, sources: Iterable[Path | Traversable]) -> None:
        """Read every .ftl file; of the same text in two files of one language the later one holds."""
        self._bundles: dict[str, Any] = {}
        #: Texts without arguments, each formatted once.
        self._fixed: dict[tuple[str, str], str] = {}
        #: Asked-for code → languages to look in; bounded by the codes that clients can name.
        self._chains: dict[str, tuple[str, ...]] = {}
        for source in sources:
            self._read(source)
        if FALLBACK not in self._bundles:
            raise TextError("the bot", f"there is no {FALLBACK}.ftl")

    @classmethod
    def load(cls, extra: Path | None = None) -> Texts:
        """The bot's own texts, and over them those of a directory, which may add languages; TextError if bad."""
        sources = list(_ftl(files("tgbot").joinpath("locales")))
        if extra is not None:
            if not extra.is_dir():
                raise TextError(extra, "there is no such directory")
            sources += _ftl(extra)
        return cls(sources)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are texts in, the fallback first."""
        return (FALLBACK, *sorted(self._bundles.keys() - {FALLBACK}))

    def choose(self, code: str | None) -> str:
        """The language to speak to somebody whose app names this code: that one, its base language, or English."""
        return self._chain(code)[0]

    def render(self, language: str | None, message_id: str, **args: str | int | float) -> str:
        """The text in that language or, where it is missing, in the next best; TextError if in none.

        Any language code will do. An argument that is missing is logged and shown by its name.
        """
        chain = self._chain(language)
        fixed = None if args else self._fixed.get((chain[0], message_id))
        if fixed is not None:
            return fixed
        for name in chain:
            bundle = self._bundles[name]
            if not bundle.has_message(message_id):
                continue
            pattern = bundle.get_message(message_id).value
            if pattern is None:
                continue
            text, errors = bundle.format_pattern(pattern, args)
            for error in errors:
                _log.error("text %s in %s: %s", message_id, name, error)
            if not args:
                self._fixed[chain[0], message_id] = str(text)
            return str(text)
        raise TextError(" and ".join(f"{name}.ftl" for name in chain), f"there is no text {message_id}")

    def _chain(self, code: str | None) -> tuple[str, ...]:
        code = (code or FALLBACK)[:32]
        chain = self._chains.get(code)
        if chain is None:
            parts = code.replace("_", "-").lower().split("-")
            wanted = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
            known = {language.lower(): language for language in self._bundles}
            found = [known[name] for name in wanted if name in known]
            chain = tuple(dict.fromkeys([*found, FALLBACK]))
            if len(self._chains) < 1000:  # the code is a stranger's to choose
                self._chains[code] = chain
        return chain

    def _read(self, source: Path | Traversable) -> None:
        language = source.name.removesuffix(".ftl").replace("_", "-")
        try:
            resource = FluentResource(source.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise TextError(str(source), f"it cannot be read: {error}") from error
        for entry in resource.body:
            if isinstance(entry, ast.Junk):
                line = entry.content.strip().partition("\n")[0]
                raise TextError(str(source), f"not Fluent: {line!r}")
        bundle = self._bundles.get(language)
        if bundle is None:
            try:
                bundle = FluentBundle([language], use_isolating=False)
            except (UnknownLocaleError, ValueError) as error:
                raise TextError(str(source), f"{language!r} is no language") from error
            self._bundles[language] = bundle
        bundle.add_resource(resource, allow_overrides=True)


def _ftl(directory: Path | Traversable) -> Iterator[Path | Traversable]:
    yield from sorted((f for f in directory.iterdir() if f.name.endswith(".ftl")), key=lambda f: f.name)
