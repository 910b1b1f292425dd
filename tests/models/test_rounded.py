"""The pass of training on rounded latents."""

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.models import create_model
from tests.small_model import FIELDS, NAME, photo, small_params

FEW = {**FIELDS, "blocks": (0, 0, 0)}  # without scans: quick to compile


def test_it_costs_what_evaluation_says_and_teaches_mean_and_scale() -> None:
    model = create_model(NAME, **FEW)
    x = jnp.asarray(photo(64, 64)[None] / 255, jnp.float32)
    level, keys = jnp.zeros(1), jax.random.key(0)[None]
    shapes = jax.eval_shape(model.init, jax.random.key(0), x, level, keys)["params"]
    whole = small_params()
    params = jax.tree_util.tree_map_with_path(lambda path, _: _at(whole, path), shapes)

    def rate(params, model=model):
        out = model.apply({"params": params}, x, level, keys, quantisation="rounded")
        return out.total_bits[0], out

    looped = create_model(NAME, loops=True, **FEW)
    assert jax.eval_shape(rate, params) == jax.eval_shape(lambda p: rate(p, looped), params)
    (bits, out), gradient = jax.jit(jax.value_and_grad(rate, has_aux=True))(params)
    evaluated = jax.jit(lambda p: model.apply({"params": p}, x, level, method="evaluate"))(params)
    # The same symbols; sums of thousands of float32 bits in another order.
    np.testing.assert_allclose(bits, evaluated.total_bits[0], rtol=1e-5)
    np.testing.assert_allclose(out.x_hat, evaluated.x_hat, atol=1e-4)
    for net in ("mean_net", "scale_net"):
        taught = [
            np.abs(leaf).max()
            for path, leaf in jax.tree_util.tree_flatten_with_path(gradient["slices"])[0]
            if net in jax.tree_util.keystr(path)
        ]
        assert taught and max(taught) > 0


def _at(tree, path):
    for key in path:
        tree = tree[key.key]
    return tree
