"""The rules, pure: access, users, links, errors. Knows neither Telethon, nor a database, nor HTTP."""
