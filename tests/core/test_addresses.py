from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.addresses import parse
from tgbot.core.errors import InvitationError, LinkError, PhoneNumberError
from tgbot.core.links import Target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("@durov", Target(username="durov")),
        ("durov", Target(username="durov")),
        ("  @Durov_2 \n", Target(username="Durov_2")),
        ("123456789", Target(id=123456789)),
        ("9223372036854775807", Target(id=2**63 - 1)),
        ("-1001234567890", Target(id=-1001234567890)),
        ("t.me/durov", Target(username="durov")),
        ("T.ME/durov", Target(username="durov")),
        ("http://t.me/durov", Target(username="durov")),
        ("https://t.me/durov/", Target(username="durov")),
        ("https://t.me/@durov", Target(username="durov")),
        ("https://telegram.me/durov", Target(username="durov")),
        ("https://www.telegram.dog/durov", Target(username="durov")),
        ("https://durov.t.me", Target(username="durov")),
        ("durov.t.me/17", Target(username="durov", post=17)),
        ("https://t.me/s/durov", Target(username="durov")),
        ("https://t.me/durov/17", Target(username="durov", post=17)),
        ("https://t.me/durov/5/17", Target(username="durov", post=17)),
        ("https://t.me/durov?text=hello", Target(username="durov")),
        ("https://t.me/durov#x", Target(username="durov")),
        ("https://t.me/c/1234567/17", Target(id=-1000001234567, post=17)),
        ("https://t.me/our_bot?start=a-b_C", Target(username="our_bot", start="a-b_C")),
        ("https://t.me/our_bot?start", Target(username="our_bot", start="")),
        ("https://t.me/our_bot?x=1&start=abc&y", Target(username="our_bot", start="abc")),
        ("https://t.me/our_bot?startgroup=abc", Target(username="our_bot", group="abc")),
        (
            "https://t.me/our_bot?startgroup&admin=change_info+pin_messages",
            Target(username="our_bot", group="", admin=("change_info", "pin_messages")),
        ),
        (
            "https://t.me/our_bot?startchannel&admin=post_messages",
            Target(username="our_bot", channel=True, admin=("post_messages",)),
        ),
        ("tg://resolve?domain=our_bot&start=abc", Target(username="our_bot", start="abc")),
        ("tg:resolve?domain=durov", Target(username="durov")),
        ("TG://Resolve?domain=durov&post=3", Target(username="durov", post=3)),
        ("tg://user?id=42", Target(id=42)),
        ("tg://openmessage?user_id=42", Target(id=42)),
        ("tg://privatepost?channel=1234567&post=17", Target(id=-1000001234567, post=17)),
        ("tg://join?invite=AbCd-1", Target(invite="AbCd-1")),
        ("https://t.me/+AbCd-1", Target(invite="AbCd-1")),
        ("https://t.me/joinchat/AbCd-1", Target(invite="AbCd-1")),
    ],
)
def test_what_people_paste(text: str, target: Target) -> None:
    assert parse(text) == target


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "@",
            "ab",
            "a" * 33,
            "1abc",
            "with space",
            "@naïve",
            "привет",
            "0",
            "-0",
            "99999999999999999999",
        ),
        *("9223372036854775808", "https://t.me", "https://t.me/", "https://t.me/ab"),
        *(
            "https://t.me/+79991234567",
            "https://t.me/joinchat",
            "https://t.me/addstickers/x",
            "t.me/share?url=x",
        ),
        *("https://example.org/durov", "https://t.me.example.org/durov", "https://example.org/t.me/durov"),
        *(
            "tg://",
            "tg://resolve",
            "tg://resolve?domain=",
            "tg://resolve?phone=7999",
            "tg://user?id=x",
            "tg:join",
        ),
        *(),
        *("t.me/c/²/3",),
        *("tg://privatepost?channel=&post=1",),
    ],
)
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(LinkError):
        parse(text)


#: Texts that mean @durov, as they come from apps, pages, chats and keyboards.
DUROV = [
    *(
        "@durov.",
        "@durov,",
        "(@durov)",
        "<@durov>",
        "«@durov»",
        "“durov”",
        "[durov]",
        "'durov'",
        "@durov:",
        "@@durov",
    ),
    *(
        "**@durov**",
        "`@durov`",
        "@durov\u200b",
        "\u200e@durov\u200f",
        "\ufeff@durov",
        "@du\u200crov",
        "\u202a@durov\u202c",
    ),
    *(
        "\u00a0@durov\u3000",
        "@\u2068durov\u2069",
        "＠ｄｕｒｏｖ",
        "@durov…",
        "@durov!",
        "@durov?",
        "\u200b\n@durov \ufe0f",
    ),
    *("t.me/durov.", "(https://t.me/durov)", "<https://t.me/durov>", "«t.me/durov»,", "https://t.me/durov/,"),
    *("HTTPS://T.ME/durov", "https://www.t.me/durov", "//t.me/durov", "http:t.me/durov", "t.me:443/durov"),
    *(
        "https://t.me//durov//",
        "https://t.me/durov?",
        "https://t.me/durov#",
        "https://t.me/durov/?x=%20#y",
        "t.me./durov",
    ),
    *(
        "https://t.me/%64urov",
        "https://t.me/%40durov",
        "https%3A%2F%2Ft.me%2Fdurov",
        "t.me%2Fdurov",
        "%40durov",
    ),
    *(
        "https://t.me/durov?boost",
        "t.me/boost/durov",
        "https://t.me/durov/app?startapp=x",
        "https://t.me/S/durov",
    ),
    *(
        "https://durov.t.me/",
        "durov.t.me?x",
        "https://DUROV.t.me".replace("DUROV", "durov"),
        "https://t.me/durov/0",
    ),
    *(
        "www.durov.t.me",
        "Pavel (@durov)",
        "Pavel Durov, +7 999 123-45-67, @durov",
        "[Pavel](https://t.me/durov)",
        "@durov – https://t.me/durov",
        "https://t.me/durov is who I mean",
        "telegram.me/durov",
        "http://www.telegram.me/durov/",
        "telegram.dog/durov",
        "https://t.me/du\u200brov",
    ),
    *(
        "tg://resolve?domain=@durov",
        "tg://resolve/?domain=durov",
        "TG:RESOLVE?DOMAIN=durov",
        "tg:/resolve?domain=durov.",
    ),
    *(
        "tg://resolve?x&amp;domain=durov",
        "tg://resolve?domain=durov&post=0",
        "tg://resolve?domain=durov&post=x",
    ),
    *("tg%3A%2F%2Fresolve%3Fdomain%3Ddurov", "“tg://resolve?domain=durov”"),
    *(
        "https://web.telegram.org/k/#@durov",
        "web.telegram.org/a/#@durov",
        "https://webz.telegram.org/#@durov",
    ),
    *("https://web.telegram.org/#/im?p=@durov", "https://web.telegram.org/k/#%40durov"),
    "https://web.telegram.org/k/#?tgaddr=tg%3A%2F%2Fresolve%3Fdomain%3Ddurov",
]


