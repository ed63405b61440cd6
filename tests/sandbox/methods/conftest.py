"""A world with a stopped clock, a user and a bot."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from telethon.tl import types
from telethon.tl.functions import auth

from tests.sandbox.methods.direct import Client, Clock
from tgbot.sandbox.world import World


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
