"""Requests: a chain of links, each of which adds one rule to how a request is made."""
