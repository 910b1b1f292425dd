"""AFMM, VONSS, VFSS and FSTAM: what each must do whatever its weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers import AFMM, FSTAM, VFSS, VONSS, HybridBlock
from hcfss_jax.ops import lines_of, reference, windowed_dct
from hcfss_jax.ops.line_scans import scan_all_lines

KEY = jax.random.key(0)


def noise(*shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(1), shape)


def perturbed(variables):
    """Weights away from their start, where some layers do nothing."""
    rng = np.random.default_rng(2)
    moved = jax.tree.map(lambda x: x + 0.3 * rng.normal(size=x.shape), variables)
    return jax.tree.map(jnp.float32, moved)


@pytest.mark.parametrize("height, width", [(16, 8), (5, 9), (1, 1)])
def test_afmm_starts_as_the_identity_at_any_size(height, width):
    x = noise(2, height, width, 4)
    layer = AFMM()
    # There and back through two float32 products of the DCT.
    np.testing.assert_allclose(layer.apply(layer.init(KEY, x), x), x, atol=3e-6)


def test_afmm_weighs_frequencies_between_0_and_2_by_content():
    x = noise(1, 8, 8, 4)
    layer = AFMM(groups=1)
    variables = perturbed(layer.init(KEY, x))
    y = layer.apply(variables, x)
    assert jnp.sum(y**2) < 4 * jnp.sum(x**2)
    # With fixed weights the layer would be linear; its weights depend on the content.
    assert float(jnp.max(jnp.abs(layer.apply(variables, 5 * x) - 5 * y))) > 1e-2


def test_afmm_tells_the_weights_that_it_weighs_with():
    x = noise(1, 8, 16, 4)
    layer = AFMM(groups=2)
    variables = perturbed(layer.init(KEY, x))
    y, told = layer.apply(variables, x, mutable=["intermediates"])
    (weights,) = told["intermediates"]["weights"]
    assert weights.shape == (1, 1, 2, 64, 2)
    np.testing.assert_array_equal(y, layer.apply(variables, x))
    mean, found = (windowed_dct(maps[:, :, :8])[0, 0, 0] for maps in (x, y))
    np.testing.assert_allclose(found, mean * weights[0, 0, 0, 0].repeat(2), rtol=1e-4, atol=1e-5)


def test_afmm_never_mixes_windows():
    x = noise(1, 8, 24, 4)
    layer = AFMM()
    variables = perturbed(layer.init(KEY, x))
    changed = layer.apply(variables, x.at[:, :, 8:16].add(1.0)) - layer.apply(variables, x)
    assert np.abs(changed[:, :, 8:16]).max() > 0.1
    assert np.abs(changed[:, :, :8]).max() == np.abs(changed[:, :, 16:]).max() == 0


@pytest.mark.parametrize("state_size", [1, 3])
@pytest.mark.parametrize("scan_lines", ["neighborhood", "raster"])
def test_vonss_keeps_the_shape_and_sees_all_directions(state_size, scan_lines):
    x = noise(1, 6, 5, 4)
    layer = VONSS(state_size, 8, scan_lines)
    variables = jax.jit(layer.init)(KEY, x)
    reach = jax.jit(jax.grad(lambda x: layer.apply(variables, x)[0, 3, 2].sum()))(x)[0]
    touched = np.abs(np.asarray(reach)).sum(-1) > 0
    assert touched[3].all() and touched[:, 2].all()  # its row and its column
    assert touched[0, 5 - 5] and touched[1, 4] and touched[5, 4] and touched[5, 0]  # diagonals
    assert touched.all() or scan_lines == "neighborhood"


def test_vonss_is_equivariant_to_transposition_where_its_weights_are():
    """Rows of a map are columns of its transpose: swapping the weights must swap the map."""
    x = noise(1, 5, 5, 4)
    layer = VONSS(2, 4)
    params = jax.jit(layer.init)(KEY, x)["params"]
    swapped = dict(params)
    for name in ("x_proj", "dt_proj", "dt_bias", "a_log", "d"):
        swapped[name] = params[name][jnp.asarray([1, 0, 3, 2])]  # lines are r, c, -r, -c
    swapped["conv"] = {
        "kernel": params["conv"]["kernel"].swapaxes(0, 1),
        "bias": params["conv"]["bias"],
    }
    apply = jax.jit(layer.apply)
    y = apply({"params": params}, x)
    y_of_transpose = apply({"params": swapped}, x.swapaxes(1, 2)).swapaxes(1, 2)
    np.testing.assert_allclose(y, y_of_transpose, atol=1e-5)


@pytest.mark.parametrize("scan_lines", ["neighborhood", "raster"])
def test_the_scan_of_all_lines_is_the_sum_of_a_plain_scan_along_each(scan_lines):
    n, rank, inner = 2, 1, 3
    u = noise(2, 5, 4, inner)
    shapes = {"x_proj": (inner, rank + 2 * n), "dt_proj": (rank, inner), "dt_bias": (inner,),
              "a_log": (n, inner), "d": (inner,)}  # fmt: skip
    rng = np.random.default_rng(3)
    weights = {name: np.float32(rng.normal(size=(8, *shape))) for name, shape in shapes.items()}
    wanted = np.zeros(u.shape)
    for i, line in enumerate(lines_of(scan_lines, 8)):
        w = {name: of[i] for name, of in weights.items()}
        steps = np.asarray(line.layout.unfold(u))
        dt, b, c = np.split(steps @ w["x_proj"], (rank, rank + n), axis=-1)
        dt = np.logaddexp(0, dt @ w["dt_proj"] + w["dt_bias"])
        scanned = reference.selective_scan(
            steps, dt, -np.exp(w["a_log"]), b, c, w["d"],
            shift=line.shift, reverse=line.reverse,
        )  # fmt: skip
        wanted += line.layout.fold(jnp.asarray(scanned), 5, 4)
    found = jax.jit(scan_all_lines, static_argnums=2)(u, weights, scan_lines)
    assert np.max(np.abs(found - wanted)) < 1e-5 * np.max(np.abs(wanted))


@pytest.mark.parametrize(
    "layer",
    [VFSS(state_size=1), HybridBlock(VFSS(state_size=1, parent=None)), FSTAM(8, 8, head_dim=4)],
    ids=lambda layer: type(layer).__name__,
)
def test_blocks_take_any_size_and_every_weight_has_a_gradient(layer):
    x = noise(1, 5, 9, 8)
    variables = perturbed(jax.jit(layer.init)(KEY, x))
    gradients = jax.jit(jax.grad(lambda v: jnp.sum(jnp.sin(3 * layer.apply(v, x)))))(variables)
    assert jax.eval_shape(layer.apply, variables, x).shape == x.shape
    for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
        assert np.abs(gradient).max() > 0, jax.tree_util.keystr(path)
