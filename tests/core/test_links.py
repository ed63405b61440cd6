from __future__ import annotations

import base64
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.addresses import parse
from tgbot.core.errors import LinkError, TgbotError
from tgbot.core.links import (
    ADMIN_RIGHTS,
    PAYLOAD_LENGTH,
    LinkKind,
    Target,
    bot_link,
    build,
    check_payload,
    pack,
    sign,
    signing_key,
    unpack,
)

KEY = b"a key"

usernames = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{4,31}", fullmatch=True).filter(
    lambda name: re.fullmatch(r"(?i)add.*|[a-z]{4,11}", name) is None
)
payloads = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
rights = st.lists(st.sampled_from(sorted(ADMIN_RIGHTS)), unique=True).map(tuple)
posts = st.integers(1, 10**9)
targets = st.one_of(
    st.builds(Target, username=usernames),
    st.builds(Target, username=usernames, post=posts),
    st.builds(Target, username=usernames, start=payloads | st.just("")),
    st.builds(Target, username=usernames, group=payloads | st.just(""), admin=rights),
    st.builds(Target, username=usernames, channel=st.just(True), admin=rights),
    st.builds(Target, id=st.integers(1, 2**63 - 1)),
    st.builds(Target, id=st.integers(1, 10**10).map(lambda n: -(10**12) - n), post=posts),
    st.builds(
        Target,
        invite=st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True).filter(lambda i: not i.isdigit()),
    ),
)
values = st.lists(st.integers(-(2**40), 2**40) | st.text(max_size=3), max_size=3)


@given(targets, st.booleans())
def test_what_was_built_is_parsed_to_the_same(target: Target, app: bool) -> None:
    assert parse(build(target, app=app)) == target


@given(st.text() | st.text(st.sampled_from("tg:/.me@?&=+%-_ast1\0é")).map("https://t.me/".__add__))
def test_no_text_makes_a_parser_fail_otherwise(text: str) -> None:
    for parser in (parse, check_payload, unpack, lambda text: unpack(text, KEY)):
        try:
            parser(text)
        except LinkError as error:
            str(error).encode()  # even lone surrogates are shown escaped


@given(st.binary())
def test_no_bytes_make_a_parser_fail_otherwise(content: bytes) -> None:
    for encoding in ("utf-8", "latin-1", "utf-16"):
        text = content.decode(encoding, "replace")
        for shape in (
            "{}",
            "t.me/{}",
            "tg://resolve?{}",
            "tg://resolve?domain=abcde&start={}",
            "tg://{}?id=5",
        ):
            with suppress(LinkError):
                assert isinstance(parse(shape.format(text)), Target)


def test_a_link_error_is_an_error_of_ours_and_a_value_error() -> None:
    assert issubclass(LinkError, TgbotError)
    assert issubclass(LinkError, ValueError)


def test_links_are_built_as_telegram_documents_them() -> None:
    assert bot_link(LinkKind.START, "our_bot") == (
        "https://t.me/our_bot",
        "tg://resolve?domain=our_bot",
        "/start",
    )
    assert bot_link(LinkKind.START, "our_bot", "abc") == (
        "https://t.me/our_bot?start=abc",
        "tg://resolve?domain=our_bot&start=abc",
        "/start abc",
    )
    assert bot_link(LinkKind.GROUP, "our_bot").web == "https://t.me/our_bot?startgroup="
    assert bot_link(LinkKind.GROUP, "our_bot", "abc", ("change_info", "delete_messages")) == (
        "https://t.me/our_bot?startgroup=abc&admin=change_info+delete_messages",
        "tg://resolve?domain=our_bot&startgroup=abc&admin=change_info+delete_messages",
        "/start@our_bot abc",
    )
    assert bot_link(LinkKind.CHANNEL, "our_bot", rights=("post_messages",)) == (
        "https://t.me/our_bot?startchannel&admin=post_messages",
        "tg://resolve?domain=our_bot&startchannel&admin=post_messages",
        None,
    )


@pytest.mark.parametrize(
    ("kind", "payload", "rights", "why"),
    [
        (LinkKind.START, "", ("change_info",), "private chat"),
        (LinkKind.CHANNEL, "abc", (), "no payload is sent to a channel"),
        (LinkKind.GROUP, "a=b", (), "passed on"),
        (LinkKind.GROUP, "", ("fly",), "not a right"),
    ],
)
def test_a_link_carries_only_what_its_kind_can(
    kind: LinkKind, payload: str, rights: tuple[str, ...], why: str
) -> None:
    with pytest.raises(LinkError, match=why):
        bot_link(kind, "our_bot", payload, rights)


@pytest.mark.parametrize(
    ("typed", "value"),
    [("42", 42), ("-42", -42), ("0", 0), ("042", "042"), ("-0", "-0"), ("٤٢", "٤٢"), ("9" * 19, "9" * 19)],
)
def test_a_typed_number_is_signed_as_one_if_it_comes_back_as_typed(typed: str, value: int | str) -> None:
    assert unpack(sign(typed, KEY), KEY) == (value,)


