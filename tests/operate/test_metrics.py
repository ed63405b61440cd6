"""The metrics that exist are those of docs/metrics.md, and the dashboard asks for no others."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from telethon.tl import functions

from tests.store.memory import MemoryRegistry
from tgbot.core.broadcasts import State
from tgbot.core.deliveries import Outcome, Tally
from tgbot.operate.metrics import Metrics, Numbers
from tgbot.operate.nodes import NodeNumbers
from tgbot.store.base import Reason
from tgbot.telegram.calls.plain import PlainText
from tgbot.telegram.figures import Reading
from tgbot.telegram.meter import Meter

DOCS = Path(__file__).parents[2] / "docs"

READING = Reading(
    link_up=True,
    logged_in=True,
    links=3,
    logins=1,
    unreadable=0,
    proof_age=0.5,
    deafnesses=0,
    deaf=False,
    pts=7,
    pts_behind=1,
    qts_behind=0,
    unfinished=2,
    running=1,
    losses={"hole": 2},
    handler_errors={"examples.echo": 4},
    checkpoints=2,
    checkpoint_seconds=0.25,
    checkpoint_failures=0,
    checkpoint_age=1.0,
    flood_waits={functions.messages.SendMessageRequest: 1, PlainText: 2},
    flood_seconds={PlainText: 30},
    made_again={},
    waits=1,
    longest_wait=2.0,
)

#: Of a broadcast to 5 people, 2 of whom have it.
TALLY = Tally.of(5)
TALLY.outcomes[Outcome.WAITING] -= 2
TALLY.outcomes[Outcome.SENT] += 2


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Metric]:
    """Return the families of a page by name, as Prometheus' own parser reads them."""
    meter, directory = Meter(lambda: 0.0), tmp_path_factory.mktemp("files")
    meter.call(PlainText, "OK", 0.2)
    users = MemoryRegistry(lambda: 1)
    # Only `render` is of interest: it needs the directory alone.
    metrics = Metrics(None, meter, None, None, users, None, None, directory)  # type: ignore[arg-type]
    body, kind = metrics.render(
        Numbers(
            0.001,
            True,
            READING,
            meter.copy(),
            Counter({Reason.POISON: 1}),
            users.count(),
            {State.RUNNING: 1},
            {3: TALLY},
            {"shop.digest": 3},
            {"shop.digest": 1},
            {"remind": 1},
            NodeNumbers(True, 7, 2),
        )
    )
    assert kind.startswith("text/plain; version=")
    return {family.name: family for family in text_string_to_metric_families(body.decode())}


def samples(family: Metric) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


def shown(family: Metric) -> str:
    """Return the name of a family as the page has it."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_the_numbers_are_on_the_page(families: dict[str, Metric]) -> None:
    assert samples(families["tgbot_links"]) == {(): 3}
    assert samples(families["tgbot_leader"]) == {(): 1}
    assert samples(families["tgbot_lease_epoch"]) == {(): 7}
    assert samples(families["tgbot_database_errors"]) == {(): 2}
    assert samples(families["tgbot_flood_waits"]) == {("messages.sendMessage",): 3}
    assert samples(families["tgbot_parked_updates"]) == {("later",): 0, ("failed",): 0, ("poison",): 1}
    assert samples(families["tgbot_losses"])["hole",] == 2
    assert samples(families["tgbot_handler_errors"]) == {("examples.echo",): 4}
    buckets = {sample.labels.get("le"): sample.value for sample in families["tgbot_call_seconds"].samples}
    assert (buckets["0.1"], buckets["0.25"], buckets["+Inf"]) == (0, 1, 1)


def test_every_metric_is_described_with_its_type_and_nothing_else_is(families: dict[str, Metric]) -> None:
    page = (DOCS / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| .{10,} \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted((shown(family), family.type) for family in families.values())


def test_the_dashboard_asks_only_for_what_is_on_the_page(families: dict[str, Metric]) -> None:
    on_page = {sample.name for family in families.values() for sample in family.samples}
    # A family without samples has its names, too.
    on_page |= {shown(family) for family in families.values()}
    on_page |= {f"{family.name}_bucket" for family in families.values() if family.type == "histogram"}
    dashboard = json.loads((DOCS / "grafana.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    alerts = re.findall(r"^\| `(.+)` \| \w* \|", (DOCS / "metrics.md").read_text(), re.MULTILINE)
    names = {name for text in asked + alerts for name in re.findall(r"\b(?:tgbot|process)_\w+", text)}
    assert len(asked) > 20
    assert len(names) > 20
    assert names <= on_page
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)


def test_the_deliveries_of_open_broadcasts_are_told_by_outcome(families: dict[str, Metric]) -> None:
    assert samples(families["tgbot_broadcasts"])["running",] == 1
    assert samples(families["tgbot_broadcasts"])["paused",] == 0
    deliveries = samples(families["tgbot_broadcast_deliveries"])
    assert deliveries["3", "waiting"] == 3
    assert deliveries["3", "sent"] == 2
    assert deliveries["3", "blocked"] == 0
