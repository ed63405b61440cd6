"""Configuration: which origin wins, what is refused, and how the refusal reads."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_secrets import SECRETS
from tgbot.config.loading import load, places, sections
from tgbot.config.settings import Config, variable
from tgbot.config.values import Server
from tgbot.core.errors import ConfigError

ROOT = Path(__file__).parents[2]
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


def configured(directory: Path, text: str, **environ: str) -> Config:
    file = directory / "config.toml"
    file.write_text(text)
    return load(file, environ)


def refusal(directory: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as refused:
        configured(directory, text, **environ)
    assert refused.value.exit_status == 2
    sentence = str(refused.value)
    assert "\n" not in sentence
    return sentence.replace(str(directory), "DIR")


def test_the_shipped_file_documents_every_key_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    written = tomllib.loads((ROOT / "config.toml").read_text())
    assert {section: tuple(values) for section, values in written.items()} == {
        section: tuple(keys) for section, keys in sections().items()
    }
    monkeypatch.chdir(ROOT)
    shipped = load(Path("config.toml"), {})
    assert shipped == Config()
    for section, values in written.items():
        for key, value in values.items():
            default = getattr(getattr(Config(), section), key)
            if default is None:
                assert value in ("", 0), key
            else:
                assert type(value) in (type(default), list, dict, str), key


def test_without_a_file_and_variables_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {}) == Config()


def test_the_file_in_the_current_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text("[bot]\nconcurrency = 3")
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).bot.concurrency == 3


def test_a_missing_file_that_was_asked_for_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--config = '.*absent.toml': expected a file that exists"):
        load(tmp_path / "absent.toml", {})


def test_the_environment_beats_secrets_and_secrets_beat_the_file(tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text('[telegram]\napi_id = 2\napi_hash = "from-secrets"')
    text = '[telegram]\napi_id = 1\napi_hash = "from-file"\ndc_id = 5'
    config = configured(tmp_path, text, TGBOT_API_ID="3", TGBOT_BOT_TOKEN=TOKEN)
    assert config.telegram.credentials() == (3, "from-secrets", TOKEN)
    assert config.telegram.dc_id == 5
    assert config.telegram.bot_id == 110201543


def test_secrets_are_read_where_there_is_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets.toml").write_text("[telegram]\napi_id = 2")
    monkeypatch.chdir(tmp_path)
    assert load(None, {}).telegram.api_id == 2


VARIABLES = {
    "TGBOT_API_ID": ("12", 12),
    "TGBOT_SERVER": ("[::1]:4430", Server("::1", 4430)),
    "TGBOT_DC_ID": ("3", 3),
    "TGBOT_ADMINS": ("1, 22,333", (1, 22, 333)),
    "TGBOT_PLUGINS": ("examples.echo,my.own", ("examples.echo", "my.own")),
    "TGBOT_HANDLERS": ("start, help", ("start", "help")),
    "TGBOT_KEEP": ("all", "all"),
    "TGBOT_TEXTS": ("/etc/bot/texts", Path("/etc/bot/texts")),
    "TGBOT_PER_USER": ("20/min", (20, 60)),
    "TGBOT_PACE": ("12.5", 12.5),
    "TGBOT_CONCURRENCY": ("7", 7),
    "TGBOT_HANDLER_SECONDS": ("1.5", 1.5),
    "TGBOT_PARKED": ("0", 0),
    "TGBOT_ANSWER_MISSED": ("0", 0.0),
    "TGBOT_GRACE_SECONDS": ("0", 0.0),
    "TGBOT_PROFILE_MANAGE": ("never", "never"),
    "TGBOT_JOIN_REQUESTS_APPROVE": ("after_start", "after_start"),
    "TGBOT_STORAGE_DIRECTORY": ("/var/lib/bot", Path("/var/lib/bot")),
    "TGBOT_LOGIN_LISTEN": ("127.0.0.1:8080", Server("127.0.0.1", 8080)),
    "TGBOT_LOGIN_SITE": ("https://Example.com/", "https://example.com"),
    "TGBOT_LOGIN_THEN": ("https://Example.com:444/Welcome?a=B", "https://example.com:444/Welcome?a=B"),
    "TGBOT_LOGIN_MAX_AGE": ("3600", 3600),
    "TGBOT_LOGIN_WIDGET": ("http://127.0.0.1:1/js/w.js?2", "http://127.0.0.1:1/js/w.js?2"),
    "TGBOT_STORAGE_NODE": ("left", "left"),
    "TGBOT_STORAGE_LEASE": ("5s", 5.0),
    "TGBOT_OPERATE_LISTEN": ("127.0.0.1:9464", Server("127.0.0.1", 9464)),
    "TGBOT_OPERATE_ALERTS": ("disk, poison", ("disk", "poison")),
    "TGBOT_LOG_LEVEL": ("debug", "DEBUG"),
    "TGBOT_LOG_LEVELS": ("tgbot.x=debug, aiohttp=INFO", (("tgbot.x", "DEBUG"), ("aiohttp", "INFO"))),
    "TGBOT_LOG_FORMAT": ("json", "json"),
}


def test_every_key_has_a_variable(tmp_path: Path) -> None:
    config = configured(tmp_path, "", **{name: text for name, (text, _) in VARIABLES.items()})
    known = {variable(*place): place for place in places()}
    for name, (_, value) in VARIABLES.items():
        section, key = known.pop(name)
        assert getattr(getattr(config, section), key) == value, name
    elsewhere = {"API_HASH", "BOT_TOKEN", "PROXY", "PUBLIC_KEY", "OPERATE_WEBHOOK", "STORAGE_URL"}
    assert set(known) == {f"TGBOT_{name}" for name in elsewhere}


def test_an_empty_variable_takes_its_key_back_to_the_default(tmp_path: Path) -> None:
    public = rsa.generate_private_key(65537, 1024).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "key.pem").write_bytes(public.public_bytes(serialization.Encoding.PEM, form))
    written = f"""
        [telegram]
        api_id = 1\napi_hash = "x"\nbot_token = "{TOKEN}"\nserver = "a:1"\ndc_id = 4\npublic_key = "key.pem"
        proxy = "socks5://a:1"
        [bot]
        admins = [1]\nplugins = ["a"]\ntexts = "t"\npace = 3\nconcurrency = 3\nhandler_seconds = 3\nparked = 3
        grace_seconds = 3\nhandlers = ["help"]\nkeep = "all"\nanswer_missed = "3h"
        per_user = "3/s"
        [profile]\nmanage = "always"
        [join_requests]\napprove = "always"
        [storage]\ndirectory = "kept"\nurl = "postgresql://a/b"\nnode = "left"\nlease = "5s"
        [login]\nlisten = "a:1"\nsite = "https://example.com"\nmax_age = 60\nwidget = "https://a.example/x"
        then = "https://b.example/"
        [operate]\nlisten = "a:1"\nalerts = []\nwebhook = "https://a.example/x"
        [log]\nlevel = "ERROR"\nlevels = {{ "a.b" = "debug" }}\nformat = "json"
        """
    names = {variable(*place) for place in places()}
    assert {key for values in tomllib.loads(written).values() for key in values} == {
        key for _, key in places()
    }
    everything = configured(tmp_path, written)
    for section, key in places():
        assert getattr(getattr(everything, section), key) != getattr(getattr(Config(), section), key), key
    for empty in ("", " "):
        emptied = configured(tmp_path, written, **dict.fromkeys(names, empty))
        assert emptied == configured(tmp_path, "")
    assert configured(tmp_path, written, TGBOT_ADMINS="").bot == everything.bot.model_copy(
        update={"admins": ()}
    )


def test_an_empty_variable_with_a_name_that_is_nearly_ours_is_refused_too(tmp_path: Path) -> None:
    assert "did you mean TGBOT_ADMINS?" in refusal(tmp_path, "", TGBOT_ADMIN="")


def test_a_variable_that_is_nearly_ours_is_refused_and_others_are_left_alone(tmp_path: Path) -> None:
    configured(tmp_path, "", TGBOT_SERVICE_HOST="10.0.0.1", TGBOT_PORT="tcp://10.0.0.1:80", HOME="/")
    line = refusal(tmp_path, "", TGBOT_TOKEN=TOKEN)
    assert "TGBOT_TOKEN" in line
    assert "did you mean TGBOT_BOT_TOKEN?" in line
    assert TOKEN not in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[bot]\nconcurrency = "many"',
            "DIR/config.toml: [bot] concurrency = 'many': expected a whole number from",
        ),
        ("[bot]\nconcurrency = 0", "[bot] concurrency = 0: expected a whole number from 1 to 10000"),
        ("[bot]\npace = 0.5", "[bot] pace = 0.5: expected a number of messages a second from 1 to 1000"),
        ("[bot]\npace = nan", "[bot] pace = nan: expected a number of messages a second from 1 to 1000"),
        ('[login]\nsite = "example.com"', "[login] site = 'example.com': expected the page's public address"),
        ('[login]\nsite = "https://example.com/bot"', "expected the page's public address without a path"),
        ('[login]\nsite = "http://example.com"', "(http is allowed on this machine only"),
        ('[login]\nsite = "https://0.0.0.0"', "(no browser can open it)"),
        ('[login]\nsite = "https://[::]:443"', "(no browser can open it)"),
        ('[login]\nsite = "https://[0:0::0]"', "(no browser can open it)"),
        ('[login]\nsite = "http://[::]"', "(no browser can open it)"),
        (
            '[login]\nthen = "example.com"',
            "[login] then = 'example.com': expected an address of your own site",
        ),
        ('[login]\nthen = "http://example.com/"', "(http is allowed on this machine only"),
        ('[login]\nthen = "https://example.com/#top"', "expected an address of your own site"),
        ('[login]\nthen = "https://example.com/ x"', "expected an address of your own site"),
        ('[login]\nthen = "https://a@example.com/"', "expected an address of your own site"),
        ('[login]\nthen = "https://example.com:x/"', "expected an address of your own site"),
        ('[login]\nthen = "https://0.0.0.0/"', "(no browser can open it)"),
        ('[login]\nlisten = "8080"', "[login] listen = '8080': expected \"host:port\" to listen on"),
        ('[login]\nwidget = "https://a.example/w.js; x"', "expected the address of a script"),
        ("[login]\nmax_age = 59", "expected a whole number of seconds from 60 to 604800"),
        ("[bot]\nconcurrency = true", "[bot] concurrency = True: expected a whole number"),
        ("[bot]\nconcurrency = 2.5", "[bot] concurrency = 2.5: expected a whole number"),
        ("[bot]\nconcurency = 1", "there is no key concurency in [bot]; did you mean concurrency?"),
        ("[bto]\nx = 1", "there is no section [bto]; did you mean [bot]?"),
        ("[xyzzy]\nx = 1", "there is no section [xyzzy], only [telegram], [bot],"),
        ("[log]\nxyzzy = 1", "there is no key xyzzy in [log], only level, levels, format."),
        ('bot_token = "1:x"', "DIR/config.toml: bot_token belongs in section [telegram]."),
        ("[bot]\napi_id = 1", "DIR/config.toml: api_id belongs in section [telegram]."),
        ("bot = 1", "DIR/config.toml: bot is a section: write [bot] on a line of its own."),
        ("[bot]\nadmins = 5", "[bot] admins = 5: expected a list of user ids"),
        ('[bot]\nadmins = [1, "@me"]', "[bot] admins = [1, '@me']: expected a list of user ids"),
        ("[bot]\nadmins = [-100]", "[bot] admins = [-100]: expected a list of user ids"),
        (
            '[bot]\nplugins = ["a/b.py"]',
            "[bot] plugins = ['a/b.py']: expected a list of names of Python modules",
        ),
        (
            '[bot]\nper_user = "20/m"',
            "[bot] per_user = '20/m': expected a number and a time, such as \"20/min\"",
        ),
        ("[bot]\nper_user = 20", "[bot] per_user = 20: expected a number and a time"),
        ('[bot]\nhandlers = ["strat"]', "[bot] handlers = ['strat']: expected a list of"),
        ('[bot]\nhandlers = ["help", "strat"]', "(did you mean start?)"),
        ('[bot]\nhandlers = ["Join-requests"]', "(did you mean join_requests?)"),
        ('[bot]\nhandlers = ["x"]', "expected a list of built-in handlers out of start, join_requests,"),
        ('[bot]\nhandlers = "start"', "[bot] handlers = 'start': expected a list of built-in handlers"),
        ('[profile]\nmanage = "sometimes"', "[profile] manage = 'sometimes': expected one of \"missing\""),
        ("[bot]\nhandler_seconds = nan", "[bot] handler_seconds = nan: expected a number of seconds"),
        ("[telegram]\napi_id = true", "[telegram] api_id = True: expected the number"),
        ("[telegram]\ndc_id = false", "[telegram] dc_id = False: expected a data centre's number"),
        ("[telegram]\ndc_id = -1", "[telegram] dc_id = -1: expected a data centre's number"),
        ('[telegram]\nserver = "host"', "[telegram] server = 'host': expected \"host:port\""),
        ('[telegram]\nserver = "host:70000"', "[telegram] server = 'host:70000'"),
        ('[telegram]\nserver = "::1:443"', "[telegram] server = '::1:443'"),
        ('[telegram]\npublic_key = "no.pem"', "(it cannot be read: No such file or directory)"),
        ('[telegram]\npublic_key = "config.toml"', "(the file has no such key)"),
        ("[storage]\ndirectory = 5", "[storage] directory = 5: expected the path of a directory"),
        ('[storage]\ndirectory = ""', "[storage] directory = '': expected the path of a directory"),
        ('[log]\nlevel = "LOUD"', "[log] level = 'LOUD': expected one of \"DEBUG\""),
        ("[bot\n", "DIR/config.toml: it is not TOML at line 1, column 5"),
    ],
)
def test_what_is_wrong_is_one_line_with_key_value_and_expectation(
    tmp_path: Path, text: str, said: str
) -> None:
    assert said in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "listen",
    [
        *("0.0.0.0:80", "[::]:8080", "192.168.1.5:8080", "[fe80::1]:80", "[::ffff:10.0.0.1]:80"),
        *("bot.internal:80", "localhost.example.com:80", "127.example.com:80"),
    ],
)
def test_a_page_that_others_can_reach_needs_its_public_address(tmp_path: Path, listen: str) -> None:
    said = (
        "[login] site = '': expected the page's public address without a path, such as \"https://example.com\""
        f' (listen = "{listen}" is not for this machine alone: name the address that visitors open, or listen'
        " on 127.0.0.1)"
    )
    for text in ("", '\nsite = ""'):
        line = refusal(tmp_path, f'[login]\nlisten = "{listen}"{text}')
        assert line.startswith("DIR/config.toml: ")
        assert said in line
    assert refusal(tmp_path, "", TGBOT_LOGIN_LISTEN=listen).startswith(f"TGBOT_LOGIN_SITE: {said}")
    given = configured(tmp_path, f'[login]\nlisten = "{listen}"', TGBOT_LOGIN_SITE="https://example.com")
    assert given.login.public == "https://example.com"


@pytest.mark.parametrize(
    "listen",
    [
        *("127.0.0.1:80", "127.1.2.3:80", "[::1]:8080", "[::ffff:127.0.0.1]:80"),
        *("localhost:80", "LOCALHOST:80", "a.localhost:80"),
    ],
)
def test_a_page_for_this_machine_alone_needs_no_address(tmp_path: Path, listen: str) -> None:
    assert configured(tmp_path, f'[login]\nlisten = "{listen}"').login.public == f"http://{listen}"
    site = f'[login]\nsite = "http://{listen}"'
    if "ffff" not in listen:
        assert configured(tmp_path, site).login.public == f"http://{listen}".lower()


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[telegram]\ndc_id = 2", TGBOT_DC_ID="two").startswith(
        "TGBOT_DC_ID: [telegram] dc_id = 'two': expected"
    )
    assert refusal(tmp_path, "", TGBOT_ADMINS="1,@me").startswith("TGBOT_ADMINS: [bot] admins = '1,@me'")


@pytest.mark.parametrize(
    "line", ['bot_token = "sesame open"', "bot_token = 4711", 'bot_tokn = "sesame open"']
)
def test_a_wrong_secret_is_not_shown(tmp_path: Path, line: str) -> None:
    sentence = refusal(tmp_path, f"[telegram]\n{line}")
    assert "sesame" not in sentence
    assert "4711" not in sentence or line == "bot_tokn = 4711"
    assert "(not shown)" in sentence or "there is no key bot_tokn in [telegram]" in sentence


def refused_with(directory: Path, text: str, **environ: str) -> str:
    """Return the error of a configuration, "" if it is accepted."""
    try:
        configured(directory, text, **environ)
    except ConfigError as error:
        return str(error)
    return ""


#: How a secret may get into a file: as a value, inside one, or as a name.
FORMS = (
    "[{section}]\n{key} = '{secret}'",
    "[{section}]\n{key} = ['{secret}', 5]",
    "[{section}]\n{key} = {{ 'a' = '{secret}' }}",
    "[{section}]\n{key}.'{secret}' = 1",
    "[{section}]\n'{secret}' = '{key}'",
    "[{section}.'{secret}']\n{key} = 1",
    "['{secret}']\n{key} = 1",
    "'{secret}' = 1",
    "{section} = '{secret}'",
    "{key} = '{secret}'",
    "[{section}]\n{key} = {secret}",
    "[{section}]\n{key} = '{secret}\n",
    "[{section}]\n{key} = '{secret}'\n{key} = '{secret}'",
    "[{secret}]\n{key} = 1",
)


@given(SECRETS, st.sampled_from(places()), st.sampled_from(FORMS))
def test_no_secret_is_shown_wherever_it_was_written(
    directory: Path, secret: str, place: tuple[str, str], form: str
) -> None:
    section, key = place
    said = refused_with(directory, form.format(section=section, key=key, secret=secret))
    assert not any(part in said for part in parts(secret)), said


@given(SECRETS, st.sampled_from([*VARIABLES, "TGBOT_API_HASH", "TGBOT_BOT_TOKEN", "TGBOT_TOKEN"]))
def test_no_secret_is_shown_from_a_variable(directory: Path, secret: str, name: str) -> None:
    for text in (secret, f"1,{secret}", f"{secret}/x"):
        said = refused_with(directory, "", **{name: text})
        assert not any(part in said for part in parts(secret)), said
    said = refused_with(directory, "", **{f"TGBOT_{secret}": "1", f"{name}{secret[-8:]}": secret})
    assert secret not in said


def parts(secret: str) -> list[str]:
    """Return all pieces of 8 characters: none of them may be shown."""
    return [secret[at : at + 8] for at in range(len(secret) - 7) if secret[at : at + 8] not in "https://bot:"]


def test_a_mistake_in_the_file_does_not_quote_it(tmp_path: Path) -> None:
    assert "sesame" not in refusal(tmp_path, "[telegram]\nbot_token = sesame")


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, f'[log]\nlevel = "{"x" * 10_000}"')) < 300


def test_paths_in_a_file_start_at_the_file_and_in_a_variable_at_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert configured(tmp_path, "").storage.directory == tmp_path / "sessions"
    assert configured(tmp_path, '[storage]\ndirectory = "kept"').storage.directory == tmp_path / "kept"
    assert configured(tmp_path, "", TGBOT_STORAGE_DIRECTORY="kept").storage.directory == Path("kept")


def test_a_secret_in_a_file_that_git_tracks_is_refused(tmp_path: Path) -> None:
    text = f'[telegram]\nbot_token = "{TOKEN}"'
    assert configured(tmp_path, text).telegram.bot_id == 110201543
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert configured(tmp_path, text).telegram.bot_id == 110201543
    subprocess.run(["git", "-C", tmp_path, "add", "config.toml"], check=True)
    line = refusal(tmp_path, text)
    assert "[telegram] bot_token is a secret, and git tracks this file: move it to secrets.toml" in line
    configured(tmp_path, '[telegram]\nbot_token = ""')


def test_what_is_secret_is_a_key() -> None:
    of_telegram = {("telegram", key) for key in ("api_hash", "bot_token", "proxy")}
    assert set(places("SecretStr")) == of_telegram | {("operate", "webhook"), ("storage", "url")}


def test_a_directory_and_a_file_that_is_not_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, {})
    (tmp_path / "binary").write_bytes(b"[bot]\n\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary: it is not UTF-8 text \(line 2\): save it as UTF-8\.$"):
        load(tmp_path / "binary", {})


@pytest.mark.parametrize("name", ["config.toml", "secrets.toml"])
def test_a_byte_order_mark_is_no_part_of_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    (tmp_path / name).write_text("\ufeff[telegram]\napi_id = 5\n")
    assert load(tmp_path / "config.toml", {}).telegram.api_id == 5


@pytest.mark.parametrize("name", ["config.toml", "secrets.toml"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding_is_told_by_its_name(name: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    (tmp_path / name).write_bytes("[telegram]\napi_id = 5\n".encode(encoding))
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "config.toml", {})
    assert str(refused.value) == f"{tmp_path / name}: it is {encoding[:6].upper()} text: save it as UTF-8."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[bot]\nparked = 1\n[log]\n [ bot ] # again\n", "section [bot] stands twice (lines 1 and 4)"),
        ("bot.parked = 1\n[bot]\n", "section [bot] stands twice (line 2)"),
        ("[bot]\n[[bot]]\n", "section [bot] stands twice (lines 1 and 2)"),
        ("[sesame]\n[sesame]\n", "section stands twice (lines 1 and 2)"),
        ("[bot]\nparked = 1\nparked=2\n[log]\n", "key parked stands twice (lines 2 and 3): delete one"),
        ("[bot]\nparked = 1\n\nparked = 2", "key parked stands twice (lines 2 and 4): delete one"),
        ("[bot]\nsesame = 1\nsesame = 2", "key stands twice (lines 2 and 3): delete one"),
        ("\nbot = { parked = 1, parked = 2 }", "key stands twice (line 2): delete one"),
    ],
)
def test_what_stands_twice_is_said_to_stand_twice(text: str, said: str, tmp_path: Path) -> None:
    line = refusal(tmp_path, text)
    assert line.startswith(f"DIR/config.toml: a {said}")
    assert "sesame" not in line


@pytest.mark.parametrize("name", ["config.toml", "secrets.toml"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o600, 0o400, 0o622])
def test_a_secret_that_others_can_read_is_warned_of(name: str, mode: int, tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch(0o644)
    (tmp_path / name).write_text(f'[telegram]\nbot_token = "{TOKEN}"')
    (tmp_path / name).chmod(mode)
    warnings: list[str] = []
    load(tmp_path / "config.toml", {}, warnings.append)
    if mode & 0o044:
        (line,) = warnings
        assert line == (
            f"{tmp_path / name} holds secrets, and others can read it (mode {mode:04o}):"
            f" chmod 600 {tmp_path / name}"
        )
    else:
        assert warnings == []


def test_a_file_without_secrets_may_be_read_by_all(tmp_path: Path) -> None:
    warnings: list[str] = []
    (tmp_path / "config.toml").write_text('[telegram]\nbot_token = ""\napi_id = 5')
    (tmp_path / "config.toml").chmod(0o644)
    load(tmp_path / "config.toml", {}, warnings.append)
    assert warnings == []


# ---- files with one value --------------------------------------------------------------------------


def value(directory: Path, name: str, text: str) -> str:
    """Make a file with one value in a directory, and return its path."""
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(text)
    return str(directory / name)


def test_every_key_can_be_read_from_a_file_that_a_variable_names_and_from_a_credential(
    tmp_path: Path,
) -> None:
    handed = tmp_path / "handed"
    files = {
        name: value(handed, name.removeprefix("TGBOT_").lower(), f"{text}\n")
        for name, (text, _) in VARIABLES.items()
    }
    named = configured(tmp_path, "", **{f"{name}_FILE": file for name, file in files.items()})
    assert named == configured(tmp_path, "", **{name: text for name, (text, _) in VARIABLES.items()})
    assert configured(tmp_path, "", CREDENTIALS_DIRECTORY=str(handed)) == named


def test_the_environment_beats_its_files_these_beat_credentials_and_these_beat_secrets(
    tmp_path: Path,
) -> None:
    (tmp_path / "secrets.toml").write_text(
        "[telegram]\napi_id = 1\n[bot]\nconcurrency = 1\nparked = 1\ngrace_seconds = 1"
    )
    for key in ("concurrency", "parked", "grace_seconds"):
        value(tmp_path / "handed", key, "2")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "handed"), "TGBOT_GRACE_SECONDS": "4"}
    environ["TGBOT_PARKED_FILE"] = value(tmp_path, "three", "3\n")
    config = configured(tmp_path, "", **environ)
    assert (config.telegram.api_id, config.bot.concurrency, config.bot.parked) == (1, 2, 3)
    assert config.bot.grace_seconds == 4


def test_a_variable_and_its_file_are_not_both_set(tmp_path: Path) -> None:
    file = value(tmp_path, "token", TOKEN)
    for also in (TOKEN, ""):
        line = refusal(tmp_path, "", TGBOT_BOT_TOKEN=also, TGBOT_BOT_TOKEN_FILE=file)
        assert line == "environment: TGBOT_BOT_TOKEN and TGBOT_BOT_TOKEN_FILE are both set: keep one of them."
    assert (
        configured(tmp_path, "", TGBOT_BOT_TOKEN=TOKEN, TGBOT_BOT_TOKEN_FILE="").telegram.bot_id == 110201543
    )


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (None, "it cannot be read (No such file or directory), and TGBOT_DC_ID_FILE names it."),
        (
            b"\n",
            "it is empty: expected the value of [telegram] dc_id and nothing else, and TGBOT_DC_ID",
        ),
        (b"7" * 65_537, "it is longer than 65,536 bytes: expected the value of [telegram] dc_id and nothing"),
        (b"\xff\x80", "it is not UTF-8 text (line 1): save it as UTF-8, and TGBOT_DC_ID_FILE names it."),
        (b"4711\n4712", "[telegram] dc_id = (not shown): expected a data centre's number from 1 to 999"),
    ],
)
def test_a_file_with_a_wrong_value_is_named_and_not_quoted(
    tmp_path: Path, held: bytes | None, said: str
) -> None:
    if held is not None:
        (tmp_path / "dc").write_bytes(held)
    line = refusal(tmp_path, "", TGBOT_DC_ID_FILE=str(tmp_path / "dc"))
    assert line.startswith(f"DIR/dc: {said}")
    assert "471" not in line


def test_a_wrong_credential_is_named_and_not_quoted(tmp_path: Path) -> None:
    value(tmp_path / "handed", "bot_token", f"token {TOKEN}")
    line = refusal(tmp_path, "", CREDENTIALS_DIRECTORY=str(tmp_path / "handed"))
    assert line.startswith("DIR/handed/bot_token: [telegram] bot_token = (not shown): expected a token")
    assert TOKEN not in line


def test_a_secret_in_a_file_of_its_own_that_git_tracks_is_refused(tmp_path: Path) -> None:
    file = value(tmp_path, "token", TOKEN)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "add", "token"], check=True)
    assert "[telegram] bot_token is a secret, and git tracks" in refusal(
        tmp_path, "", TGBOT_BOT_TOKEN_FILE=file
    )


def test_a_variable_for_a_file_that_is_nearly_ours_is_refused(tmp_path: Path) -> None:
    assert "did you mean TGBOT_BOT_TOKEN_FILE?" in refusal(tmp_path, "", TGBOT_BOTTOKEN_FILE="x")


@given(st.dictionaries(st.sampled_from([*sorted(VARIABLES), "TGBOT_BOT_TOKEN_FILE"]), st.text(max_size=30)))
def test_no_text_in_a_variable_fails_otherwise_than_by_our_error(environ: dict[str, str]) -> None:
    said = "nothing"
    try:
        load(Path(ROOT / "config.toml"), environ)
    except ConfigError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
