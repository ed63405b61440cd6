"""What operators of the bot see and are told: its health, and what it lost."""
