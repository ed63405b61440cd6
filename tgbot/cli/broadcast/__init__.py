"""`tgbot broadcast …`: one message to many people; through the running bot, or on its files."""
