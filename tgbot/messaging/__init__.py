"""Sending messages that are no answers, finding peers, and the bot's profile."""
