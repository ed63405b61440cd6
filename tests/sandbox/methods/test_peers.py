"""Peers: access hashes, usernames, names, languages."""

from __future__ import annotations

from typing import Any

from telethon.tl import types
from telethon.tl.functions import InitConnectionRequest, account, channels, contacts, help, messages, users

from tests.sandbox.methods.direct import TYPING, WRONG, Client, refused
from tgbot.sandbox.world import World


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


def test_write_access_lets_a_bot_begin(world: World, ann: Client, bot: Client) -> None:
    world.allow(bot.id, ann.id, domain="example.org")
    [message] = bot.difference().new_messages
    assert isinstance(message, types.MessageService)
    assert message.action.domain == "example.org"
    bot.send(ann, "hello")


def test_a_language_changed_in_the_app_is_shown_to_bots(world: World, ann: Client, bot: Client) -> None:
    def connect(language: str) -> None:
        ann(InitConnectionRequest(1, "x", "x", "x", language, "", language, help.GetConfigRequest()))

    connect("ru")
    assert world.accounts[ann.id].language == "ru"
    world.accounts[ann.id].language = "uk"
    connect("ru")
    assert world.accounts[ann.id].language == "uk"


def test_people_need_no_hash_for_their_contacts(world: World, ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    [empty] = ann(users.GetUsersRequest([types.InputUser(ben.id, 0)]))
    assert isinstance(empty, types.UserEmpty)
    world.accounts[ann.id].contacts |= {ben.id}
    [user] = ann(users.GetUsersRequest([types.InputUser(ben.id, 0)]))
    assert (user.contact, user.access_hash) == (True, ann.peer(ben).access_hash)
