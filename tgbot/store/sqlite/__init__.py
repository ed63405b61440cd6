"""The store on SQLite: the session file and the registry file."""
