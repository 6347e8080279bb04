"""The only rooms that touch network, disk and clock."""
