"""Scheduled work of plugins: again and again by a schedule, or once at a later moment."""

from tgbot.plugins.jobs.jobs import Jobs, Upcoming
from tgbot.plugins.jobs.registered import Run

__all__ = ["Jobs", "Run", "Upcoming"]
