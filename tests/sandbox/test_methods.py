"""Methods, called without a wire: what they answer, and with which errors they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from telethon.tl import TLRequest, types
from telethon.tl.functions import (
    InitConnectionRequest,
    InvokeWithLayerRequest,
    InvokeWithoutUpdatesRequest,
    account,
    auth,
    bots,
    channels,
    contacts,
    help,
    messages,
    updates,
    users,
)

from tgbot.sandbox.methods import METHODS, Caller, Later, Login, RpcError, invoke
from tgbot.sandbox.methods.calls import Open
from tgbot.sandbox.world import World

TYPING = types.SendMessageTypingAction()
WRONG = 12345


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


class Client:
    """A session in-process: calls methods on behalf of one account."""

    def __init__(self, world: World, language: str = "en") -> None:
        self.world = world
        self.caller = Caller(Login())
        connect = InitConnectionRequest(1, "x", "x", "x", language, "", language, help.GetConfigRequest())
        self(InvokeWithLayerRequest(229, connect))

    def __call__(self, request: TLRequest) -> Any:
        return invoke(self.world, self.caller, request)

    @property
    def id(self) -> int:
        assert self.caller.login.account is not None
        return self.caller.login.account

    def peer(self, other: Client | int) -> Any:
        """The InputPeerUser of another account, with this account's hash."""
        number = other.id if isinstance(other, Client) else other
        return types.InputPeerUser(number, self.world.accounts.access_hash(self.id, number))

    def user(self, other: Client | int) -> Any:
        peer = self.peer(other)
        return types.InputUser(peer.user_id, peer.access_hash)

    def send(self, to: Client, text: str = "hi", random_id: int | None = None, **options: Any) -> Any:
        request = messages.SendMessageRequest(self.peer(to), text, random_id=random_id, **options)
        return self(request)

    def difference(self, pts: int = 1, qts: int = 1, **options: Any) -> Any:
        return self(updates.GetDifferenceRequest(pts, 1, qts, **options))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    return World(seed=1, now=clock)


@pytest.fixture
def new_person(world: World) -> Callable[..., Client]:
    def sign_up(name: str = "Ann", language: str = "en") -> Client:
        client = Client(world, language)
        phone = world.new_phone()
        sent = client(auth.SendCodeRequest(phone, 1, "hash", types.CodeSettings()))
        client(auth.SignInRequest(phone, sent.phone_code_hash, "22222"))
        client(auth.SignUpRequest(phone, sent.phone_code_hash, name, ""))
        return client

    return sign_up


@pytest.fixture
def new_bot(world: World) -> Callable[..., Client]:
    def log_in(username: str | None = None) -> Client:
        client = Client(world)
        client(auth.ImportBotAuthorizationRequest(0, 1, "hash", world.new_bot(username).token))
        return client

    return log_in


@pytest.fixture
def ann(new_person: Callable[..., Client]) -> Client:
    return new_person()


@pytest.fixture
def bot(new_bot: Callable[..., Client]) -> Client:
    return new_bot("the_bot")


def refused(name: str, code: int = 400) -> Any:
    """Expects one RPC error, by name and code."""
    return pytest.raises(RpcError, match=rf"^{name} \({code}\)$")


# -- login


def test_a_phone_number_signs_up_with_the_dcs_digit_five_times(world: World) -> None:
    client, phone = Client(world), world.new_phone()
    assert phone.startswith("999662")
    assert len(phone) == 10
    sent = client(auth.SendCodeRequest("+" + phone, 1, "hash", types.CodeSettings()))
    assert sent.type.length == 5
    with refused("PHONE_CODE_EMPTY"):
        client(auth.SignInRequest(phone, sent.phone_code_hash, ""))
    with refused("PHONE_CODE_INVALID"):
        client(auth.SignInRequest(phone, sent.phone_code_hash, "11111"))
    with refused("PHONE_CODE_EXPIRED"):
        client(auth.SignInRequest(phone, "other", "22222"))
    with refused("PHONE_CODE_INVALID"):
        client(auth.SignUpRequest(phone, sent.phone_code_hash, "Ann", ""))
    answer = client(auth.SignInRequest(phone, sent.phone_code_hash, "22222"))
    assert isinstance(answer, types.auth.AuthorizationSignUpRequired)
    with refused("AUTH_KEY_UNREGISTERED", 401):
        client(updates.GetStateRequest())
    with refused("FIRSTNAME_INVALID"):
        client(auth.SignUpRequest(phone, sent.phone_code_hash, " ", ""))
    user = client(auth.SignUpRequest(phone, sent.phone_code_hash, "Ann", "Lee")).user
    assert (user.is_self, user.first_name, user.last_name, user.phone) == (True, "Ann", "Lee", phone)
    again = Client(world)
    sent = again(auth.SendCodeRequest(phone, 1, "hash", types.CodeSettings()))
    assert again(auth.SignInRequest(phone, sent.phone_code_hash, "22222")).user.id == user.id


@pytest.mark.parametrize("phone", ["", "123", "9996610000", "99966200000", "99966x0000", "4915112345678"])
def test_other_phone_numbers_are_invalid(world: World, phone: str) -> None:
    with refused("PHONE_NUMBER_INVALID"):
        Client(world)(auth.SendCodeRequest(phone, 1, "hash", types.CodeSettings()))


def test_any_well_formed_token_is_a_bot(world: World) -> None:
    client = Client(world)
    token = "4242:" + "a" * 33 + "_-"
    user = client(auth.ImportBotAuthorizationRequest(0, 1, "hash", token)).user
    assert (user.id, user.bot, user.username) == (4242, True, "bot4242_bot")
    for wrong in ("4242:" + "b" * 35, "4242:short", "nothing", "", "0:" + "a" * 35):
        with refused("ACCESS_TOKEN_INVALID"):
            Client(world)(auth.ImportBotAuthorizationRequest(0, 1, "hash", wrong))


def test_a_revoked_token_is_expired_and_its_logins_end(world: World, bot: Client) -> None:
    old = world.accounts[bot.id].token
    new = world.revoke_token(bot.id)
    with refused("SESSION_REVOKED", 401):
        bot(updates.GetStateRequest())
    with refused("ACCESS_TOKEN_EXPIRED"):
        bot(auth.ImportBotAuthorizationRequest(0, 1, "hash", old))
    assert bot(auth.ImportBotAuthorizationRequest(0, 1, "hash", new)).user.id == bot.id


