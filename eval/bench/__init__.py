"""Benchmarks: each figure that the project states is printed by one of these."""
