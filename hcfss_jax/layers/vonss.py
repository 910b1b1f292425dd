"""VONSS, the Vision Omni-directional Neighborhood State Space layer of HCFSSNet (arXiv 2511.20151)."""

from hcfss_jax.layers.ss2d import SS2D


class VONSS(SS2D):
    """SS2D with 8 lines instead of 4: rows, columns, diagonals and anti-diagonals, both ways.

    What "neighborhood" means the paper leaves open; our reading is `hcfss_jax.ops.scan_lines`.
    """

    directions: int = 8
    scan_lines: str = "neighborhood"
