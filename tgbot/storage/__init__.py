"""Stores: each implements the Protocols that stand beside their users."""
