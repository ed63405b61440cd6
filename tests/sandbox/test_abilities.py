"""What is set in a request is carried out or refused by its name: no field and no medium is dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any, Final

import pytest
from telethon.errors import RPCError
from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from tests.pictures import jpeg
from tests.sandbox.methods.conftest import *  # noqa: F403 - a world, and clients without a wire
from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.abilities import DONE, HINTS, optional
from tgbot.sandbox.fetching import Fetched
from tgbot.sandbox.methods import METHODS, RpcError
from tgbot.sandbox.pictures import picture
from tgbot.sandbox.signatures import arguments, method_name, plain_annotation
from tgbot.sandbox.world import World

LATER: Final = datetime.now(UTC) + timedelta(days=1)
SENDS: Final = (
    messages.SendMessageRequest,
    messages.SendMediaRequest,
    messages.SendMultiMediaRequest,
    messages.ForwardMessagesRequest,
    messages.EditMessageRequest,
)
A_TEXT: Final = types.TextWithEntities("text", [])
STORY: Final = types.InputMediaStory(types.InputPeerSelf(), 1)
DICE: Final = types.InputMediaDice("🎲")


def some(annotation: Any) -> Any:
    """Return a value that is set, for a field of a TL class."""
    plain = plain_annotation(annotation)
    simple = {bool: True, int: 7, float: 1.5, str: "x", bytes: b"x", datetime: LATER}
    if plain in simple:
        return simple[plain]
    given: dict[str, Any] = {
        "TypeInputGeoPoint": types.InputGeoPoint(1.0, 2.0),
        "TypeInputFile": types.InputFile(1, 1, "a.txt", ""),
        "TypeInputReplyTo": types.InputReplyToMessage(1),
        "TypeInputMedia": DICE,
        "TypePoll": types.Poll(1, A_TEXT, [types.PollAnswer(A_TEXT, b"1")], 0),
        "TypeInputPhoto": types.InputPhoto(1, 2, b""),
        "TypeInputDocument": types.InputDocument(1, 2, b""),
    }
    return given.get(str(plain), [] if not isinstance(plain, str) else types.InputPeerSelf())


def a(kind: Any) -> Any:
    """Return a TL object with its required fields."""
    needed = [
        name
        for name, each in signature(kind.__init__).parameters.items()
        if each.default is each.empty and name in arguments(kind)
    ]
    values = {name: None if name in optional(kind) else some(arguments(kind)[name]) for name in needed}
    return kind(**values)


def test_the_rule_names_only_fields_that_exist() -> None:
    for kind, names in DONE.items():
        if kind in SENDS:
            names = names - HINTS
        assert names <= set(optional(kind)), kind.__name__
        assert kind in METHODS or not kind.__name__.endswith("Request")
    assert all(any(hint in optional(kind) for kind in SENDS) for hint in HINTS)


@pytest.mark.parametrize("kind", [kind for kind in METHODS if optional(kind)], ids=method_name)
def test_each_field_that_a_method_does_not_carry_out_is_refused_by_its_name(
    kind: Any, ann: Client, bot: Client
) -> None:
    for name in set(optional(kind)) - DONE.get(kind, frozenset()):
        request = a(kind)
        setattr(request, name, some(arguments(kind)[name]) or [types.InputPeerSelf()])
        said = []
        for caller in (ann, bot):
            with pytest.raises(RpcError) as caught:
                caller(request)
            said.append((caught.value.code, caught.value.name))
        wanted = f"{method_name(kind).replace('.', '_')}_{name}_not_implemented".upper()
        assert (501, wanted) in said or (400, "SCHEDULE_BOT_NOT_ALLOWED") in said, f"{name}: {said}"


MEDIA: Final = [
    kind
    for name, kind in vars(types).items()
    if getattr(kind, "SUBCLASS_OF_ID", None) == types.InputMediaEmpty.SUBCLASS_OF_ID
]


@pytest.mark.parametrize("kind", MEDIA, ids=lambda kind: kind.__name__)
def test_each_kind_of_media_becomes_one_or_is_refused_by_its_name(
    kind: Any, ann: Client, bot: Client, world: World
) -> None:
    for number, name in enumerate(["", *optional(kind)], start=1):
        for file in (1, 2):
            world.files.save_part(ann.id, file, 0, jpeg())
        url = "http://127.0.0.1/a.jpg"
        made = Fetched(b"text", "text/plain", "a.jpg") if "Document" in kind.__name__ else picture(jpeg())
        world.files.prepare((ann.id, url), made)  # as if it had been fetched ahead of the call
        media = a(kind)
        if hasattr(media, "url"):
            media.url = url
        if name:
            setattr(media, name, some(arguments(kind)[name]) or [types.InputPeerSelf()])
        if name == "thumb":
            media.thumb = types.InputFile(2, 1, "", "")
        if isinstance(media, types.InputMediaDice):
            media.emoticon = "🎲"
        if isinstance(media, types.InputMediaGeoLive):
            media.period = 900
        if isinstance(media, types.InputMediaPoll):
            media.poll.quiz, media.correct_answers = bool(name), [0] if name else None
        send = messages.SendMediaRequest(ann.peer(bot), media, "", random_id=number)
        if kind is types.InputMediaInvoice and name in {"", *DONE[kind]}:
            with refused("USER_BOT_REQUIRED"):  # tests of payments show it
                ann(send)
        elif kind in DONE and (not name or name in DONE[kind]):
            # A file that nobody has uploaded, and an empty medium, have an error of Telegram's.
            if kind in (types.InputMediaEmpty, types.InputMediaPhoto, types.InputMediaDocument):
                with refused("MEDIA_EMPTY"):
                    ann(send)
                continue
            made = of(ann(send)).media
            assert made is not None
            assert not name or getattr(made, name, True)
        else:
            dropped = name if kind in DONE else kind.__name__
            with refused(f"MESSAGES_SENDMEDIA_{dropped}_NOT_IMPLEMENTED".upper(), 501):
                ann(send)


def of(answer: Any) -> Any:
    """Return the message in an answer."""
    return next(update.message for update in answer.updates if hasattr(update, "message"))


@pytest.fixture
def sent(world: World, ann: Client, bot: Client) -> Callable[..., Any]:
    """Return a function that lets the bot send, and returns the message as its answer or its box has it."""
    ann.send(bot, "first")
    photo = types.InputMediaUploadedPhoto(types.InputFile(5, 1, "a.jpg", ""))

    def uploaded() -> Any:
        world.files.save_part(bot.id, 5, 0, jpeg())
        return photo

    def send(kind: Any, **options: Any) -> Any:
        peer = bot.peer(ann)
        if kind is messages.SendMessageRequest:
            bot(kind(peer, options.pop("message", "hello"), random_id=2, **options))
            return world.accounts[bot.id].box.get(2).message()  # type: ignore[union-attr]
        if kind is messages.SendMediaRequest:
            return of(bot(kind(peer, DICE, options.pop("message", ""), random_id=2, **options)))
        if kind is messages.SendMultiMediaRequest:
            album = [types.InputSingleMedia(uploaded(), "", random_id=number) for number in (2, 3)]
            for single in album:  # each takes its upload
                stored = bot(messages.UploadMediaRequest(peer, uploaded()))
                single.media = types.InputMediaPhoto(
                    types.InputPhoto(stored.photo.id, stored.photo.access_hash, world.files.reference)
                )
            answer = bot(kind(peer, album, **options))
            return of(answer)
        if kind is messages.ForwardMessagesRequest:
            return of(bot(kind(peer, [1], to_peer=peer, random_id=[2], **options)))
        bot.send(ann, "before", random_id=2)
        bot(kind(peer, 2, **{"message": "after"} | options))
        return world.accounts[bot.id].box.get(2).message()  # type: ignore[union-attr]

    return send


KEYBOARD: Final = types.ReplyInlineMarkup(
    [types.KeyboardInlineButtonRow([types.KeyboardInlineButton("b", types.InlineButtonTypeCallback(b"b"))])]
)
BOLD: Final = types.MessageEntityBold(0, 2)
#: What tests of forums, channels and scheduled messages show.
ELSEWHERE: Final = {"send_as", "top_msg_id", "schedule_date"}
#: A field that is carried out → what it is set to, and whether the message shows it.
EFFECTS: Final[dict[str, tuple[Any, Callable[[Any], object]]]] = {
    "silent": (True, lambda made: made.silent),
    "noforwards": (True, lambda made: made.noforwards),
    "invert_media": (True, lambda made: made.invert_media),
    "reply_to": (types.InputReplyToMessage(1), lambda made: made.reply_to.reply_to_msg_id == 1),
    "reply_markup": (KEYBOARD, lambda made: made.reply_markup.rows[0].buttons[0].text == "b"),
    "entities": ([BOLD], lambda made: made.entities == [BOLD]),
    "effect": (5, lambda made: made.effect == 5),
    "drop_author": (True, lambda made: made.fwd_from is None),
    "drop_media_captions": (True, lambda made: made.message == "first"),  # it has no media
    "message": ("other", lambda made: made.message == "other"),
    "media": (DICE, lambda made: isinstance(made.media, types.MessageMediaDice)),
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in SENDS for name in sorted(DONE[kind] - HINTS - ELSEWHERE)]
)
def test_each_field_of_a_send_that_is_carried_out_shows_in_the_message(
    kind: Any, name: str, sent: Callable[..., Any]
) -> None:
    value, shows = EFFECTS[name]
    options = {"message": "hello"} if name == "entities" else {}
    assert shows(sent(kind, **options, **{name: value}))


@pytest.mark.parametrize(
    ("media", "name"),
    [
        (
            STORY,
            "MESSAGES_SENDMEDIA_INPUTMEDIASTORY_NOT_IMPLEMENTED",
        ),
        (
            types.InputMediaGame(types.InputGameShortName(types.InputUserSelf(), "game")),
            "MESSAGES_SENDMEDIA_INPUTMEDIAGAME_NOT_IMPLEMENTED",
        ),
    ],
)
async def test_a_plain_client_reads_what_cannot_be_done(person: Any, media: TLObject, name: str) -> None:
    client = await person("Ann")
    with pytest.raises(RPCError) as caught:
        await client(messages.SendMediaRequest("me", media, ""))
    assert (caught.value.code, caught.value.message) == (501, name)
    with pytest.raises(RPCError) as caught:
        await client(messages.SendMessageRequest("me", "later", schedule_repeat_period=86400))
    assert caught.value.message == "MESSAGES_SENDMESSAGE_SCHEDULE_REPEAT_PERIOD_NOT_IMPLEMENTED"
