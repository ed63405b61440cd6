"""What a chart shows, ready to be drawn: the process that draws it gets this as JSON."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Form(StrEnum):
    """A form of pictures; a member's value is the ending of its files."""

    PNG = "png"
    SVG = "svg"


class Band(msgspec.Struct, frozen=True):
    """One outcome."""

    #: Its label, which chooses the colour.
    outcome: str
    #: What the legend says.
    text: str
    #: How many had it until each of the picture's times.
    until: list[int]


class Bar(msgspec.Struct, frozen=True):
    """One language."""

    text: str
    #: What stands behind the bar.
    note: str
    #: How many have the outcome of each band.
    parts: list[int]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A chart: bands over time, one upon the other, and a bar for each language."""

    title: str
    summary: str
    over_time: str
    by_language: str
    #: What stands under the axis of time.
    time: str
    #: The name of the time zone, or by how many seconds it is ahead of UTC.
    zone: str | int
    #: The unix seconds between the steps, the ends included; empty if nothing has happened yet.
    times: list[int]
    bands: list[Band]
    bars: list[Bar]
