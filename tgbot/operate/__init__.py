"""What the operators of the bot see: its health, and messages about losses."""
