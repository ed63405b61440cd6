"""What plugins are given, and how they are loaded."""
