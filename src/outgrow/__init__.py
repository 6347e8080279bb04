"""Decide which infrastructure a small AI service should run on, and see the next move coming."""

__version__ = "0.1.0"
