"""Predicts what pools of workers do with arrivals. Pure; knows nothing of money."""
