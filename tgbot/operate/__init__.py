"""What the operators of the bot see of it, and tell it: health, messages about losses, commands."""
