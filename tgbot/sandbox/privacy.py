"""Privacy mode: which messages of a group reach a bot."""

from __future__ import annotations

from .accounts import Account, Accounts
from .chats import Chat
from .dialogs import Copy


def reaches(chat: Chat, member: Account, copy: Copy, accounts: Accounts) -> bool:
    """Return whether a message reaches a member. In privacy mode a bot gets only what is addressed to it."""
    profile, post = member.profile, copy.post
    if profile is None or profile.sees_all or member.id in chat.admins or post.action is not None:
        return True
    sender = accounts.get(post.sender)
    if sender is member:
        return True
    if sender is not None and sender.is_bot:
        return False
    if post.text.startswith("/"):
        addressee = post.text.split(maxsplit=1)[0].partition("@")[2].lower()
        return not addressee or addressee in (name.lower() for name in member.usernames)
    if copy.reply_to is None:
        return False
    box = chat.box if chat.channel or sender is None else sender.box
    answered = box.get(copy.reply_to)
    return answered is not None and answered.post.sender == member.id
