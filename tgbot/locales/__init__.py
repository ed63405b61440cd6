"""The texts that people read: one Fluent file for each language, and what renders them."""
