"""What makes plain Telethon code right on this client."""
