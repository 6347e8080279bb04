"""Usage to bill. Pure: the same function prices what was assumed and what was measured."""
