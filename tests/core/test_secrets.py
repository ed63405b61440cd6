"""What looks like a secret is recognised whatever it is called, and ordinary values are not."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.errors import PluginError, StorageFailedError
from tgbot.core.secrets import HIDDEN, looks_secret, without_secrets

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"


def random_text(seed: int, alphabet: str, length: int) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


seeds = st.integers(0, 2**32)
#: Everything that must not be shown. The random texts do not depend on how Hypothesis makes texts simpler.
SECRETS = (
    st.builds(lambda seed: f"{seed + 10**8}:{random_text(seed, string.ascii_letters + '_-', 35)}", seeds)
    | st.builds(lambda seed: random_text(seed, "0123456789abcdef", 32), seeds)
    | st.builds(lambda seed: random_text(seed, string.ascii_letters + string.digits + "_-", 43), seeds)
    | st.builds(lambda seed: random_text(seed, string.ascii_lowercase + string.digits, 40), seeds)
    | st.builds(lambda seed: f"https://bot:{random_text(seed, string.ascii_letters, 10)}@db.example/x", seeds)
)


@given(SECRETS, st.sampled_from(["{}", "={}", "x{}", '"{}"', "['a', '{}']", "/etc/{}", "{} # mine"]))
def test_a_secret_is_recognised_wherever_it_stands(secret: str, form: str) -> None:
    assert looks_secret(form.format(secret))
    assert secret not in without_secrets(form.format(secret))


@pytest.mark.parametrize(
    "text",
    [
        "many",
        "@me",
        "12345678901234567890",
        "host:70000",
        "[2001:db8::ff00:42:8329]:443",
        "127.0.0.1:8080",
        "https://login2.staging.example.com/bot",
        "https://telegram.org/js/telegram-widget.js?22",
        "/srv/bots/Production2/SupportBot/sessions",
        "/tmp/pytest-of-root/pytest-24/popen-gw0/test_a_wrong_secret_is_not_shown0/config.toml",
        "examples.echo_with_a_rather_long_name",
        "my_company.telegram_plugins.greetings_v2",
        "no file named handlers.SupportBotGreetingPlugin",
        "after_start",
        "2026-11-26T18:30:00+00:00",
    ],
)
def test_an_ordinary_value_is_none(text: str) -> None:
    assert not looks_secret(text)
    assert without_secrets(text) == text


def test_a_token_is_shown_by_no_error_whatever_it_is_about() -> None:
    assert TOKEN not in str(StorageFailedError(f"/srv/{TOKEN}/users.sqlite", "full"))


def test_a_plugins_error_shows_no_secret() -> None:
    key = "0123456789abcdef0123456789abcdef"
    said = str(PluginError("mine", f"register raised ValueError: bad key '{key}', or {TOKEN}"))
    assert key not in said
    assert TOKEN not in said
    assert f"bad key '{HIDDEN}'" in said
