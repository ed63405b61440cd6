"""The page `/metrics`: the numbers of the bot and of its process, in the format of Prometheus."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

import telethon
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from telethon.tl import TLRequest

import tgbot
from tgbot.core.broadcasts import State
from tgbot.core.deliveries import Outcome, Tally
from tgbot.core.users import Counts, UserRegistry
from tgbot.operate.health import Health
from tgbot.operate.nodes import Node, NodeNumbers, numbers
from tgbot.plugins.jobs.tries import Tries
from tgbot.store.base import Broadcasts, ParkedUpdates, Reason
from tgbot.telegram.calls.call import method_of
from tgbot.telegram.calls.retries import REASONS
from tgbot.telegram.figures import Figures, Reading
from tgbot.telegram.hooks import LOSSES
from tgbot.telegram.meter import Histogram, Meter

#: The states of broadcasts whose deliveries are on the page.
_OPEN: Final = (State.RUNNING, State.PAUSED)


class Numbers(NamedTuple):
    """What a page is made of: all numbers at one moment."""

    #: How many seconds the event loop took to answer.
    lag: float
    ready: bool
    reading: Reading
    meter: Meter
    parked: Mapping[Reason, int]
    users: Counts
    #: How many broadcasts there are in each state, and the tallies of those that are open, by number.
    broadcasts: Mapping[State, int]
    deliveries: Mapping[int, Tally]
    #: How often each job ran since the start, failed, and was dropped.
    job_runs: Mapping[str, int]
    job_failures: Mapping[str, int]
    job_drops: Mapping[str, int]
    #: Those of the node, None for a bot that is none.
    node: NodeNumbers | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """Makes the page: `read` in the event loop takes the numbers, `render` in any thread writes them."""

    figures: Figures
    meter: Meter
    health: Health
    parked: ParkedUpdates
    users: UserRegistry
    broadcasts: Broadcasts
    jobs: Tries
    #: The directory of the bot's files.
    directory: Path
    #: Returns the numbers of the node, if the bot is one.
    node: Callable[[], NodeNumbers] | None = None
    process: ProcessCollector = field(default_factory=lambda: ProcessCollector(registry=None))

    def read(self, lag: float) -> Numbers:
        """Return the numbers of this moment; `lag` is how long the event loop took to come to it."""
        parked = dict(self.parked.by_reason)
        ready = self.health.last is None
        broadcasts = self.broadcasts.all()
        open_now = [one.id for one in broadcasts if one.state in _OPEN]
        return Numbers(
            *(lag, ready, self.figures.read(), self.meter.copy(), parked, self.users.count()),
            Counter(one.state for one in broadcasts),
            {number: deepcopy(self.broadcasts.tally(number)) for number in open_now},
            *(dict(self.jobs.ran), dict(self.jobs.failed), dict(self.jobs.dropped)),
            None if self.node is None else self.node(),
        )

    def render(self, numbers: Numbers) -> tuple[bytes, str]:
        """Return the page and its type."""
        return _page(_Families(numbers, self.directory), self.process)


@dataclass(frozen=True, slots=True)
class StandbyMetrics:
    """Makes the page of a node that stands by: of what `Metrics` has, only what there is."""

    node: Node
    process: ProcessCollector = field(default_factory=lambda: ProcessCollector(registry=None))

    def read(self, lag: float) -> NodeNumbers:
        """Return the numbers of this moment."""
        return numbers(self.node)

    def render(self, numbers: NodeNumbers) -> tuple[bytes, str]:
        """Return the page and its type."""
        return _page(_StandbyFamilies(numbers), self.process)


def _page(families: Collector, process: ProcessCollector) -> tuple[bytes, str]:
    registry = CollectorRegistry()
    registry.register(families)
    registry.register(process)
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _StandbyFamilies(Collector):
    def __init__(self, numbers: NodeNumbers) -> None:
        self._numbers = numbers

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield gauge("ready", "Whether the last look at the bot's health found nothing wrong", False)
        yield from _of_node(self._numbers)
        yield _versions()


class _Families(Collector):
    """The numbers as Prometheus' families; their help is what docs/metrics.md says of them."""

    def __init__(self, numbers: Numbers, directory: Path) -> None:
        self._numbers = numbers
        self._directory = directory

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        numbers = self._numbers
        yield from _of_link(numbers)
        yield from _of_updates(numbers)
        yield from _of_calls(numbers)
        yield from _of_storage(numbers, self._directory)
        yield from _of_broadcasts(numbers)
        yield counters("job_runs", "Runs of jobs that have begun", "job", numbers.job_runs)
        failures = dict.fromkeys(numbers.job_runs, 0) | dict(numbers.job_failures)
        yield counters("job_failures", "Runs of jobs that failed", "job", failures)
        yield counters("job_drops", "What was planned once and given up", "job", numbers.job_drops)
        yield gauge("event_loop_lag_seconds", "How long the event loop took to answer", numbers.lag)
        if numbers.node is not None:
            yield from _of_node(numbers.node)
        yield _versions()


def _versions() -> Metric:
    about = {"version": tgbot.__version__, "telethon": telethon.__version__}
    about["python"] = platform.python_version()
    built = GaugeMetricFamily("tgbot_build_info", "Versions; always 1", labels=list(about))
    built.add_metric(list(about.values()), 1)
    return built


