"""`tgbot link` as it is typed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tgbot import cli
from tgbot.core.addresses import parse
from tgbot.core.links import signing_key, unpack
from tgbot.store.peers import Peer
from tgbot.store.transfer.sessions import make_session

TOKEN = "42:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide all settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TGBOT_")]:
        monkeypatch.delenv(name)


def linked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert cli.status(["link", *arguments, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_start_link_comes_with_the_line_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert linked(capsys, "start", "spring", "--bot", "@the_bot") == {
        "kind": "start",
        "bot": "the_bot",
        "payload": "spring",
        "link": "https://t.me/the_bot?start=spring",
        "app": "tg://resolve?domain=the_bot&start=spring",
        "type": "/start spring",
    }
    assert linked(capsys, "start", "--bot", "the_bot")["type"] == "/start"
    for pasted in ("https://t.me/the_bot/", "«@the_bot»", "tg://resolve?domain=the_bot&start=a%20b"):
        assert linked(capsys, "start", "--bot", pasted)["link"] == "https://t.me/the_bot"


def test_links_that_add_the_bot_to_a_chat_name_the_rights_they_ask_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = linked(capsys, "startgroup", "x1", "--bot", "the_bot", "--rights", "pin_messages,change_info")
    assert group["link"] == "https://t.me/the_bot?startgroup=x1&admin=pin_messages+change_info"
    assert group["type"] == "/start@the_bot x1"
    channel = linked(capsys, "startchannel", "--bot", "the_bot", "--rights", "post_messages")
    assert channel["app"] == "tg://resolve?domain=the_bot&startchannel&admin=post_messages"
    assert channel["type"] is None


def test_for_people_each_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["link", "start", "spring", "--bot", "the_bot"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "link  https://t.me/the_bot?start=spring",
        "app   tg://resolve?domain=the_bot&start=spring",
        "type  /start spring",
    ]


@pytest.mark.parametrize(("typed", "value"), [("42", 42), ("042", "042"), ("ref & friends", "ref & friends")])
def test_a_signed_payload_can_be_read_with_the_token_and_made_with_no_other(
    typed: str, value: int | str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TGBOT_BOT_TOKEN", TOKEN)
    payload = linked(capsys, "start", "--bot", "the_bot", "--sign", typed)["payload"]
    assert unpack(payload, signing_key(TOKEN)) == (value,)
    with pytest.raises(ValueError, match="not signed by this bot"):
        unpack(payload, signing_key(TOKEN + "1"))


def test_signing_needs_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["link", "start", "42", "--bot", "the_bot", "--sign"]) == 2
    assert "TGBOT_BOT_TOKEN" in capsys.readouterr().err


def test_the_bot_s_name_is_the_session_s(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    me = Peer(5, ("our_bot",), None, "Bot", 1)
    make_session(tmp_path / "sessions" / "bot.session", 42, [(42, me), (43, Peer(6, ("anna",), None, "", 1))])
    before = (tmp_path / "sessions" / "bot.session").read_bytes()
    assert linked(capsys, "start")["bot"] == "our_bot"
    assert linked(capsys, "start", "--bot", "other_bot")["bot"] == "other_bot"
    assert (tmp_path / "sessions" / "bot.session").read_bytes() == before


def test_a_qr_code_is_drawn_under_the_links(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(["link", "start", "spring", "--bot", "the_bot", "--qr"]) == 0
    lines = capsys.readouterr().out.splitlines()[3:]
    assert len(lines) > 10
    assert len({len(line) for line in lines}) == 1
    assert not re.sub("[█▄▀ ]", "", "".join(lines))


@pytest.mark.parametrize(("name", "magic"), [("code.svg", b"<?xml"), ("code.PNG", b"\x89PNG")])
def test_a_qr_code_is_written_as_a_picture(
    name: str, magic: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert linked(capsys, "start", "--bot", "the_bot", "--qr-file", name)["qr"] == name
    assert (tmp_path / name).read_bytes().startswith(magic)
    assert cli.status(["link", "start", "--bot", "the_bot", "--qr-file", "absent/code.png"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tgbot: link: --qr-file: there is no directory 'absent' for 'code.png'")
    assert sorted(file.name for file in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize("kind", ["start", "startgroup"])
def test_what_is_printed_is_what_the_links_are_parsed_to(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = linked(capsys, kind, "pay-1_x", "--bot", "the_bot")
    assert parse(found["link"]) == parse(found["app"])
    assert {parse(found["link"]).start, parse(found["link"]).group} == {"pay-1_x", None}
