from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts import Clock, UserRegistryContract
from tgbot.storage.sqlite import SqliteRegistry
from tgbot.users import UserRegistry


class TestSqliteRegistry(UserRegistryContract):
    @pytest.fixture
    def opened(self) -> list[SqliteRegistry]:
        return []

    @pytest.fixture
    def registry(self, clock: Clock, tmp_path: Path) -> Iterator[UserRegistry]:
        self.open = [SqliteRegistry(tmp_path / "users.sqlite", clock=clock)]
        yield self.open[0]
        for registry in self.open:
            registry.close()

    async def reopened(self, registry: UserRegistry) -> UserRegistry:
        assert isinstance(registry, SqliteRegistry)
        await registry.flush()
        registry.close()
        again = SqliteRegistry(registry.path, clock=registry._clock)
        self.open.append(again)
        return again
