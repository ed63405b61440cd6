"""The face of the sandbox: a page in the browser, on which people chat with the bots that run here."""
