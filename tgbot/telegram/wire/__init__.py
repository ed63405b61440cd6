"""The link to Telegram."""
