"""Requests: how one is made, repeated and given up."""