def test_a_deleted_or_banned_account_is_told_so(
    world: World, ann: Client, bot: Client, new_person: Any
) -> None:
    world.delete_account(ann.id)
    with refused("USER_DEACTIVATED", 401):
        ann(updates.GetStateRequest())
    world.delete_account(bot.id, banned=True)
    with refused("USER_DEACTIVATED_BAN", 401):
        bot(updates.GetStateRequest())
    ben = new_person("Ben")
    number = ben.id
    ben(account.DeleteAccountRequest("no reason"))
    assert world.accounts[number].deleted
    with refused("AUTH_KEY_UNREGISTERED", 401):
        ben(updates.GetStateRequest())


def test_nothing_works_after_logging_out(ann: Client) -> None:
    assert ann.caller.updates
    ann(auth.LogOutRequest())
    assert not ann.caller.updates
    with refused("AUTH_KEY_UNREGISTERED", 401):
        ann(users.GetUsersRequest([types.InputUserSelf()]))


def test_the_layer_comes_first(world: World) -> None:
    caller = Caller(Login())
    with refused("CONNECTION_NOT_INITED"):
        invoke(world, caller, help.GetNearestDcRequest())
    invoke(world, caller, InvokeWithLayerRequest(198, help.GetNearestDcRequest()))
    assert caller.login.layer == 198
    assert invoke(world, caller, help.GetNearestDcRequest()).this_dc == 2  # type: ignore[attr-defined]  # TL


def test_a_session_without_updates_stays_so_until_it_asks_for_them(world: World, ann: Client) -> None:
    other = Caller(ann.caller.login)
    invoke(world, other, InvokeWithoutUpdatesRequest(updates.GetStateRequest()))
    assert not other.updates
    invoke(world, other, updates.GetStateRequest())
    assert other.updates


def test_every_method_keeps_the_others_out(ann: Client, bot: Client) -> None:
    """What is open to one kind only refuses the other before it looks at anything else."""
    methods: dict[Any, Any] = dict(METHODS)
    for request, method in methods.items():
        if method.open is Open.USERS:
            with refused("BOT_METHOD_INVALID"):
                bot(request.__new__(request))
        elif method.open is Open.BOTS:
            with refused("USER_BOT_REQUIRED"):
                ann(request.__new__(request))


def test_methods_closed_to_bots_are(bot: Client) -> None:
    closed = (messages.GetHistoryRequest, messages.GetDialogsRequest, contacts.BlockRequest)
    assert all(METHODS[request].open is Open.USERS for request in (*closed, account.UpdateUsernameRequest))


def test_an_unknown_method_is_refused_and_logged_once(ann: Client, caplog: pytest.LogCaptureFixture) -> None:
    request = account.GetThemesRequest("android", 0)
    for _ in range(2):
        with pytest.raises(RpcError, match=r"^INPUT_METHOD_INVALID_\d+_0 "):
            ann(request)
    assert [record.getMessage() for record in caplog.records] == [
        "the sandbox does not know the method GetThemesRequest"
    ]


# -- who is who


def test_an_access_hash_is_good_for_one_viewer_only(ann: Client, bot: Client, new_bot: Any) -> None:
    other = new_bot()
    ann.send(bot)
    ann.send(other)
    assert bot.peer(ann).access_hash != other.peer(ann).access_hash
    bot(messages.SetTypingRequest(bot.peer(ann), TYPING))
    with refused("PEER_ID_INVALID"):
        other(messages.SetTypingRequest(bot.peer(ann), TYPING))
    with refused("USER_ID_INVALID"):
        other(users.GetFullUserRequest(bot.user(ann)))
    [empty] = other(users.GetUsersRequest([bot.user(ann)]))
    assert isinstance(empty, types.UserEmpty)
    with refused("PEER_ID_INVALID"):
        ann(messages.SetTypingRequest(types.InputPeerUser(bot.id, WRONG), TYPING))


def test_a_bot_needs_no_hash_for_those_who_wrote_to_it(ann: Client, bot: Client) -> None:
    peer = types.InputPeerUser(ann.id, 0)
    with refused("PEER_ID_INVALID"):
        bot(messages.SetTypingRequest(peer, TYPING))
    ann.send(bot)
    assert bot(messages.SetTypingRequest(peer, TYPING))
    [user] = bot(users.GetUsersRequest([types.InputUser(ann.id, 0)]))
    assert (user.first_name, user.access_hash) == ("Ann", bot.peer(ann).access_hash)
    with refused("PEER_ID_INVALID"):
        ann(messages.SetTypingRequest(types.InputPeerUser(bot.id, 0), TYPING))
    with refused("FROM_MESSAGE_BOT_DISABLED"):
        bot(users.GetFullUserRequest(types.InputUserFromMessage(bot.peer(ann), 1, ann.id)))


def test_usernames_are_resolved_whatever_their_case(world: World, ann: Client, bot: Client) -> None:
    resolved = ann(contacts.ResolveUsernameRequest("The_BOT"))
    assert resolved.peer.user_id == bot.id
    assert resolved.users[0].access_hash == ann.peer(bot).access_hash
    with refused("USERNAME_NOT_OCCUPIED"):
        ann(contacts.ResolveUsernameRequest("nobody_here"))
    for wrong in ("", "1abc", "a b", "ab__cd", "ab_", "ж" * 6, "a" * 33):
        with refused("USERNAME_INVALID"):
            ann(contacts.ResolveUsernameRequest(wrong))


def test_one_username_is_shown_as_such_and_several_as_a_vector(
    world: World, ann: Client, bot: Client
) -> None:
    world.set_usernames(ann.id, "ann_one")
    [user] = bot(contacts.ResolveUsernameRequest("ann_one")).users
    assert (user.username, user.usernames or []) == ("ann_one", [])
    world.set_usernames(ann.id, "ann_two", "ann_three")
    [user] = bot(contacts.ResolveUsernameRequest("ANN_three")).users
    assert user.username is None
    shown = [(name.username, bool(name.editable), bool(name.active)) for name in user.usernames]
    assert shown == [("ann_two", True, True), ("ann_three", False, True)]
    with refused("USERNAME_NOT_OCCUPIED"):
        bot(contacts.ResolveUsernameRequest("ann_one"))


