"""Programs for who works on tgbot; none of them is installed."""
