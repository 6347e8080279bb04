"""Frozen values every room speaks in. Standard library only."""