def test_a_username_can_be_taken_changed_and_given_up(ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    for wrong in ("abc", "anns_bot", "1ann1"):
        with refused("USERNAME_INVALID"):
            ann(account.UpdateUsernameRequest(wrong))
    assert ann(account.UpdateUsernameRequest("ann_lee")).username == "ann_lee"
    with refused("USERNAME_NOT_MODIFIED"):
        ann(account.UpdateUsernameRequest("ann_lee"))
    with refused("USERNAME_OCCUPIED"):
        ben(account.UpdateUsernameRequest("Ann_Lee"))
    assert ann(account.UpdateUsernameRequest("")).username is None
    assert ben(account.UpdateUsernameRequest("Ann_Lee")).username == "Ann_Lee"


def test_channels_and_groups_are_resolved_as_what_they_are(world: World, bot: Client) -> None:
    channel = world.new_channel("News", "the_news")
    resolved = bot(contacts.ResolveUsernameRequest("the_news"))
    assert resolved.peer == types.PeerChannel(channel.id)
    [chat] = resolved.chats
    assert (chat.title, chat.broadcast, chat.megagroup) == ("News", True, False)
    request = channels.GetChannelsRequest([types.InputChannel(chat.id, chat.access_hash)])
    assert bot(request).chats[0].title == "News"
    with refused("CHANNEL_INVALID"):
        bot(channels.GetChannelsRequest([types.InputChannel(chat.id, WRONG)]))


def test_a_deleted_account_has_no_name(world: World, ann: Client, bot: Client) -> None:
    ann.send(bot)
    world.delete_account(ann.id)
    [user] = bot(users.GetUsersRequest([bot.user(ann)]))
    assert (user.deleted, user.first_name, user.access_hash) == (True, None, bot.peer(ann).access_hash)


def test_a_bot_is_told_a_language_as_often_as_asked(world: World, bot: Client, new_person: Any) -> None:
    olga = new_person("Ольга", language="ru")
    olga.send(bot)

    def shown() -> str | None:
        [user] = bot(users.GetUsersRequest([bot.user(olga)]))
        return user.lang_code  # type: ignore[no-any-return]  # TL

    assert shown() == "ru"
    world.view.language_every = 2
    assert sorted([shown() or "", shown() or ""]) == ["", "ru"]
    world.view.language_every = 0
    assert shown() is None
    [own] = olga(users.GetUsersRequest([types.InputUserSelf()]))
    assert own.lang_code is None


# -- writing


def test_a_bot_cannot_begin(ann: Client, bot: Client) -> None:
    for request in (
        messages.SendMessageRequest(bot.peer(ann), "hello"),
        messages.SetTypingRequest(bot.peer(ann), TYPING),
    ):
        with refused("PEER_ID_INVALID"):
            bot(request)


def test_a_first_message_of_any_kind_opens_the_dialog(ann: Client, bot: Client) -> None:
    contact = types.InputMediaContact("+1555", "Max", "", "")
    ann(messages.SendMediaRequest(ann.peer(bot), contact, ""))
    answer = bot.send(ann)
    assert isinstance(answer, types.UpdateShortSentMessage)


def test_who_blocks_a_bot_cannot_be_written_to(world: World, ann: Client, bot: Client) -> None:
    ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "x"))
    ann(contacts.BlockRequest(ann.peer(bot)))
    ann(contacts.BlockRequest(ann.peer(bot)))
    with refused("USER_IS_BLOCKED", 403):
        bot.send(ann)
    with refused("USER_IS_BLOCKED", 403):
        bot(messages.SetTypingRequest(bot.peer(ann), TYPING))
    with refused("YOU_BLOCKED_USER"):
        ann.send(bot)
    with refused("YOU_BLOCKED_USER"):
        ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "x"))
    ann(contacts.UnblockRequest(ann.peer(bot)))
    bot.send(ann)
    told = bot.difference().other_updates
    stops = [(update.user_id, update.stopped, update.qts) for update in told if hasattr(update, "stopped")]
    assert stops == [(ann.id, True, 2), (ann.id, False, 3)]


def test_a_block_of_a_bot_that_was_never_started_is_told_to_nobody(
    world: World, ann: Client, bot: Client
) -> None:
    ann(contacts.BlockRequest(ann.peer(bot)))
    assert world.state(bot.id)[:2] == (1, 1)


def test_each_refusal_has_its_own_name(world: World, ann: Client, bot: Client, new_bot: Any) -> None:
    other = new_bot()
    ann.send(bot)
    account_ = world.accounts[ann.id]
    account_.only_premium = True
    with refused("PRIVACY_PREMIUM_REQUIRED", 403):
        bot.send(ann)
    assert bot(messages.SetTypingRequest(bot.peer(ann), TYPING))
    account_.only_premium, account_.paid_stars = False, 25
    with refused("ALLOW_PAYMENT_REQUIRED_25", 403):
        bot.send(ann)
    with refused("USER_IS_BOT"):
        bot.send(other)
    with refused("USER_IS_BOT"):
        bot(messages.SendMessageRequest(types.InputPeerSelf(), "me"))
    mine, theirs = world.accounts[bot.id].profile, world.accounts[other.id].profile
    assert mine is not None
    assert theirs is not None
    mine.talks_to_bots = True
    with refused("USER_BOT_TO_BOT_DISABLED", 403):
        bot.send(other)
    theirs.talks_to_bots = True
    bot.send(other)
    world.delete_account(ann.id)
    with refused("INPUT_USER_DEACTIVATED"):
        bot.send(ann)


def test_a_text_is_trimmed_and_has_its_limits(world: World, ann: Client, bot: Client) -> None:
    for empty in ("", "  \n "):
        with refused("MESSAGE_EMPTY"):
            ann.send(bot, empty)
    with refused("MESSAGE_TOO_LONG"):
        ann.send(bot, "x" * 4097)
    ann.send(bot, "x" * 4096)
    ann.send(bot, "  bold 😀 /go ", entities=[types.MessageEntityBold(2, 4)])
    message = bot.difference().new_messages[-1]
    assert message.message == "bold 😀 /go"
    found = [(type(entity).__name__, entity.offset, entity.length) for entity in message.entities]
    assert found == [("MessageEntityBold", 0, 4), ("MessageEntityBotCommand", 8, 3)]


def test_a_start_carries_its_payload(ann: Client, bot: Client, new_person: Any) -> None:
    ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "a" * 64))
    assert [message.message for message in bot.difference().new_messages] == ["/start " + "a" * 64]
    assert [message.message for message in ann.difference().new_messages] == ["/start"]
    with refused("START_PARAM_EMPTY"):
        ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), ""))
    with refused("START_PARAM_INVALID"):
        ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "a b"))
    with refused("START_PARAM_TOO_LONG"):
        ann(messages.StartBotRequest(ann.user(bot), ann.peer(bot), "a" * 65))
    ben = new_person("Ben")
    with refused("BOT_INVALID"):
        ann(messages.StartBotRequest(ann.user(ben), ann.peer(ben), "x"))


def test_a_random_id_is_taken_once(world: World, ann: Client, bot: Client) -> None:
    ann.send(bot)
    bot.send(ann, "once", 7)
    with refused("RANDOM_ID_DUPLICATE", 500):
        bot.send(ann, "once", 7)
    ann.send(bot, "mine", 7)
    told = bot.difference()
    assert [message.message for message in told.new_messages] == ["hi", "once", "mine"]
    known = [update for update in told.other_updates if isinstance(update, types.UpdateMessageID)]
    assert [(update.id, update.random_id) for update in known] == [(2, 7)]
    world.message_ids_in_difference = False
    assert bot.difference().other_updates == []
    world.forget_random_ids()
    bot.send(ann, "twice", 7)


