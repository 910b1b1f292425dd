"""A model's decoder for programs without JAX, or without this library: its nets, its tables, and what else it needs."""
