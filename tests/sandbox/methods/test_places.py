"""Live places: they move by edits until their time is over."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages

from tests.sandbox.methods.direct import Client, Clock, refused


def live(lat: float = 1.0, **options: Any) -> types.InputMediaGeoLive:
    return types.InputMediaGeoLive(types.InputGeoPoint(lat, 2.0), **options)


def media_in(answer: Any) -> Any:
    return next(update.message.media for update in answer.updates if hasattr(update, "message"))


def test_a_live_place_moves_and_ends(ann: Client, bot: Client, clock: Clock) -> None:
    ann.send(bot)
    peer = bot.peer(ann)
    sent = media_in(bot(messages.SendMediaRequest(peer, live(period=900, heading=90), "")))
    assert (sent.period, sent.heading, sent.geo.lat) == (900, 90, 1.0)
    clock.time += 100
    moved = media_in(bot(messages.EditMessageRequest(peer, 2, media=live(5.0))))
    assert (moved.period, moved.geo.lat) == (900, 5.0)
    ended = types.InputMediaGeoLive(types.InputGeoPointEmpty(), stopped=True)
    last = media_in(bot(messages.EditMessageRequest(peer, 2, media=ended)))
    assert (last.period, last.geo.lat) == (100, 5.0)
    with refused("MESSAGE_NOT_MODIFIED"):
        bot(messages.EditMessageRequest(peer, 2, media=live(6.0)))
    with refused("MEDIA_PREV_INVALID"):
        ann(messages.EditMessageRequest(ann.peer(bot), 1, media=live(6.0)))


@pytest.mark.parametrize("period", [None, 0, 59, 86401, -1])
def test_a_live_place_is_live_for_a_minute_to_a_day(ann: Client, bot: Client, period: int | None) -> None:
    with refused("MEDIA_INVALID"):
        ann(messages.SendMediaRequest(ann.peer(bot), live(period=period), ""))


@pytest.mark.parametrize("lat", [91.0, -90.5, float("nan"), float("inf")])
def test_a_place_is_on_the_earth(ann: Client, bot: Client, lat: float) -> None:
    point = types.InputMediaGeoPoint(types.InputGeoPoint(lat, 0.0))
    with refused("GEO_POINT_INVALID"):
        ann(messages.SendMediaRequest(ann.peer(bot), point, ""))
