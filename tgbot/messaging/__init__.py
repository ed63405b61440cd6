"""What the bot sends of its own accord, and whom it finds by name."""
