"""Feasible, sized, ranked, stable: workload and market to a verdict. Pure."""
