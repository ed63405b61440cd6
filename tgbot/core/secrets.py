"""What looks like a secret, whatever it is called: for errors that show what somebody wrote."""

from __future__ import annotations

import re
from typing import Final

#: What a message shows instead of a value that may be a secret.
HIDDEN: Final = "(not shown)"

#: A bot's token: its id, and 35 characters.
_TOKEN: Final = re.compile(r"[0-9]{5,}:[\w-]{30,}")
#: An api_hash, a digest, a key.
_HEX: Final = re.compile(r"[0-9A-Fa-f]{32}")
#: A password in an address: user:password@host.
_PASSWORD: Final = re.compile(r"[^\s/:@]*:[^\s/@]+@")
#: What a random text is made of; a path is left out, because its names are looked at one by one.
_UNBROKEN: Final = re.compile(r"[A-Za-z0-9_+=-]{20,}")
#: Where one kind of character follows another, as in words it seldom does.
_JUMP: Final = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])|[a-z](?=[A-Z])")
#: The usual length of words, in which there are no jumps.
_WORD: Final = 5
#: A word of a sentence, without the marks around it.
_SAID: Final = re.compile(r"""[^\s'"“”()\[\]{},;]+""")


def looks_secret(text: str) -> bool:
    """Return whether a token, a hash, a password in an address or a long random text is in a text."""
    if any(form.search(text) for form in (_TOKEN, _HEX, _PASSWORD)):
        return True
    found = (re.sub(r"[_+=-]", "", match[0]) for match in _UNBROKEN.finditer(text))
    return any(len(_JUMP.findall(run)) * _WORD >= len(run) for run in found)


def without_tokens(text: str) -> str:
    """Return a text with HIDDEN in place of bots' tokens."""
    return _TOKEN.sub(HIDDEN, text)


def without_secrets(text: str) -> str:
    """Return a sentence with HIDDEN in place of each word that looks like a secret."""
    return _SAID.sub(lambda word: HIDDEN if looks_secret(word[0]) else word[0], text)
