"""The registry of users from what Telegram itself still has."""
