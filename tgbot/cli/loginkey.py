"""`tgbot login-key`: the key with which one's own site checks who logged in."""

from __future__ import annotations

import typer

from tgbot.cli import printed
from tgbot.cli.invocation import settings
from tgbot.core.errors import ConfigError, CredentialsMissingError


def login_key(context: typer.Context) -> int:
    """Print the key with which the site of `[login] then` checks the tokens of its visitors.

    It is derived from the bot's token and the site's address, and changes with them. Keep it as a secret.
    """
    from tgbot.web.onward import site_key

    config = settings(context)
    if config.telegram.bot_token is None:
        raise CredentialsMissingError("TGBOT_BOT_TOKEN")
    if not config.login.then:
        raise ConfigError("[login] then", "the address of the site that is to check logins", value="")
    printed.line(site_key(config.telegram.bot_token.get_secret_value(), config.login.then).hex())
    return 0
