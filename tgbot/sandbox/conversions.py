"""What changed its name or type between layers: types, methods, fields, and the results of methods."""

from __future__ import annotations

import datetime
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from telethon.tl import types

from .schema import Definition
from .signatures import arguments, plain_annotation


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a value of an older layer becomes Telethon's, and back; None leaves it out."""

    newer: Callable[[Any], Any]
    older: Callable[[Any], Any]


def _input_peer(given: Any) -> Any:
    """Return the InputPeer of the user or channel that an InputUser or InputChannel means."""
    if isinstance(given, types.InputUserSelf):
        return types.InputPeerSelf()
    if isinstance(given, types.InputUserEmpty | types.InputChannelEmpty):
        return types.InputPeerEmpty()
    cls = getattr(types, type(given).__name__.replace("Input", "InputPeer", 1), None)
    if cls is None:  # Clients send an InputPeer as well, and Telegram takes it.
        return given
    return cls(**vars(given))


#: (kind in the older layer, Telethon's annotation) → the conversion.
_CONVERSIONS: Final[Mapping[tuple[str, object], Conversion]] = {
    ("int", float): Conversion(float, round),
    ("string", "TypeTextWithEntities"): Conversion(
        lambda text: types.TextWithEntities(text, []), lambda value: value.text
    ),
    ("long", "TypeStarsAmount"): Conversion(
        lambda stars: types.StarsAmount(stars, 0), lambda amount: amount.amount
    ),
    ("long", "TypePeer"): Conversion(types.PeerUser, lambda peer: getattr(peer, "user_id", None)),
    # Only requests have these, so the way back is never asked for.
    ("InputUser", "TypeInputPeer"): Conversion(_input_peer, lambda peer: None),
    ("InputChannel", "TypeInputPeer"): Conversion(_input_peer, lambda peer: None),
}

#: Name of a type or method in older layers → Telethon's.
RENAMED: Final[Mapping[str, str]] = {
    "messageUserVote": "messagePeerVote",
    "messageUserVoteInputOption": "messagePeerVoteInputOption",
    "messageUserVoteMultiple": "messagePeerVoteMultiple",
    # Until layer 214 only channels had topics.
    "channels.createForumTopic": "messages.createForumTopic",
    "channels.deleteTopicHistory": "messages.deleteTopicHistory",
    "channels.editForumTopic": "messages.editForumTopic",
    "channels.getForumTopics": "messages.getForumTopics",
    "channels.getForumTopicsByID": "messages.getForumTopicsByID",
    "channels.reorderPinnedForumTopics": "messages.reorderPinnedForumTopics",
    "channels.updatePinnedForumTopic": "messages.updatePinnedForumTopic",
}
OLDER_NAMES: Final[Mapping[str, str]] = {newer: older for older, newer in RENAMED.items()}

#: (Name in older layers, its field) → the field of Telethon's class.
_FIELDS: Final[Mapping[tuple[str, str], str]] = {
    ("channels.toggleSignatures", "enabled"): "signatures_enabled",
    ("inputMediaStory", "user_id"): "peer",
    ("inputReplyToStory", "user_id"): "peer",
    ("messageMediaStory", "user_id"): "peer",
    ("starsTransaction", "stars"): "amount",
    ("updateMessagePollVote", "user_id"): "peer",
    ("webPageAttributeStory", "user_id"): "peer",
    **{(name, "user_id"): "peer" for name in RENAMED if name.startswith("messageUserVote")},
    **{(name, "channel"): "peer" for name in RENAMED if name.startswith("channels.")},
}


def _field_name(owner: str, field: str) -> str:
    """Return the name that Telethon's class has for a field of the type or method `owner`."""
    return _FIELDS.get((owner, field), field)


def _conversion(kind: str, annotation: Any) -> Conversion | None:
    """Return how a field of the type `kind` becomes what Telethon annotates, None if it cannot."""
    plain = plain_annotation(annotation)
    if kind.startswith("Vector<") and typing.get_origin(plain) is list:
        each = _conversion(kind[7:-1], typing.get_args(plain)[0])
        return None if each is None else _of_each(each)
    return _CONVERSIONS.get((kind, plain))


def _of_each(each: Conversion) -> Conversion:
    return Conversion(
        lambda values: [each.newer(value) for value in values],
        lambda values: [older for value in values if (older := each.older(value)) is not None],
    )


def bind(definition: Definition, cls: Any) -> Definition:
    """Return `definition` with the fields of Telethon's `cls`: named, and converted where the type differs.

    A field without a counterpart is void: its name has a "-" in front, and it is written as absent or as its
    default.
    """
    held = arguments(cls)
    fields = []
    for each in definition.fields:
        field = replace(each, name=_field_name(definition.name, each.name))
        annotation = held.get(field.name)
        if field.kind == "int" and plain_annotation(annotation) is datetime.datetime:
            fields.append(replace(field, kind="date"))
        elif field.kind == "#" or _holds(annotation, field.kind):
            fields.append(field)
        elif (found := _conversion(field.kind, annotation)) is not None:
            fields.append(replace(field, newer=found.newer, older=found.older))
        else:
            fields.append(replace(field, name=f"-{field.name}"))
    return replace(definition, fields=tuple(fields))


def _holds(annotation: Any, kind: str) -> bool:
    plain = plain_annotation(annotation)
    if kind.startswith("Vector<"):
        return typing.get_origin(plain) is list and _holds(typing.get_args(plain)[0], kind[7:-1])
    expected = _PYTHON.get(kind)
    if expected is not None:
        return plain is expected
    if not isinstance(plain, str):
        return False
    # In older layers inline buttons and their rows have the type of the others: `reading` converts them.
    name = f"Type{kind.rpartition('.')[2].replace('MessageUserVote', 'MessagePeerVote')}"
    return plain.replace("KeyboardInline", "Keyboard") == name


_PYTHON: dict[str, type] = {
    **dict.fromkeys(("int", "long", "int128", "int256"), int),
    "string": str,
    "bytes": bytes,
    "double": float,
    "true": bool,
    "Bool": bool,
}


# --- the results of methods

#: (Method, its result in older layers) → from the result of today to that one.
RESULTS: Final[Mapping[tuple[str, str], Callable[[Any], Any]]] = {
    ("bots.getBotInfo", "Vector<string>"): lambda found: [found.about, found.description],
    ("channels.inviteToChannel", "Updates"): lambda invited: invited.updates,
    ("channels.joinChannel", "Updates"): lambda joined: joined.updates,
    ("help.getAppConfig", "JSONValue"): lambda found: found.config,
    ("messages.addChatUser", "Updates"): lambda invited: invited.updates,
    ("messages.createChat", "Updates"): lambda invited: invited.updates,
    ("messages.getDialogFilters", "Vector<DialogFilter>"): lambda found: found.filters,
    ("messages.importChatInvite", "Updates"): lambda joined: joined.updates,
}
CHANGED_RESULTS: Final = frozenset(method for method, _ in RESULTS)
