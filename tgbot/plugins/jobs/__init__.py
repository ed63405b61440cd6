"""Scheduled work of plugins: every so often by the clock, or once at a later moment."""