@pytest.mark.parametrize(
    "target",
    [
        Target(),
        Target(id=-5),
        Target(username="no name"),
        Target(username="our_bot", start="a b"),
        Target(username="our_bot", group="ü"),
        Target(username="our_bot", channel=True, admin=("everything",)),
        Target(invite="a/b"),
        Target(invite="123"),
    ],
)
def test_what_cannot_be_a_link_is_not_built(target: Target) -> None:
    with pytest.raises(LinkError):
        build(target)


@pytest.mark.parametrize("payload", ["", "a b", "ü", "a" * 65, "a=b", "a\n", "٣"])
def test_a_payload_that_apps_would_drop_is_refused(payload: str) -> None:
    with pytest.raises(LinkError, match="start payload"):
        check_payload(payload)


def test_the_longest_payload_is_taken() -> None:
    assert check_payload("a" * PAYLOAD_LENGTH) == "a" * 64


@given(values, st.none() | st.binary(min_size=1, max_size=40))
def test_what_was_packed_is_unpacked(packed: list[int | str], key: bytes | None) -> None:
    payload = pack(*packed, key=key)
    assert check_payload(payload) == payload
    assert unpack(payload, key) == tuple(packed)


@given(values, st.integers(0, 63), st.sampled_from("ABCxyz019-_"))
def test_a_signed_payload_changed_anywhere_is_refused(packed: list[int | str], at: int, other: str) -> None:
    payload = pack(*packed, key=KEY)
    at %= len(payload)
    changed = payload[:at] + other + payload[at + 1 :]
    if changed != payload:
        with pytest.raises(LinkError):
            unpack(changed, KEY)


@given(values)
def test_a_payload_counts_only_with_the_key_it_was_signed_with(packed: list[int | str]) -> None:
    for payload, key in (
        (pack(*packed, key=KEY), b"another"),
        (pack(*packed, key=KEY), None),
        (pack(*packed), KEY),
    ):
        with pytest.raises(LinkError):
            unpack(payload, key)


@given(payloads)
def test_a_payload_has_one_spelling(payload: str) -> None:
    try:
        found = unpack(payload)
    except LinkError:
        return
    assert pack(*found) == payload


@pytest.mark.parametrize("key", [None, KEY])
def test_spare_bits_and_long_numbers_are_not_overlooked(key: bytes | None) -> None:
    payload = pack(5, "ab", key=key)
    assert len(payload) % 4
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sibling = alphabet[alphabet.index(payload[-1]) ^ 1]  # the same bytes to a lenient decoder
    assert base64.urlsafe_b64decode(payload + "==") == base64.urlsafe_b64decode(payload[:-1] + sibling + "==")
    with pytest.raises(LinkError):
        unpack(payload[:-1] + sibling, key)
    if key is None:
        with pytest.raises(LinkError):
            unpack(base64.urlsafe_b64encode(b"\x01\x94\x00").decode())  # 5 in two bytes


def test_payloads_say_how_much_they_hold() -> None:
    assert unpack(pack("x" * 45)) == ("x" * 45,)
    assert unpack(pack("x" * 37, key=KEY), KEY) == ("x" * 37,)
    assert len(pack(5, 1)) <= 4
    for key, length in ((None, 46), (KEY, 38)):
        with pytest.raises(LinkError, match="of 64"):
            pack("x" * length, key=key)
    with pytest.raises(LinkError, match="of 64"):
        pack(2**1000)
    with pytest.raises(LinkError, match="Unicode"):
        pack("\ud800")


@pytest.mark.parametrize(
    "body",
    [
        b"\x01\x80",  # a number that goes on
        b"\x01\x0eab",  # a text of 3 bytes, and there are 2
        b"\x01\x0e",
        b"\x01\x0babc",  # neither a number nor a text
        b"\x01\x06\xff",  # no UTF-8
    ],
)
def test_a_payload_that_was_not_packed_is_refused_with_the_reason(body: bytes) -> None:
    with pytest.raises(LinkError, match=r"^start payload: not made by pack, or cut off\.$"):
        unpack(base64.urlsafe_b64encode(body).rstrip(b"=").decode())


def test_an_error_shows_up_to_80_characters_of_what_was_typed() -> None:
    for typed, shown in (("?" * 80, "?" * 80), ("?" * 81, "?" * 79 + "…")):
        with pytest.raises(LinkError) as refused:
            parse(typed)
        assert str(refused.value).startswith(f"'{shown}': ")


def test_a_post_of_a_private_channel_is_linked_in_both_forms() -> None:
    target = Target(id=-1000001234567, post=17)
    assert build(target) == "https://t.me/c/1234567/17"
    assert build(target, app=True) == "tg://privatepost?channel=1234567&post=17"


def test_payloads_signed_under_a_token_are_read_under_that_token_alone() -> None:
    key = signing_key("1:AAA")
    assert unpack(sign("7", key), signing_key("1:AAA")) == (7,)
    with pytest.raises(LinkError, match="it is not signed by this bot"):
        unpack(sign("7", key), signing_key("1:AAB"))
    # Links that people have printed must go on working: the key of a token never changes.
    assert key.hex() == "227204bd9380e835ed5912ad39a7fee7e2727c9d47a4c239c828ebc8e8615f5b"
