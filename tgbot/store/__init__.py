"""What the bot must not lose: peers, update state and users."""
