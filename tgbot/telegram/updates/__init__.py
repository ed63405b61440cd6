"""Updates: taken in the order of the log, handled in the order of their dialog."""