def _of_node(numbers: NodeNumbers) -> Iterator[Metric]:
    yield gauge("leader", "Whether this node leads the bot, and its lease lasts", numbers.leads)
    yield gauge("lease_epoch", "How often the leader changed", numbers.epoch)
    yield counter("database_errors", "How often the database could not be reached", numbers.errors)


def _of_link(numbers: Numbers) -> Iterator[Metric]:
    reading = numbers.reading
    yield gauge("ready", "Whether the last look at the bot's health found nothing wrong", numbers.ready)
    yield gauge("link_up", "Whether there is a link to Telegram", reading.link_up)
    yield gauge("logged_in", "Whether Telegram takes requests", reading.logged_in)
    yield counter("links", "Links to Telegram that were made", reading.links)
    yield counter("logins", "Logins that were made", reading.logins)
    yield counter("unreadable", "What Telegram sent that cannot be read", reading.unreadable)
    yield gauge("proof_age_seconds", "Since the last proof that updates reach the bot", reading.proof_age)
    yield counter("deafnesses", "How often updates did not reach the bot", reading.deafnesses)


def _of_updates(numbers: Numbers) -> Iterator[Metric]:
    reading, meter = numbers.reading, numbers.meter
    kinds = {kind.__name__[:1].lower() + kind.__name__[1:]: count for kind, count in meter.updates.items()}
    yield counters("updates", "Updates that were given to the handlers", "kind", kinds)
    yield histograms("update_lag_seconds", "From an update's date to its handlers", "", {"": meter.lag})
    yield gauge("updates_unfinished", "Updates that have arrived and are not finished", reading.unfinished)
    yield gauge("updates_running", "Updates that handlers work on", reading.running)
    losses = dict.fromkeys(LOSSES, 0) | dict(reading.losses)
    yield counters("losses", "How often updates were lost, by the reason", "reason", losses)
    yield histograms("handler_seconds", "Time of a handler, waiting included", "plugin", meter.handlers)
    errors = dict.fromkeys(meter.handlers, 0) | dict(reading.handler_errors)
    yield counters("handler_errors", "Handlers that raised or were cut off", "plugin", errors)


def _of_calls(numbers: Numbers) -> Iterator[Metric]:
    reading, meter = numbers.reading, numbers.meter
    calls = CounterMetricFamily("tgbot_calls", "Calls that have ended", labels=["method", "outcome"])
    for pair, count in meter.outcomes.items():
        calls.add_metric(pair, count)
    yield calls
    yield histograms("call_seconds", "Time of a call, waits and repetitions included", "method", meter.calls)
    waits, seconds = by_method(reading.flood_waits), by_method(reading.flood_seconds)
    yield counters("flood_waits", "How often Telegram asked to wait", "method", waits)
    yield counters("flood_wait_seconds", "How long Telegram asked to wait in all", "method", seconds)
    repeated = dict.fromkeys(REASONS, 0) | dict(reading.made_again)
    yield counters("calls_repeated", "Calls that were made again, by the reason", "reason", repeated)


def _of_storage(numbers: Numbers, directory: Path) -> Iterator[Metric]:
    reading = numbers.reading
    made = SummaryMetricFamily("tgbot_checkpoint_seconds", "Time of the checkpoints that were made")
    made.add_metric([], reading.checkpoints, reading.checkpoint_seconds)
    yield made
    yield counter("checkpoint_failures", "Checkpoints that could not be made", reading.checkpoint_failures)
    yield gauge("checkpoint_age_seconds", "Since the last checkpoint was complete", reading.checkpoint_age)
    parked = {reason.value: numbers.parked.get(reason, 0) for reason in Reason}
    yield gauges("parked_updates", "Updates that are parked, by the reason", "reason", parked)
    users = {access.value: count for access, count in numbers.users.by.items()}
    yield gauges("users", "Users whom the bot knows, by their access", "access", users)
    try:
        disk = os.statvfs(directory)
    except OSError:
        return  # `ready` tells that the files are gone
    yield gauge("disk_free_bytes", "Room for the bot on the disk of its files", disk.f_bavail * disk.f_frsize)
    yield gauge("disk_size_bytes", "Size of the disk of the bot's files", disk.f_blocks * disk.f_frsize)


def _of_broadcasts(numbers: Numbers) -> Iterator[Metric]:
    states = {state.value: numbers.broadcasts.get(state, 0) for state in State}
    yield gauges("broadcasts", "Broadcasts, by their state", "state", states)
    labels = ["broadcast", "outcome"]
    made = GaugeMetricFamily("tgbot_broadcast_deliveries", "Deliveries, by their outcome", labels=labels)
    for number, tally in numbers.deliveries.items():
        for outcome in Outcome:
            made.add_metric([str(number), outcome.label], tally.count(outcome))
    yield made


def by_method(counts: Mapping[type[TLRequest], int]) -> dict[str, int]:
    """Return counts by the class of a request as counts by method; a method may have several classes."""
    found: Counter[str] = Counter()
    for request, count in counts.items():
        found[method_of(request)] += count
    return found


def gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tgbot_{name}", text, value)


def counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"tgbot_{name}", text, value)


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"tgbot_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"tgbot_{name}", text, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def histograms(name: str, text: str, label: str, values: Mapping[str, Histogram]) -> Metric:
    """Return a family of histograms; without a label, of the one that is there."""
    family = HistogramMetricFamily(f"tgbot_{name}", text, labels=[label] if label else [])
    for value, times in values.items():
        bounds = [*map(floatToGoString, times.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(times.counts), strict=True))
        family.add_metric([value] if label else [], buckets, times.sum)
    return family
