"""Broadcasts: one message to many people, exactly once each, through kills, cuts and floods."""
