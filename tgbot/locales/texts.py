"""The texts of the bot in each language: Fluent files, the choice of a language, and its fallbacks."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fluent.runtime import FluentBundle, FluentResource

from tgbot.core.encodings import decoded
from tgbot.core.errors import TextError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

#: The language for users without one, and for every text that another language does not have.
FALLBACK: Final = "en"

_log = logging.getLogger(__name__)


class Texts:
    """All texts by language and message id, read once from `<language>.ftl` files.

    Arguments are not escaped: a caller that puts a text into markup must escape it.
    """

    def __init__(self, sources: Iterable[Path | Traversable]) -> None:
        """Read .ftl files; a text in a later file of the same language replaces the earlier one."""
        self._bundles: dict[str, Any] = {}
        #: Language → message id → pattern, as parsed.
        self._patterns: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        #: Texts made of strings and arguments only: their strings, and the names of the arguments between
        #: them; None for other texts. Joining takes 1 µs for a greeting, Fluent's resolver 14 µs.
        self._pieces: dict[tuple[str, str], tuple[list[str], list[str]] | None] = {}
        #: Language code → the languages to look in, in order.
        self._chains: dict[str, tuple[str, ...]] = {}
        for source in sources:
            self._read(source)
        if FALLBACK not in self._bundles:
            raise TextError("the bot", f"there is no {FALLBACK}.ftl")

    @classmethod
    def load(cls, extra: Path | None = None) -> Texts:
        """Return the bot's own texts, replaced and extended by those of a directory, if one is given."""
        sources = list(_ftl(files("tgbot").joinpath("locales")))
        if extra is not None:
            if not extra.is_dir():
                raise TextError(extra, "there is no such directory")
            sources += _ftl(extra)
        return cls(sources)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages with texts, the fallback first."""
        return (FALLBACK, *sorted(self._bundles.keys() - {FALLBACK}))

    def choose(self, code: str | None) -> str:
        """Return the language for an app's language code: the code itself, its base language, or English."""
        return self._chain(code)[0]

    def pick(self, language: str | None, given: Mapping[str, str]) -> str:
        """Return the text in this language out of a mapping, else in its base language, else in English."""
        by_code = {code.lower(): text for code, text in given.items()}
        wanted = _with_bases((language or FALLBACK)[:32])
        return next((by_code[code] for code in wanted if code in by_code), given[FALLBACK])

    def render(self, language: str | None, message_id: str, **args: str | int | float) -> str:
        """Return a text in this language, else in its base language, else in English.

        Any language code is accepted. A missing argument is logged and shown by its name. Raise TextError
        if no language has the text.
        """
        for name in self._chain(language):
            key = name, message_id
            if key not in self._pieces:
                if message_id not in self._patterns[name]:
                    continue
                self._pieces[key] = self._cut(name, message_id)
            if (cut := self._pieces[key]) is not None:
                pieces, names = cut
                values = [args.get(argument) for argument in names]
                if all(isinstance(value, str) for value in values):
                    return "".join(chain.from_iterable(zip(pieces, (*values, ""), strict=True)))  # type: ignore[arg-type]  # all are str
            bundle = self._bundles[name]
            text, errors = bundle.format_pattern(bundle.get_message(message_id).value, args)
            for error in errors:
                _log.error("text %s in %s: %s", message_id, name, error)
            return str(text)
        where = " and ".join(f"{name}.ftl" for name in self._chain(language))
        raise TextError(where, f"there is no text {message_id}")

    def _cut(self, language: str, message_id: str, depth: int = 0) -> tuple[list[str], list[str]] | None:
        """Return a text's strings and the arguments between them; None if it contains anything else."""
        pieces, names = [""], []
        # By class name, because fluent.syntax is a dependency of fluent.runtime, not ours.
        for element in self._patterns[language][message_id].elements:
            expression = getattr(element, "expression", element)
            match type(expression).__name__:
                case "TextElement":
                    pieces[-1] += expression.value
                case "VariableReference":
                    names.append(expression.id.name)
                    pieces.append("")
                case "MessageReference" if expression.attribute is None and depth < 5:
                    known = expression.id.name in self._patterns[language]
                    inner = self._cut(language, expression.id.name, depth + 1) if known else None
                    if inner is None:
                        return None
                    pieces[-1:] = [pieces[-1] + inner[0][0], *inner[0][1:]]
                    names += inner[1]
                case _:
                    return None
        return pieces, names

    def _chain(self, code: str | None) -> tuple[str, ...]:
        code = (code or FALLBACK)[:32]
        languages = self._chains.get(code)
        if languages is None:
            known = {language.lower(): language for language in self._bundles}
            found = [known[name] for name in _with_bases(code) if name in known]
            languages = tuple(dict.fromkeys([*found, FALLBACK]))
            if len(self._chains) < 1000:  # strangers choose the code
                self._chains[code] = languages
        return languages

    def _read(self, source: Path | Traversable) -> None:
        language = source.name.removesuffix(".ftl").replace("_", "-")
        try:
            resource = FluentResource(decoded(source.read_bytes()))
        except OSError as error:
            raise TextError(str(source), f"it cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise TextError(str(source), str(error)) from None
        for entry in resource.body:
            if type(entry).__name__ == "Junk":
                line = entry.content.strip().partition("\n")[0]
                raise TextError(str(source), f"not Fluent: {line!r}")
            if type(entry).__name__ == "Message" and entry.value is not None:
                self._patterns[language][entry.id.name] = entry.value
        if language not in self._bundles:
            try:
                self._bundles[language] = FluentBundle([language], use_isolating=False)
            except ValueError as error:
                raise TextError(str(source), f"{language!r} is not a language") from error
        self._bundles[language].add_resource(resource, allow_overrides=True)


def _with_bases(code: str) -> list[str]:
    """Return a language code in lower case and those of its base languages, the longest first."""
    parts = code.replace("_", "-").lower().split("-")
    return ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _ftl(directory: Path | Traversable) -> Iterator[Path | Traversable]:
    yield from sorted((f for f in directory.iterdir() if f.name.endswith(".ftl")), key=lambda f: f.name)
