"""Settings: credentials, keys, what their values promise."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.config.test_loading import TOKEN, configured, refusal
from tgbot.config.loading import load
from tgbot.config.settings import HANDLERS, Config
from tgbot.core.errors import CredentialsMissingError
from tgbot.handlers.order import BUILT_IN
from tgbot.messaging.profile import Manage


def test_no_secret_shows_in_a_repr(tmp_path: Path) -> None:
    config = configured(tmp_path, '[telegram]\napi_hash = "sesame"', TGBOT_API_ID="7", TGBOT_BOT_TOKEN=TOKEN)
    shown = f"{config!r} {config} {config.telegram.credentials()!r} {config.model_dump()}"
    assert "sesame" not in shown
    assert TOKEN.partition(":")[2] not in shown


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().bot.concurrency = 5


def test_missing_credentials_are_told_in_three_lines_with_the_names_of_the_missing(tmp_path: Path) -> None:
    with pytest.raises(CredentialsMissingError) as missing:
        configured(tmp_path, "", TGBOT_API_ID="7").telegram.credentials()
    lines = str(missing.value).splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("TGBOT_API_HASH, TGBOT_BOT_TOKEN.")
    assert missing.value.exit_status == 2


def test_a_server_of_ones_own_asks_for_a_token_only(tmp_path: Path) -> None:
    config = configured(tmp_path, '[telegram]\nserver = "127.0.0.1:4430"', TGBOT_BOT_TOKEN=TOKEN)
    api_id, api_hash, token = config.telegram.credentials()
    assert api_id > 0
    assert len(api_hash) == 32
    assert token == TOKEN
    assert str(config.telegram.server) == "127.0.0.1:4430"
    with pytest.raises(CredentialsMissingError, match="TGBOT_BOT_TOKEN"):
        configured(tmp_path, '[telegram]\nserver = "127.0.0.1:4430"').telegram.credentials()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPublicKey:
    return rsa.generate_private_key(65537, 2048).public_key()


@pytest.mark.parametrize("form", [PublicFormat.PKCS1, PublicFormat.SubjectPublicKeyInfo])
def test_a_public_key_of_either_form_is_read_from_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: rsa.RSAPublicKey, form: PublicFormat
) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "server.pem").write_bytes(rsa_key.public_bytes(Encoding.PEM, form))
    config = configured(tmp_path, '[telegram]\npublic_key = "server.pem"')
    assert config.telegram.public_key == tmp_path / "server.pem"
    pem = config.telegram.public_key_pem()
    assert pem is not None
    assert pem.startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert load(None, {"TGBOT_PUBLIC_KEY": str(tmp_path / "server.pem")}).telegram.public_key_pem() == pem


def test_the_handlers_that_can_be_switched_are_the_built_in_ones_in_order() -> None:
    assert [module.__name__ for module in BUILT_IN] == [f"tgbot.handlers.{name}" for name in HANDLERS]
    for manage in Manage:
        assert Config.model_validate({"profile": {"manage": manage.value}}).profile.manage == manage


def test_a_key_that_is_not_rsa_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "ec.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "expected a PEM file with an RSA public key" in refusal(
        tmp_path, '[telegram]\npublic_key = "ec.pem"'
    )


@pytest.mark.parametrize(
    "url",
    [
        "socks5://127.0.0.1:1080",
        "socks5://ann:sesame%40open@proxy.example.com:1080",
        "http://ann:sesame@[::1]:3128",
    ],
)
def test_a_proxy_is_a_secret_address(tmp_path: Path, url: str) -> None:
    for config in (
        configured(tmp_path, f'[telegram]\nproxy = "{url}/"'),
        configured(tmp_path, "", TGBOT_PROXY=url),
    ):
        assert config.telegram.proxy is not None
        assert config.telegram.proxy.get_secret_value() == url
        assert "sesame" not in repr(config)
    assert configured(tmp_path, '[telegram]\nproxy = ""').telegram.proxy is None


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example.com:1080",
        "socks4://ann:sesame@proxy:1080",
        "https://ann:sesame@proxy:1080",
        "socks5://ann:sesame@proxy",
        "socks5://ann:sesame@proxy:0",
        "socks5://ann:sesame@proxy:70000",
        "socks5://ann:sesame@proxy:1080/path",
        "socks5://ann sesame@proxy:1080",
    ],
)
def test_another_proxy_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    line = refusal(tmp_path, f'[telegram]\nproxy = "{url}"')
    assert "[telegram] proxy" in line
    assert "socks5://host:port" in line
    assert "sesame" not in line


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90s", 90), ("30m", 1800), ("1h", 3600), ("365d", 31_536_000)]
)
def test_a_time_has_its_unit(tmp_path: Path, text: str, seconds: float) -> None:
    for config in (
        configured(tmp_path, f'[bot]\nanswer_missed = "{text}"'),
        configured(tmp_path, "", TGBOT_ANSWER_MISSED=text),
    ):
        assert config.bot.answer_missed == seconds


@pytest.mark.parametrize("value", ['"60"', "60", '"1 h"', '"-1h"', '"366d"', "true", "false", '"1y"', '""'])
def test_another_time_is_refused(tmp_path: Path, value: str) -> None:
    line = refusal(tmp_path, f"[bot]\nanswer_missed = {value}")
    assert "[bot] answer_missed" in line
    assert '"90s", "30m", "1h"' in line
