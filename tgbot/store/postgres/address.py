"""Where the database is: the `[storage] url`, checked, and never shown with its password."""

from __future__ import annotations

import re
from typing import Final

from psycopg import ProgrammingError, conninfo

#: What the bot sets unless the address does: how long to connect, and when a silent link counts as broken.
_DEFAULTS: Final = {
    "client_encoding": "utf8",
    "connect_timeout": "3",
    "tcp_user_timeout": "3000",
    "keepalives_idle": "3",
    "keepalives_interval": "1",
    "keepalives_count": "3",
    "application_name": "tgbot",
}


class Address:
    """The address of a database, as libpq takes it: `postgresql://user@host:port/name`.

    A password may be in it, in PGPASSWORD, or in a password file; none of it is in `place` or in the repr.
    Raise ValueError, without the text itself, for one that cannot be used.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("it does not begin with postgresql://")
        try:
            given = conninfo.conninfo_to_dict(url)
        except ProgrammingError:
            raise ValueError("it is no address that libpq can read") from None
        if not given.get("dbname"):
            raise ValueError("it names no database: postgresql://host/NAME")
        named = f"{given.get('host', '')}{given['dbname']}"
        if "@" in named or not re.fullmatch(r"[\d,]*", str(given.get("port") or "")):
            # A password with such a character lies in other parts, which a person may see.
            raise ValueError("write @ and / in a password as %40 and %2F")
        #: The whole address, for psycopg only.
        self.conninfo = conninfo.make_conninfo(url, **{k: v for k, v in _DEFAULTS.items() if k not in given})
        host = str(given.get("host") or given.get("hostaddr") or "")
        port = f":{given['port']}" if given.get("port") else ""
        #: The address as a person may see it.
        self.place = f"postgresql://{host}{port}/{given['dbname']}"

    def __repr__(self) -> str:
        return f"Address({self.place})"