def test_message_ids_count_per_account(ann: Client, bot: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    assert ann.send(bot).id == 1
    assert ben.send(bot).id == 1
    assert [message.id for message in bot.difference().new_messages] == [1, 2]
    assert bot.send(ann).id == 3
    assert ann.difference().new_messages[-1].id == 2


def test_a_reply_points_at_the_same_message_on_both_sides(ann: Client, bot: Client, new_person: Any) -> None:
    new_person("Ben").send(bot)
    ann.send(bot, "question")
    bot.send(ann, "answer", reply_to=types.InputReplyToMessage(2))
    answer = ann.difference().new_messages[-1]
    assert (answer.message, answer.reply_to.reply_to_msg_id) == ("answer", 1)


def test_typing_passes_and_takes_no_pts(world: World, ann: Client, bot: Client) -> None:
    ann.send(bot)
    passed: list[tuple[int, Any]] = []
    world.subscribe(lambda _: None, lambda account_id, entry: passed.append((account_id, entry.update)))
    before = world.state(bot.id)[:2], world.state(ann.id)[:2]
    bot(messages.SetTypingRequest(bot.peer(ann), TYPING))
    ann(messages.SetTypingRequest(ann.peer(bot), TYPING))
    assert [(number, update.user_id) for number, update in passed] == [(ann.id, bot.id), (bot.id, ann.id)]
    assert (world.state(bot.id)[:2], world.state(ann.id)[:2]) == before


def test_an_edit_is_seen_by_both_and_only_the_author_may(ann: Client, bot: Client) -> None:
    sent = ann.send(bot, "frist")
    with refused("MESSAGE_AUTHOR_REQUIRED", 403):
        bot(messages.EditMessageRequest(bot.peer(ann), 1, message="mine"))
    with refused("MESSAGE_NOT_MODIFIED"):
        ann(messages.EditMessageRequest(ann.peer(bot), sent.id, message="frist"))
    with refused("MESSAGE_ID_INVALID"):
        ann(messages.EditMessageRequest(ann.peer(bot), 99, message="what?"))
    answer = ann(messages.EditMessageRequest(ann.peer(bot), sent.id, message="first"))
    assert [(type(update), update.pts) for update in answer.updates] == [(types.UpdateEditMessage, 3)]
    told = bot.difference()
    assert [message.message for message in told.new_messages] == ["first"]
    assert [update.message.message for update in told.other_updates] == ["first"]
    assert told.new_messages[0].edit_date


def test_a_deleted_message_is_in_no_difference(ann: Client, bot: Client) -> None:
    ann.send(bot, "stays")
    ann.send(bot, "goes")
    answer = ann(messages.DeleteMessagesRequest([2, 99], revoke=True))
    assert (answer.pts, answer.pts_count) == (4, 1)
    told = bot.difference()
    assert [message.message for message in told.new_messages] == ["stays"]
    assert [(update.messages, update.pts, update.pts_count) for update in told.other_updates] == [([2], 4, 1)]
    ann(messages.DeleteHistoryRequest(ann.peer(bot), 0))
    assert ann(messages.GetHistoryRequest(ann.peer(bot), 0, None, 0, 10, 0, 0, 0)).messages == []
    [message] = bot(messages.GetMessagesRequest([types.InputMessageID(1)])).messages
    assert message.message == "stays"


def test_a_forward_names_the_author_unless_they_hide(
    world: World, ann: Client, bot: Client, new_person: Any
) -> None:
    ben = new_person("Ben")
    ben.send(ann, "one")
    ben.send(ann, "two")
    request = messages.ForwardMessagesRequest(ann.peer(ben), [1, 2], ann.peer(bot), random_id=[5, 6])
    answer = ann(request)
    assert [type(update).__name__ for update in answer.updates] == ["UpdateMessageID"] * 2 + [
        "UpdateNewMessage"
    ] * 2
    message = bot.difference().new_messages[0]
    assert (message.message, message.fwd_from.from_id) == ("one", types.PeerUser(ben.id))
    assert ben.id in [user.id for user in bot.difference().users]
    world.accounts[ben.id].hides_forwards = True
    ann(messages.ForwardMessagesRequest(ann.peer(ben), [1], ann.peer(bot), random_id=[8]))
    hidden = bot.difference().new_messages[-1].fwd_from
    assert (hidden.from_id, hidden.from_name) == (None, "Ben")
    with refused("RANDOM_ID_DUPLICATE", 500):
        ann(messages.ForwardMessagesRequest(ann.peer(ben), [1], ann.peer(bot), random_id=[8]))
    with refused("RANDOM_ID_INVALID"):
        ann(messages.ForwardMessagesRequest(ann.peer(ben), [1, 2], ann.peer(bot), random_id=[9]))


def _keyboard(data: bytes) -> Any:
    button = types.KeyboardInlineButton("Go", types.InlineButtonTypeCallback(data))
    return types.ReplyInlineMarkup([types.KeyboardInlineButtonRow([button])])


def test_a_press_waits_until_its_bot_answers(world: World, ann: Client, bot: Client, new_bot: Any) -> None:
    ann.send(bot)
    bot.send(ann, "press", reply_markup=_keyboard(b"go"))
    asked: list[Any] = []
    world.subscribe(lambda _: None, lambda _, entry: asked.append(entry.update))
    with refused("DATA_INVALID"):
        ann(messages.GetBotCallbackAnswerRequest(ann.peer(bot), 2, data=b"other"))
    later = ann(messages.GetBotCallbackAnswerRequest(ann.peer(bot), 2, data=b"go"))
    assert isinstance(later, Later)
    answers: list[Any] = []
    later.then(answers.append)
    [query] = asked
    assert (query.user_id, query.msg_id, query.data) == (ann.id, 2, b"go")
    with refused("QUERY_ID_INVALID"):
        new_bot()(messages.SetBotCallbackAnswerRequest(query.query_id, 0, message="no"))
    bot(messages.SetBotCallbackAnswerRequest(query.query_id, 0, message="done", alert=True))
    assert [(answer.message, answer.alert) for answer in answers] == [("done", True)]
    with refused("QUERY_ID_INVALID"):
        bot(messages.SetBotCallbackAnswerRequest(query.query_id, 0))


def test_a_bot_that_never_answers_a_press_times_out(
    world: World, clock: Clock, ann: Client, bot: Client
) -> None:
    ann.send(bot)
    bot.send(ann, "press", reply_markup=_keyboard(b"go"))
    later = ann(messages.GetBotCallbackAnswerRequest(ann.peer(bot), 2, data=b"go"))
    answers: list[Any] = []
    later.then(answers.append)
    assert later.expires == clock.time + 15
    later.expire()
    assert [answer.name for answer in answers] == ["BOT_RESPONSE_TIMEOUT"]


@pytest.mark.parametrize("data", [b"", b"x" * 65])
def test_a_button_has_up_to_64_bytes(ann: Client, bot: Client, data: bytes) -> None:
    ann.send(bot)
    with refused("BUTTON_DATA_INVALID"):
        bot.send(ann, "press", reply_markup=_keyboard(data))


# -- reading


def test_reading_tells_the_other_person_but_no_bot(
    world: World, ann: Client, bot: Client, new_person: Any
) -> None:
    ben = new_person("Ben")
    ann.send(ben, "one")
    ann.send(ben, "two")
    [dialog] = ben(messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0)).dialogs
    assert dialog.unread_count == 2
    answer = ben(messages.ReadHistoryRequest(ben.peer(ann), 1))
    assert (answer.pts, answer.pts_count) == (world.state(ben.id)[0], 1)
    told = ann.difference().other_updates
    assert [update.max_id for update in told if isinstance(update, types.UpdateReadHistoryOutbox)] == [1]
    [dialog] = ben(messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0)).dialogs
    assert (dialog.unread_count, dialog.read_inbox_max_id) == (1, 1)
    ann.send(bot)
    bot.send(ann)
    before = world.state(bot.id)
    ann(messages.ReadHistoryRequest(ann.peer(bot), 0))
    assert world.state(bot.id) == before