@pytest.mark.parametrize("text", DUROV)
def test_the_name_counts_and_not_what_is_around_it(text: str) -> None:
    assert parse(text) == Target(username="durov")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("https://t.me/our_bot?start=a%20b", Target(username="our_bot", start="")),
        ("https://t.me/our_bot?start=a b", Target(username="our_bot", start="")),
        ("https://t.me/our_bot?start=" + "a" * 65, Target(username="our_bot", start="")),
        ("https://t.me/our_bot?startgroup=%00", Target(username="our_bot", group="")),
        (
            "https://t.me/our_bot?startgroup&admin=fly,Pin_Messages",
            Target(username="our_bot", group="", admin=("pin_messages",)),
        ),
        ("https://t.me/c/1234567", Target(id=-1000001234567)),
        ("https://t.me/c/1234567/x", Target(id=-1000001234567)),
        ("https://t.me/c/1234567/5/17.", Target(id=-1000001234567, post=17)),
        ("tg://privatepost?channel=1234567", Target(id=-1000001234567)),
        ("https://t.me/boost?c=1234567", Target(id=-1000001234567)),
        ("(tg://user?id=42)", Target(id=42)),
        ("tg://user/?ID=42.", Target(id=42)),
        ("id: 42", Target(id=42)),
        ("ID=42,", Target(id=42)),
        ("user id: 42", Target(id=42)),
        ("\u200e42\u200b", Target(id=42)),
        ("\u2212100123456789", Target(id=-100123456789)),
        ("４２", Target(id=42)),
        ("https://web.telegram.org/a/#42", Target(id=42)),
        ("https://web.telegram.org/k/#-1001234567890", Target(id=-1001234567890)),
        ("https://web.telegram.org/a/#-1001234567890_17", Target(id=-1001234567890)),
        ("https://web.telegram.org/#/im?p=u42_1234567", Target(id=42)),
        ("https://web.telegram.org/#/im?p=c1234567_89", Target(id=-1000001234567)),
        ("<https://t.me/+AbCd-1>", Target(invite="AbCd-1")),
        ("t.me/JoinChat/AbCd-1/", Target(invite="AbCd-1")),
    ],
)
def test_the_odd_rest_of_a_link_is_left_out(text: str, target: Target) -> None:
    assert parse(text) == target


@pytest.mark.parametrize(
    "text",
    [
        *(
            "+79991234567",
            "+7 999 123-45-67",
            "+7\u00a0(999)\u00a01234567",
            "8 (999) 123-45-67",
            "\u200e+79991234567",
        ),
        *(
            "https://t.me/+79991234567",
            "t.me/joinchat/79991234567",
            "tg://resolve?phone=79991234567",
            "＋79991234567",
        ),
    ],
)
def test_a_phone_number_is_refused_as_what_it_is(text: str) -> None:
    with pytest.raises(PhoneNumberError, match="a phone number"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["t.me/+", "t.me/joinchat", "tg://join?invite=", "t.me/+a\u00e9b", "tg:join"]
)
def test_a_broken_invitation_is_refused_as_what_it_is(text: str) -> None:
    with pytest.raises(InvitationError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://web.telegram.org",
        "https://web.telegram.org/k/",
        "web.telegram.org/k/#?tgaddr=x",
        "web.telegram.org/#0",
    ],
)
def test_a_link_to_telegram_in_a_browser_without_a_chat_is_refused(text: str) -> None:
    with pytest.raises(LinkError):
        parse(text)


@given(
    st.sampled_from(["@durov", "https://t.me/durov", "tg://resolve?domain=durov", "durov.t.me", "durov"]),
    st.text("\u200b\ufeff\u200e\u202e\u2066\u00ad \u00a0\n\t.,;:!?()<>[]«»“”'\"*`", max_size=6),
    st.text("\u200b\ufeff\u200e\u202e\u2066\u00ad \u00a0\n\t.,;:!?()<>[]«»“”'\"*`", max_size=6),
)
def test_nothing_around_an_address_changes_whom_it_names(address: str, before: str, after: str) -> None:
    assert parse(before + address + after) == Target(username="durov")


@pytest.mark.parametrize(
    "text",
    ["@durov @other", "durov and other", "ask me@example.org", "t.me/durov or @x_y_z", "@durov, +7x @other"],
)
def test_words_that_name_several_or_nobody_are_refused(text: str) -> None:
    with pytest.raises(LinkError):
        parse(text)
