"""How a process computes and writes: JAX's settings, programs kept on disk, whole files, counts of work."""