def test_a_message_that_is_not_there_is_empty(ann: Client, bot: Client) -> None:
    ann.send(bot, "there")
    wanted = [types.InputMessageID(1), types.InputMessageID(2)]
    answer = bot(messages.GetMessagesRequest(wanted))
    assert [type(message).__name__ for message in answer.messages] == ["Message", "MessageEmpty"]
    assert [user.id for user in answer.users] == [ann.id]
    assert bytes(answer)


# -- differences


def test_a_difference_has_ones_own_messages_in_order(ann: Client, bot: Client) -> None:
    ann.send(bot, "question")
    bot.send(ann, "answer", 9)
    ann(contacts.BlockRequest(ann.peer(bot)))
    told = bot.difference()
    assert isinstance(told, types.updates.Difference)
    assert [(message.message, message.out) for message in told.new_messages] == [
        ("question", False),
        ("answer", True),
    ]
    assert [type(update).__name__ for update in told.other_updates] == ["UpdateMessageID", "UpdateBotStopped"]
    assert (told.state.pts, told.state.qts) == (3, 2)
    assert isinstance(bot.difference(3, 2), types.updates.DifferenceEmpty)
    assert bytes(told)


def test_a_difference_comes_in_slices_that_lose_nothing(world: World, ann: Client, bot: Client) -> None:
    for number in range(7):
        ann.send(bot, f"{number}")
        ann(contacts.BlockRequest(ann.peer(bot)))
        ann(contacts.UnblockRequest(ann.peer(bot)))
    world.difference_limit = 4
    pts = qts = 1
    texts, stops = [], []
    for _ in range(6):
        told = bot.difference(pts, qts)
        texts += [message.message for message in told.new_messages]
        stops += [update.qts for update in told.other_updates]
        if isinstance(told, types.updates.Difference):
            break
        assert isinstance(told, types.updates.DifferenceSlice)
        assert len(told.new_messages) + len(told.other_updates) == 4
        pts, qts = told.intermediate_state.pts, told.intermediate_state.qts
    assert isinstance(told, types.updates.Difference)
    assert texts == [f"{number}" for number in range(7)]
    assert stops == list(range(2, 16))


def test_a_difference_may_be_too_long(world: World, ann: Client, bot: Client) -> None:
    for number in range(5):
        ann.send(bot, f"{number}")
    answer = bot.difference(pts_total_limit=4)
    assert isinstance(answer, types.updates.DifferenceTooLong)
    assert answer.pts == 6
    assert isinstance(bot.difference(pts_total_limit=5), types.updates.Difference)
    world.difference_too_long = True
    assert isinstance(bot.difference(), types.updates.DifferenceTooLong)
    assert isinstance(bot.difference(6), types.updates.DifferenceEmpty)


def test_a_difference_from_nowhere_is_refused(ann: Client) -> None:
    with refused("PERSISTENT_TIMESTAMP_EMPTY"):
        ann.difference(0)
    with refused("PERSISTENT_TIMESTAMP_INVALID"):
        ann.difference(2)
    with refused("DATE_EMPTY"):
        ann(updates.GetDifferenceRequest(1, 0, 1))


def test_odd_updates_come_in_a_difference_too(world: World, bot: Client) -> None:
    pinned = types.UpdatePinnedMessages(types.PeerUser(1), [1], 0, 1)
    world.push_update(bot.id, pinned)
    world.push_update(bot.id, types.UpdateBotStopped(1, 5, True, 0))
    told = bot.difference()
    assert [(type(update).__name__, getattr(update, "qts", 0)) for update in told.other_updates] == [
        ("UpdatePinnedMessages", 0),
        ("UpdateBotStopped", 2),
    ]
    assert told.state.pts == 2


# -- what a bot says of itself


