"""Where the bits of a picture go."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.plan import on_lattice
from tests.small_model import photo, small_model, small_params


def test_maps_of_bits_add_up_to_what_evaluation_counts_and_a_pass_costs_on_its_lattice_alone():
    name = "elic-tiny"  # codes in two passes of a checkerboard
    model, variables = small_model(name), {"params": small_params(0, name)}
    images = jnp.asarray(photo(64, 128)[None] / 255, jnp.float32)
    level = jnp.asarray([3.0])
    maps, output = (
        jax.jit(functools.partial(model.apply, method=method))(variables, images, level)
        for method in ("bit_maps", "evaluate")
    )
    assert {step.lattice for step in model.plan} == {"whole", "even", "odd"}
    totals = dict.fromkeys(output.bits, 0.0)
    for step, bits in zip(model.plan, maps, strict=True):
        assert bits.shape == (1, 64 // step.stride, 128 // step.stride)
        assert np.all(bits[0][~on_lattice(step.lattice, *bits.shape[1:])] == 0)
        totals[step.latent] += float(jnp.sum(bits))
    for latent, total in totals.items():
        np.testing.assert_allclose(total, output.bits[latent][0], rtol=1e-5)
