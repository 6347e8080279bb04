"""Stand-ins for providers, for tests, benchmarks and trying things out: they know nothing of outgrow."""
