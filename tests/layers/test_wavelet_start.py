"""The wavelet packet that the small sizes start from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers.convolution import LECUN, SubPixelConv, conv
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.layers.wavelet_start import forward_start, inverse_start, packet
from hcfss_jax.models.config import ModelConfig
from hcfss_jax.models.transforms import Analysis, Synthesis
from tests.small_model import photo

KEY, LEVEL = jax.random.key(0), jnp.zeros(1)
X = jnp.asarray(photo(32, 48)[None] / 255.0, jnp.float32)


def test_the_functions_of_a_packet_are_orthonormal():
    for stage in packet((24, 48, 64, 128)):
        columns = stage.reshape(-1, stage.shape[-1])
        used = columns[:, np.any(columns != 0, axis=0)]
        np.testing.assert_allclose(used.T @ used, np.eye(used.shape[1]), atol=1e-12)


def test_a_packet_with_room_for_every_subband_loses_nothing():
    y = X
    for stage in (stages := packet((12, 48))):
        for kernel in (2, 3):
            layer = conv(stage.shape[-1], kernel, 2, kernel_init=forward_start(stage))
            down = layer.apply(layer.init(KEY, y), y)
        y = down
    for stage in stages[::-1]:
        up = SubPixelConv(stage.shape[2], 3, kernel_init=inverse_start(stage))
        y = up.apply(up.init(KEY, y), y)
    np.testing.assert_allclose(y, X, atol=1e-5)


def test_a_transposed_convolution_with_the_same_start_inverts_a_stage():
    """Though channels without a subband start at random, for the next to read: the stage itself does not."""
    (stage,) = packet((14,))
    assert not np.any(stage[..., 12:])
    start = forward_start(stage, rest=LECUN)
    down, up = conv(14, 5, 2, kernel_init=start), TransposedConv(3, 5, kernel_init=start)
    y = down.apply(down.init(KEY, X), X)
    assert np.all(np.any(y != 0, axis=(0, 1, 2)))
    used = y.at[..., 12:].set(0)
    np.testing.assert_allclose(up.apply(up.init(KEY, y), used), X, atol=1e-5)


def test_a_network_of_block_transforms_starts_as_the_projection_onto_its_packet():
    config = ModelConfig(widths=(8, 12, 16), blocks=(0, 0, 0), slices=(24,), skip_kernels=(2, 1))
    g_a, g_s = Analysis(config, pytest.fail), Synthesis(config, pytest.fail)
    y, variables = jax.jit(g_a.init_with_output)(KEY, X, LEVEL)
    x_hat, _ = jax.jit(g_s.init_with_output)(KEY, y, LEVEL)
    np.testing.assert_allclose(jax.jit(g_a.apply)(variables, x_hat, LEVEL), y, atol=1e-4)
    assert np.mean((x_hat - X) ** 2) < 0.25 * np.var(X)