def test_command_lists_are_kept_by_scope_and_language(ann: Client, bot: Client) -> None:
    default, private = types.BotCommandScopeDefault(), types.BotCommandScopeUsers()
    ann.send(bot)
    one = types.BotCommandScopePeer(bot.peer(ann))
    lists = [(default, "", "start"), (default, "ru", "help"), (private, "", "privacy"), (one, "", "stats")]
    for scope, language, name in lists:
        assert bot(bots.SetBotCommandsRequest(scope, language, [types.BotCommand(name, "does it")]))
    for scope, language, name in lists:
        [command] = bot(bots.GetBotCommandsRequest(scope, language))
        assert command.command == name
    assert bot(bots.ResetBotCommandsRequest(default, "ru"))
    assert bot(bots.GetBotCommandsRequest(default, "ru")) == []
    info = ann(users.GetFullUserRequest(ann.user(bot))).full_user.bot_info
    assert [command.command for command in info.commands] == ["privacy"]
    with refused("BOT_COMMAND_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "", [types.BotCommand("Start", "big")]))
    with refused("BOT_COMMAND_DESCRIPTION_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "", [types.BotCommand("start", "")]))
    with refused("LANG_CODE_INVALID"):
        bot(bots.SetBotCommandsRequest(default, "russian", []))
    many = [types.BotCommand(f"c{number}", "does it") for number in range(101)]
    with refused("BOT_COMMANDS_TOO_MUCH"):
        bot(bots.SetBotCommandsRequest(default, "", many))


def test_texts_fall_back_to_the_language_without_a_code(world: World, ann: Client, bot: Client) -> None:
    bot(bots.SetBotInfoRequest("", name="Nice Bot", about="about", description="Welcome"))
    bot(bots.SetBotInfoRequest("ru", description="Привет"))
    info = bot(bots.GetBotInfoRequest("ru"))
    assert (info.name, info.about, info.description) == ("Nice Bot", "about", "Привет")
    info = bot(bots.GetBotInfoRequest("de"))
    assert info.description == "Welcome"
    assert ann(contacts.ResolveUsernameRequest("the_bot")).users[0].first_name == "Nice Bot"
    bot(bots.SetBotInfoRequest("ru", description=""))
    assert bot(bots.GetBotInfoRequest("ru")).description == "Welcome"
    with refused("DESCRIPTION_TOO_LONG"):
        bot(bots.SetBotInfoRequest("", description="x" * 513))
    with refused("USER_BOT_REQUIRED"):
        ann(bots.GetBotInfoRequest(""))


def test_the_config_leads_back_here(world: World, ann: Client) -> None:
    world.address = ("127.0.0.1", 4321)
    [option] = ann(help.GetConfigRequest()).dc_options
    assert (option.id, option.ip_address, option.port) == (2, "127.0.0.1", 4321)


# -- groups and requests to join


def test_a_bot_in_a_group_hears_what_is_meant_for_it(ann: Client, bot: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    created = ann(messages.CreateChatRequest([ann.user(ben), ann.user(bot)], "Friends"))
    [chat] = created.updates.chats
    group = types.InputPeerChat(chat.id)
    for text in ("hello all", "/start@the_bot x", "/start@other_bot", "/help"):
        ann(messages.SendMessageRequest(group, text))
    told = bot.difference()
    assert [message.message for message in told.new_messages if message.message] == [
        "/start@the_bot x",
        "/help",
    ]
    assert {message.from_id.user_id for message in told.new_messages} == {ann.id}
    assert [each.title for each in told.chats] == ["Friends"]
    answer = bot(messages.SendMessageRequest(group, "Hello!"))
    assert [type(update).__name__ for update in answer.updates] == ["UpdateMessageID", "UpdateNewMessage"]
    with refused("PEER_ID_INVALID"):
        new_person("Eve")(messages.SendMessageRequest(group, "let me in"))


def test_startgroup_adds_the_bot_and_starts_it_there(world: World, ann: Client, bot: Client) -> None:
    group = world.new_group("Friends", ann.id)
    before = world.state(ann.id)[0]
    request = messages.StartBotRequest(ann.user(bot), types.InputPeerChat(group.id), "ref")
    answer = ann(request)
    assert [message.message for message in bot.difference().new_messages][-1] == "/start@the_bot ref"
    told = [update.pts for update in answer.updates if hasattr(update, "pts")]
    assert told == [before + 1, before + 2]


@pytest.fixture
def approval(world: World, ann: Client, bot: Client) -> Any:
    """A private supergroup of Ann's with the bot as admin, and the hash of its link that needs approval."""
    channel = ann(channels.CreateChannelRequest("Club", "for members", megagroup=True)).chats[0]
    rights = types.ChatAdminRights(invite_users=True)
    given = types.InputChannel(channel.id, channel.access_hash)
    ann(channels.EditAdminRequest(given, ann.user(bot), rights, ""))
    peer = types.InputPeerChannel(channel.id, channel.access_hash)
    invite = ann(messages.ExportChatInviteRequest(peer, request_needed=True))
    return channel.id, invite.link.rpartition("+")[2]


def test_a_request_to_join_opens_a_window_of_five_minutes(
    world: World, clock: Clock, ann: Client, bot: Client, new_person: Any, approval: Any
) -> None:
    channel_id, invite_hash = approval
    ben = new_person("Ben")
    assert ben(messages.CheckChatInviteRequest(invite_hash)).request_needed
    for _ in range(2):
        with refused("INVITE_REQUEST_SENT"):
            ben(messages.ImportChatInviteRequest(invite_hash))
    told = bot.difference()
    requests = [
        update for update in told.other_updates if isinstance(update, types.UpdateBotChatInviteRequester)
    ]
    assert [(update.user_id, update.peer) for update in requests] == [(ben.id, types.PeerChannel(channel_id))]
    assert ben.id in [user.id for user in told.users]
    assert [chat.title for chat in told.chats] == ["Club"]
    bot.send(ben, "welcome")
    clock.time += 299
    bot.send(ben, "still there")
    clock.time += 1
    with refused("PEER_ID_INVALID"):
        bot.send(ben, "too late")


@pytest.mark.parametrize("approved", [True, False])
def test_a_request_is_decided_once(
    world: World, bot: Client, new_person: Any, approval: Any, approved: bool
) -> None:
    channel_id, invite_hash = approval
    ben = new_person("Ben")
    with refused("INVITE_REQUEST_SENT"):
        ben(messages.ImportChatInviteRequest(invite_hash))
    peer = types.InputPeerChannel(channel_id, world.accounts.access_hash(bot.id, channel_id, kind=b"channel"))
    decide = messages.HideChatJoinRequestRequest(peer, bot.user(ben), approved=approved)
    assert bot(decide).chats[0].id == channel_id
    with refused("HIDE_REQUESTER_MISSING"):
        bot(decide)
    with refused("PEER_ID_INVALID"):
        bot.send(ben, "the window is closed")
    joined = isinstance(ben(messages.CheckChatInviteRequest(invite_hash)), types.ChatInviteAlready)
    assert joined is approved


def test_only_an_admin_who_may_add_users_decides(
    world: World, new_bot: Any, new_person: Any, approval: Any
) -> None:
    channel_id, invite_hash = approval
    ben, other = new_person("Ben"), new_bot()
    with refused("INVITE_REQUEST_SENT"):
        ben(messages.ImportChatInviteRequest(invite_hash))
    access_hash = world.accounts.access_hash(other.id, channel_id, kind=b"channel")
    request = messages.HideChatJoinRequestRequest(
        types.InputPeerChannel(channel_id, access_hash), other.user(ben), approved=True
    )
    with refused("CHAT_ADMIN_REQUIRED"):
        other(request)
    with refused("INVITE_HASH_INVALID"):
        ben(messages.ImportChatInviteRequest("nothing"))


def test_write_access_lets_a_bot_begin(world: World, ann: Client, bot: Client) -> None:
    world.allow(bot.id, ann.id, domain="example.org")
    [message] = bot.difference().new_messages
    assert isinstance(message, types.MessageService)
    assert message.action.domain == "example.org"
    bot.send(ann, "hello")


def test_a_user_may_give_a_bot_write_access(ann: Client, bot: Client) -> None:
    assert not ann(bots.CanSendMessageRequest(ann.user(bot)))
    for _ in range(2):
        ann(bots.AllowSendMessageRequest(ann.user(bot)))
    assert ann(bots.CanSendMessageRequest(ann.user(bot)))
    actions = [message.action for message in bot.difference().new_messages]
    assert [(action.from_request, action.domain) for action in actions] == [(True, None)]
    bot.send(ann, "hello")


def test_a_language_changed_in_the_app_is_shown_to_bots(world: World, ann: Client, bot: Client) -> None:
    def connect(language: str) -> None:
        ann(InitConnectionRequest(1, "x", "x", "x", language, "", language, help.GetConfigRequest()))

    connect("ru")
    assert world.accounts[ann.id].language == "ru"
    world.accounts[ann.id].language = "uk"
    connect("ru")
    assert world.accounts[ann.id].language == "uk"


def test_an_album_is_one_group_of_messages(ann: Client, bot: Client) -> None:
    contact = types.InputMediaContact("+1555", "Max", "", "")
    singles = [
        types.InputSingleMedia(contact, text, random_id=number) for number, text in ((1, "a"), (2, ""))
    ]
    answer = ann(messages.SendMultiMediaRequest(ann.peer(bot), singles))
    assert [type(update).__name__ for update in answer.updates][:2] == ["UpdateMessageID"] * 2
    told = bot.difference().new_messages
    assert [message.message for message in told] == ["a", ""]
    assert len({message.grouped_id for message in told}) == 1


def test_only_admins_delete_what_others_wrote_in_a_group(world: World, ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    world.new_group("Friends", ann.id, ben.id)
    world.send_as(ann.id, next(iter(world.chats)), "mine")
    with refused("MESSAGE_DELETE_FORBIDDEN", 403):
        ben(messages.DeleteMessagesRequest([2], revoke=True))
    ben(messages.DeleteMessagesRequest([2]))
    assert ann(messages.DeleteMessagesRequest([2], revoke=True)).pts_count == 1


@pytest.fixture
def club(world: World, ann: Client, bot: Client) -> Any:
    """A supergroup of Ann's that the bot is in, as (Ann's peer, the bot's peer)."""
    channel = ann(channels.CreateChannelRequest("Club", "", megagroup=True)).chats[0]
    ann(channels.InviteToChannelRequest(types.InputChannel(channel.id, channel.access_hash), [ann.user(bot)]))
    theirs = world.accounts.access_hash(bot.id, channel.id, kind=b"channel")
    return types.InputPeerChannel(channel.id, channel.access_hash), types.InputPeerChannel(channel.id, theirs)


def _channel_difference(client: Client, peer: Any, pts: int, limit: int = 100) -> Any:
    given = types.InputChannel(peer.channel_id, peer.access_hash)
    everything = types.ChannelMessagesFilterEmpty()
    return client(updates.GetChannelDifferenceRequest(given, everything, pts, limit))


def test_a_supergroup_has_ids_and_pts_of_its_own(world: World, ann: Client, bot: Client, club: Any) -> None:
    mine, theirs = club
    account_pts = world.state(ann.id)[0], world.state(bot.id)[0]
    passed: list[tuple[int, Any]] = []
    world.subscribe(lambda _: None, lambda account_id, entry: passed.append((account_id, entry.update)))
    answer = ann(messages.SendMessageRequest(mine, "/start@the_bot x", random_id=5))
    [told_id, told] = answer.updates
    assert (told_id.random_id, told_id.id) == (5, told.message.id)
    assert (type(told), told.message.out, told.pts) == (types.UpdateNewChannelMessage, True, 4)
    [(number, update)] = passed
    assert (number, update.message.message, update.message.out, update.pts) == (
        bot.id,
        "/start@the_bot x",
        False,
        4,
    )
    reply = types.InputReplyToMessage(told.message.id)
    bot(messages.SendMessageRequest(theirs, "hello", reply_to=reply))
    assert [update.message.reply_to.reply_to_msg_id for _, update in passed[1:]] == [told.message.id]
    assert (world.state(ann.id)[0], world.state(bot.id)[0]) == account_pts


def test_what_a_bot_missed_in_a_supergroup_is_in_the_channels_difference(
    world: World, ann: Client, bot: Client, club: Any
) -> None:
    mine, theirs = club
    for text in ("/start@the_bot one", "not for bots", "/two"):
        ann(messages.SendMessageRequest(mine, text))
    ann(messages.EditMessageRequest(mine, 5, message="/three"))
    ann(channels.DeleteMessagesRequest(types.InputChannel(mine.channel_id, mine.access_hash), [3]))
    told = _channel_difference(bot, theirs, 3)
    assert [message.message for message in told.new_messages] == ["/three"]
    assert [type(update).__name__ for update in told.other_updates] == [
        "UpdateEditChannelMessage",
        "UpdateDeleteChannelMessages",
    ]
    assert (told.final, told.pts) == (True, 8)
    assert [chat.title for chat in told.chats] == ["Club"]
    assert isinstance(_channel_difference(bot, theirs, 8), types.updates.ChannelDifferenceEmpty)
    seen, pts = [], 1
    while not isinstance(
        part := _channel_difference(ann, mine, pts, 2), types.updates.ChannelDifferenceEmpty
    ):
        seen += [message.message for message in part.new_messages if message.message]
        pts = part.pts
    assert seen == ["not for bots", "/three"]


def test_an_accounts_difference_names_the_channels_in_which_something_happened(
    clock: Clock, ann: Client, bot: Client, club: Any
) -> None:
    mine, _ = club
    clock.time += 10
    pts, qts = bot.world.state(bot.id)[:2]
    date = int(clock.time)
    assert isinstance(bot(updates.GetDifferenceRequest(pts, date, qts)), types.updates.DifferenceEmpty)
    clock.time += 10
    ann(messages.SendMessageRequest(mine, "/start"))
    told = bot(updates.GetDifferenceRequest(pts, date, qts))
    assert [(update.channel_id, update.pts) for update in told.other_updates] == [(mine.channel_id, 4)]
    assert [chat.title for chat in told.chats] == ["Club"]


def test_only_admins_write_in_a_channel_and_forwards_name_it(world: World, ann: Client, bot: Client) -> None:
    channel = ann(channels.CreateChannelRequest("News", "", broadcast=True)).chats[0]
    peer = types.InputPeerChannel(channel.id, channel.access_hash)
    ann(messages.SendMessageRequest(peer, "today"))
    theirs = types.InputPeerChannel(
        channel.id, world.accounts.access_hash(bot.id, channel.id, kind=b"channel")
    )
    with refused("CHAT_WRITE_FORBIDDEN", 403):
        bot(messages.SendMessageRequest(theirs, "me too"))
    news = next(iter(world.chats.values()))
    world.groups.add(news, world.accounts[bot.id], by=ann.id)
    with refused("CHAT_WRITE_FORBIDDEN", 403):
        bot(messages.SendMessageRequest(theirs, "a subscriber"))
    news.admins[bot.id] = types.ChatAdminRights(post_messages=True)
    bot(messages.SendMessageRequest(theirs, "an admin"))
    ann(channels.DeleteMessagesRequest(types.InputChannel(channel.id, channel.access_hash), [2]))
    ann(messages.ForwardMessagesRequest(peer, [1], ann.peer(bot), random_id=[5]))
    header = bot.difference().new_messages[-1].fwd_from
    assert (header.from_id, header.channel_post) == (types.PeerChannel(channel.id), 1)
    [message] = ann(messages.GetHistoryRequest(peer, 0, None, 0, 10, 0, 0, 0)).messages
    assert (message.message, message.post, message.from_id) == ("today", True, None)


def test_startgroup_in_a_supergroup_tells_all_that_it_did(ann: Client, bot: Client) -> None:
    channel = ann(channels.CreateChannelRequest("Club", "", megagroup=True)).chats[0]
    peer = types.InputPeerChannel(channel.id, channel.access_hash)
    answer = ann(messages.StartBotRequest(ann.user(bot), peer, "ref"))
    told = [update.pts for update in answer.updates if isinstance(update, types.UpdateNewChannelMessage)]
    assert told == [3, 4]


def test_who_is_blocked_by_a_person_writes_into_the_void(ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    ben(contacts.BlockRequest(ben.peer(ann)))
    assert ann.send(ben).id == 1
    assert isinstance(ben.difference(), types.updates.DifferenceEmpty)


@pytest.mark.parametrize("supergroup", [True, False])
def test_a_bot_in_privacy_mode_hears_replies_to_it_and_an_admin_hears_all(
    world: World, ann: Client, bot: Client, new_bot: Any, supergroup: bool
) -> None:
    other = new_bot("other_bot")
    if supergroup:
        chat = world.new_channel("Club", megagroup=True, creator=ann.id)
        for member in (bot, other):
            world.groups.add(chat, world.accounts[member.id], by=ann.id)
    else:
        chat = world.new_group("Club", ann.id, bot.id, other.id)

    def peer(client: Client) -> Any:
        if not supergroup:
            return types.InputPeerChat(chat.id)
        access_hash = world.accounts.access_hash(client.id, chat.id, kind=b"channel")
        return types.InputPeerChannel(chat.id, access_hash)

    def heard(client: Client) -> list[str]:
        answer = _channel_difference(client, peer(client), 1) if supergroup else client.difference()
        return [message.message for message in answer.new_messages if message.message]

    def say(client: Client, text: str, reply_to: int | None = None) -> int:
        reply = types.InputReplyToMessage(reply_to) if reply_to else None
        answer = client(messages.SendMessageRequest(peer(client), text, reply_to=reply))
        return answer.updates[-1].message.id  # type: ignore[no-any-return]  # TL

    question = say(ann, "among people")
    say(ann, "to myself", question)
    say(bot, "/from_a_bot")
    history = ann(messages.GetHistoryRequest(peer(ann), 0, None, 0, 1, 0, 0, 0)).messages
    say(ann, "to the bot", history[0].id)
    assert heard(bot) == ["/from_a_bot", "to the bot"]
    assert heard(other) == []
    chat.admins[other.id] = types.ChatAdminRights(invite_users=True)
    say(ann, "to all")
    assert heard(other)[-1] == "to all"
    assert "to all" not in heard(bot)


def test_a_bot_is_told_of_its_own_standing(world: World, bot: Client, approval: Any) -> None:
    channel_id, _ = approval
    [update] = bot.difference().other_updates[:1]
    assert (update.channel_id, update.user_id, update.prev_participant) == (channel_id, bot.id, None)
    assert update.new_participant.admin_rights.invite_users


def test_a_member_cannot_come_again_nor_a_bot_that_joins_no_groups(
    world: World, ann: Client, bot: Client, new_person: Any, approval: Any
) -> None:
    channel_id, invite_hash = approval
    with refused("USER_ALREADY_PARTICIPANT"):
        ann(messages.ImportChatInviteRequest(invite_hash))
    profile = world.accounts[bot.id].profile
    assert profile is not None
    profile.joins_groups = False
    with refused("BOT_GROUPS_BLOCKED"):
        ann(messages.CreateChatRequest([ann.user(bot)], "Friends"))
    ben = new_person("Ben")
    with refused("INVITE_REQUEST_SENT"):
        ben(messages.ImportChatInviteRequest(invite_hash))
    chat = next(chat for chat in world.chats.values() if chat.id == channel_id)
    world.groups.add(chat, world.accounts[ben.id], by=ann.id)
    assert chat.requests == {}
    access_hash = world.accounts.access_hash(ben.id, channel_id, kind=b"channel")
    request = channels.EditAdminRequest(
        types.InputChannel(channel_id, access_hash), ben.user(bot), types.ChatAdminRights(), ""
    )
    with refused("CHAT_ADMIN_REQUIRED"):
        ben(request)
    given = types.InputPeerChannel(channel_id, access_hash)
    with refused("CHAT_ADMIN_REQUIRED"):
        ben(messages.ExportChatInviteRequest(given))
    with refused("MESSAGE_DELETE_FORBIDDEN", 403):
        ben(channels.DeleteMessagesRequest(types.InputChannel(channel_id, access_hash), [1]))


def test_people_need_no_hash_for_their_contacts(world: World, ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    [empty] = ann(users.GetUsersRequest([types.InputUser(ben.id, 0)]))
    assert isinstance(empty, types.UserEmpty)
    world.accounts[ann.id].contacts.add(ben.id)
    [user] = ann(users.GetUsersRequest([types.InputUser(ben.id, 0)]))
    assert (user.contact, user.access_hash) == (True, ann.peer(ben).access_hash)


def test_what_is_deleted_unread_is_not_counted_as_unread(ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    for text in ("one", "two", "three"):
        ann.send(ben, text)
    ben(messages.ReadHistoryRequest(ben.peer(ann), 1))
    ann(messages.DeleteMessagesRequest([1, 3], revoke=True))
    [dialog] = ben(messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0)).dialogs
    assert (dialog.unread_count, dialog.top_message) == (1, 2)
    assert ben(updates.GetStateRequest()).unread_count == 1
