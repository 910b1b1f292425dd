"""Pure functions of arrays; nothing here knows of Flax."""

from hcfss_jax.ops.bounds import lower_bound
from hcfss_jax.ops.dct import inverse_windowed_dct, windowed_dct
from hcfss_jax.ops.haar import haar, inverse_haar
from hcfss_jax.ops.lifting import inverse_lift, lift
from hcfss_jax.ops.linear_recurrence import linear_recurrence
from hcfss_jax.ops.nearby import read_nearby
from hcfss_jax.ops.quantise import add_uniform_noise, round_straight_through
from hcfss_jax.ops.scan_lines import Line, lines_of
from hcfss_jax.ops.selective_scan import selective_scan
from hcfss_jax.ops.wavelet_3d import (
    inverse_wavelet_2d,
    inverse_wavelet_3d,
    wavelet_2d,
    wavelet_3d,
)

__all__ = [
    "Line",
    "add_uniform_noise",
    "haar",
    "inverse_haar",
    "inverse_lift",
    "inverse_wavelet_2d",
    "inverse_wavelet_3d",
    "inverse_windowed_dct",
    "lift",
    "linear_recurrence",
    "lines_of",
    "lower_bound",
    "read_nearby",
    "round_straight_through",
    "selective_scan",
    "wavelet_2d",
    "wavelet_3d",
    "windowed_dct",
]
