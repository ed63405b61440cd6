"""The process that draws a chart: a `Picture` as JSON on standard input, the file on standard output.

    python -m tgbot.messaging.broadcast.drawing png|svg

The bot starts it: matplotlib takes a second and 80 MiB, which the bot itself does not spend.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from tgbot.core.places import places
from tgbot.messaging.broadcast.picture import Band, Bar, Form, Picture

#: The label of an outcome → its colour: those of Okabe and Ito, which the colour-blind tell apart.
COLOURS: Final = {
    "sent": "#0072B2",
    "blocked": "#D55E00",
    "deactivated": "#999999",
    "not_allowed": "#E69F00",
    "failed": "#CC79A7",
    "no_news": "#56B4E9",
}
_OTHER: Final = "#000000"
_GREY: Final = "#555555"
_PALE: Final = "#DDDDDD"
#: The first comes with matplotlib; the others are taken where the system has them, for what it lacks.
_FONTS: Final = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Hiragino Sans GB"),
    *(
        "Noto Sans Devanagari",
        "Noto Sans Bengali",
        "Noto Sans Thai",
        "Noto Sans Ethiopic",
        "Arial Unicode MS",
    ),
)
#: Inches, and dots in an inch: 1,200 dots are as wide as Telegram shows a picture.
_WIDTH: Final = 10.0
_DOTS: Final = 120
_LEFT, _RIGHT = 1.4, 0.35
_HEAD, _OVER_TIME, _BETWEEN, _BAR, _FOOT = 1.0, 3.4, 1.3, 0.38, 0.45
_LEGEND_LINE: Final = 0.28
_LEGEND_COLUMNS: Final = 3
#: A time that has a tick at each second.
_SHORT: Final = timedelta(seconds=8)


def drawn(shown: Picture, form: Form) -> bytes:
    """Return the chart as a file of this form."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    mpl.rcParams.update({
        "font.family": fonts(),
        "font.size": 11,
        "text.parse_math": False,  # a dollar in a name is a dollar
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.fonttype": "none",  # texts stay texts
        "svg.hashsalt": "tgbot",
    })  # fmt: skip
    lines = -(-len(shown.bands) // _LEGEND_COLUMNS) * _LEGEND_LINE
    lower = max(1, len(shown.bars)) * _BAR
    height = _HEAD + lines + 0.45 + _OVER_TIME + _BETWEEN + lower + _FOOT
    figure = Figure(figsize=(_WIDTH, height), dpi=_DOTS)

    def place(x: float, below_top: float) -> tuple[float, float]:
        return x / _WIDTH, 1 - below_top / height

    title = figure.text(*place(0.35, 0.35), visible(shown.title), size=17, weight="bold", va="center")
    summary = figure.text(*place(0.35, 0.75), visible(shown.summary), size=12, color=_GREY, va="center")
    renderer = FigureCanvasAgg(figure).get_renderer()
    legend = _legend(figure, shown.bands, place(0.28, _HEAD - 0.03))
    for line, texts in ((title, [title]), (summary, [summary]), (legend, legend.get_texts())):
        too_wide = line.get_window_extent(renderer).width / ((_WIDTH - 0.6) * _DOTS)
        for text in texts:
            text.set_fontsize(float(text.get_fontsize()) / max(1.0, too_wide))

    def axes(top: float, tall: float, heading: str) -> Any:
        width = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
        made = figure.add_axes((_LEFT / _WIDTH, 1 - (top + tall) / height, width, tall / height))
        figure.text(*place(0.35, top - 0.22), visible(heading), size=12, weight="bold", va="center")
        return made

    top = _HEAD + lines + 0.45
    _over_time(axes(top, _OVER_TIME, shown.over_time), shown)
    top += _OVER_TIME + _BETWEEN
    _by_language(axes(top, lower, shown.by_language), shown.bands, shown.bars)
    file = io.BytesIO()
    # Without a date the same numbers make the same file.
    figure.savefig(file, format=form.value, metadata={"Date": None} if form is Form.SVG else None)
    return file.getvalue()


def _over_time(axes: Any, shown: Picture) -> None:
    from matplotlib import dates, ticker

    zone = zone_of(shown.zone)
    axes.set_xlabel(visible(shown.time), color=_GREY)
    axes.yaxis.set_major_locator(ticker.MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(_grouped)
    axes.grid(axis="y", color=_PALE)
    axes.set_axisbelow(True)
    axes.set_ylim(0, max(1, sum(band.until[-1] for band in shown.bands)) * 1.04)
    if not shown.times:
        axes.set_xticks([])
        return
    times = [datetime.fromtimestamp(at, zone) for at in shown.times]
    axes.stackplot(
        dates.date2num(times),
        [band.until for band in shown.bands],
        colors=[colour_of(band) for band in shown.bands],
        linewidth=0,
    )
    axes.set_xlim(times[0], times[-1])
    locator = dates.AutoDateLocator(tz=zone, minticks=4, maxticks=9)
    if times[-1] - times[0] < _SHORT:
        locator = dates.SecondLocator(tz=zone)  # the other one puts several ticks into a second
    axes.xaxis.set_major_locator(locator)
    # Digits only, so that no month has an English name; the date stands at midnight and at the right end.
    axes.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(
            locator,
            tz=zone,
            formats=["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%H:%M:%S"],
            zero_formats=["", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M"],
            offset_formats=["", "%Y", "%Y", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M"],
        )
    )


def _by_language(axes: Any, bands: Sequence[Band], bars: Sequence[Bar]) -> None:
    from matplotlib import ticker

    rows = range(len(bars))
    left = [0] * len(bars)
    for number, band in enumerate(bands):
        parts = [bar.parts[number] for bar in bars]
        axes.barh(rows, parts, left=left, height=0.72, color=colour_of(band), linewidth=0)
        left = [before + part for before, part in zip(left, parts, strict=True)]
    for row, (bar, end) in enumerate(zip(bars, left, strict=True)):
        axes.annotate(visible(bar.note), (end, row), (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(rows, [visible(bar.text) for bar in bars])
    axes.set_ylim(max(1, len(bars)) - 0.5, -0.5)  # the largest is the first
    axes.set_xlim(0, max([1, *left]) * 1.38)  # room for the notes
    axes.xaxis.set_major_locator(ticker.NullLocator())
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)


def _legend(figure: Any, bands: Sequence[Band], place: tuple[float, float]) -> Any:
    from matplotlib.patches import Patch

    return figure.legend(
        handles=[Patch(color=colour_of(band), label=visible(band.text)) for band in bands],
        loc="upper left",
        bbox_to_anchor=place,
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        handlelength=1.0,
        borderpad=0.2,
        columnspacing=1.6,
    )


def colour_of(band: Band) -> str:
    """Return the colour of an outcome."""
    return COLOURS.get(band.outcome, _OTHER)


def zone_of(zone: str | int) -> tzinfo:
    """Return a time zone by its name, or by how many seconds it is ahead of UTC."""
    if isinstance(zone, int):
        return timezone(timedelta(seconds=zone)) if zone else UTC
    return ZoneInfo(zone)


def visible(text: str) -> str:
    """Return a text without the characters that no font here has, which would be empty boxes."""
    from matplotlib.font_manager import findfont, get_font

    known = [get_font(findfont(name)) for name in fonts()]
    kept = (one for one in text if any(font.get_char_index(ord(one)) for font in known))
    return " ".join("".join(kept).split()).removesuffix(" –")


def fonts() -> list[str]:
    """Return the names of the fonts that are used, the first one first."""
    from matplotlib.font_manager import get_font_names

    there = {*get_font_names()}
    return [name for name in _FONTS if name in there]


def _grouped(value: float, position: object) -> str:
    return f"{value:,.0f}".replace(",", "\u00a0")


def main() -> int:
    """Draw the chart; return the exit status."""
    try:
        form = Form(sys.argv[1])
        shown = msgspec.json.decode(sys.stdin.buffer.read(), type=Picture)
        sys.stdout.buffer.write(drawn(shown, form))
        sys.stdout.buffer.flush()
    except Exception as error:  # what it says may hold a name
        sys.stderr.write(places(error) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
