"""The two passes of a checkerboard: where each codes, and what the second knows."""

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.checkerboard import Anchors
from hcfss_jax.entropy.plan import CHECKERBOARD, in_slices, on_lattice, only_on
from tests.golden.formula import HERE
from tests.small_model import small_model, small_params

RECORDED = np.load(HERE / "mambaic_modules.npz")


def test_the_first_pass_codes_what_the_original_calls_anchors():
    """There each row of a pass is packed to half its width."""
    x = RECORDED["ckbd_mambaic/x"][0]
    first, second = in_slices("y", (2,), 16, CHECKERBOARD)
    for step, name in ((first, "anchor_packed"), (second, "nonanchor_packed")):
        rows = zip(x.transpose(1, 0, 2), on_lattice(step.lattice, *x.shape[1:]), strict=True)
        packed = np.stack([row[:, sent] for row, sent in rows], axis=1)
        np.testing.assert_array_equal(packed, RECORDED[f"ckbd_mambaic/{name}"][0])


def test_the_passes_of_all_slices_code_every_number_once():
    plan = in_slices("y", (2, 3), 16, CHECKERBOARD)
    times = np.zeros((5, 7, 5), int)
    for step in plan:
        part = times[..., step.first : step.first + step.channels]
        part += on_lattice(step.lattice, 5, 7)[..., None]
    assert np.all(times == 1)


def test_a_second_pass_learns_from_the_anchors_around_and_keeps_what_the_slices_before_said():
    model = small_model("mambaic-tiny")
    bound = model.bind({"params": small_params(0, "mambaic-tiny")})
    rng = np.random.default_rng(0)
    hyper = tuple(jnp.asarray(rng.normal(size=(1, 4, 6, 8)), jnp.float32) for _ in range(2))
    anchors = jnp.asarray(rng.normal(size=(1, 4, 6, 4)), jnp.float32)
    level, known = jnp.zeros(1), (hyper,)
    first = jax.jit(lambda known: bound.predict(1, level, known))(known)
    left = bound.refine(1, level, known, first.features, only_on("even", anchors))
    assert isinstance(left, Anchors) and not np.any(left.values[0, 0, 1])

    @jax.jit
    def second(values):
        known = (hyper, left._replace(values=values))
        prediction = bound.predict(2, level, known)
        return prediction, bound.refine(2, level, known, prediction.features, 0 * anchors)

    prediction, slice_ = second(left.values)
    assert np.all(prediction.features.supported.support == first.features.support)
    unlike = np.abs(prediction.distribution.mean - first.distribution.mean)
    assert np.all(np.max(unlike, axis=-1) > 0)
    # Half a tanh at most is added to what was coded, at the anchors as everywhere.
    assert 0 < np.max(np.abs(slice_ - left.values)) < 0.5
    moved, _ = second(left.values.at[0, 2, 2].add(1.0))
    assert np.all(
        np.any(moved.distribution.mean != prediction.distribution.mean, axis=-1)[0, 2, 1:4:2]
    )
