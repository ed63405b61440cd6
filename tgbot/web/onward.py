"""The way on to one's own site after a login: its address with a token, a JWT signed with HS256. Pure."""

from __future__ import annotations

import base64
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from tgbot.core.derived import derived_key
from tgbot.core.names import clean_name
from tgbot.web.login import Login

#: For how many seconds a token is accepted.
LIFETIME: Final = 120
_HEADER: Final = b'{"alg":"HS256","typ":"JWT"}'
#: What a site may give its visitors along to the login page, and finds in their token again.
NONCE: Final = re.compile(r"[A-Za-z0-9_.~-]{1,128}")


@dataclass(frozen=True, slots=True)
class Onward:
    """Sends visitors who logged in on to the address `then`, which may have a query of its own."""

    then: str
    #: The public address of the login page.
    issuer: str
    bot_token: str = field(repr=False)

    def address(self, login: Login, now: float, nonce: str) -> str:
        """Return where a visitor is sent on to, with a token that says who they are; "" for no nonce.

        Two tokens of one login have the same `jti`.
        """
        claims = {
            "iss": self.issuer,
            "aud": audience(self.then),
            "sub": str(login.id),
            "name": clean_name(f"{login.first_name} {login.last_name}"),
            "preferred_username": login.username,
            "auth_time": login.auth_date,
            "iat": int(now),
            "exp": int(now) + LIFETIME,
            "jti": login.digest.hex(),
            "nonce": nonce,
        }
        known = json.dumps({name: value for name, value in claims.items() if value != ""})
        signed = f"{_base64(_HEADER)}.{_base64(known.encode())}"
        signature = hmac.digest(site_key(self.bot_token, self.then), signed.encode(), "sha256")
        parts = urlsplit(self.then)
        query = f"{parts.query}&" if parts.query else ""
        return urlunsplit(
            parts._replace(path=parts.path or "/", query=f"{query}token={signed}.{_base64(signature)}")
        )


def site_key(bot_token: str, then: str) -> bytes:
    """Return the key of the tokens for the site to which an address belongs.

    Each site has a key of its own; neither the bot's token nor another site's key can be computed from it.
    """
    return derived_key(bot_token, f"logins for {audience(then)}")


def audience(then: str) -> str:
    """Return the site to which an address belongs: scheme, host and port."""
    parts = urlsplit(then)
    return f"{parts.scheme}://{parts.netloc}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
