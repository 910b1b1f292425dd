"""The optimisers: SOAP against a plain twin in float64, and each on a problem whose axes are not the parameters'."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs.hcfssnet import get_config
from train.errors import BadConfig
from train.optimiser import DIRECTIONS, make_optimiser
from train.packing import Packing
from train.soap import scale_by_soap

# A kernel with taps, two matrices of one shape, a side too long for a basis, and what is no matrix.
SHAPES = {"taps": (3, 3, 4, 3), "a": (4, 3), "b": (4, 3), "long": (9, 2), "bias": (5,)}
LONGEST, EVERY, DECAY, EPSILON = 8, 2, 0.9, 1e-8


def draw(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


class Twin:
    """SOAP of one array, as the paper writes it: a sum over taps, one matrix product after the other."""

    def __init__(self, shape: tuple[int, ...]):
        self.sides = [
            (axis, np.zeros((n, n)), np.eye(n))
            for axis, n in ((-2, shape[-2]), (-1, shape[-1]))
            if 1 < n <= LONGEST
        ]
        self.count, self.mean, self.square = 0, np.zeros(shape), np.zeros(shape)

    def __call__(self, gradient: np.ndarray) -> np.ndarray:
        self.count += 1
        gradient = gradient.astype(np.float64)
        self.sides = [
            (axis, DECAY * c + (1 - DECAY) * self._covariance(gradient, axis), q)
            for axis, c, q in self.sides
        ]
        turned = self._turn(gradient)
        self.mean = DECAY * self.mean + (1 - DECAY) * turned
        self.square = DECAY * self.square + (1 - DECAY) * turned**2
        mean = self.mean / (1 - DECAY**self.count)
        root = np.sqrt(self.square / (1 - DECAY**self.count))
        step = self._turn(mean / (root + EPSILON), back=True)
        if self.count % EVERY == 0:
            self._refresh()
        return step

    def _refresh(self) -> None:
        mean, newer = self._turn(self.mean, back=True), []
        for axis, c, q in self.sides:
            order = np.argsort(-np.diag(q.T @ c @ q))
            self.square = np.take(self.square, order, axis)
            newer.append((axis, c, np.linalg.qr(c @ q[:, order])[0]))
        self.sides = newer
        self.mean = self._turn(mean)

    def _turn(self, x: np.ndarray, back: bool = False) -> np.ndarray:
        for axis, _, q in self.sides:
            x = np.moveaxis(np.tensordot(q if back else q.T, x, (1, axis)), 0, axis)
        return x

    @staticmethod
    def _covariance(x: np.ndarray, axis: int) -> np.ndarray:
        rows = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
        return rows @ rows.T


def test_soap_takes_the_steps_of_its_plain_twin():
    packing = Packing.of(draw(0))
    soap = scale_by_soap(packing, DECAY, DECAY, EPSILON, EVERY, LONGEST)
    state = soap.init(packing.pack(draw(0)))
    matrices = {name: Twin(shape) for name, shape in SHAPES.items() if name != "bias"}
    adam = optax.scale_by_adam(DECAY, DECAY, EPSILON)
    plain = adam.init(draw(0)["bias"])
    for seed in range(1, 8):
        gradient = draw(seed)
        step, state = jax.jit(soap.update)(packing.pack(gradient), state)
        steps = packing.unpack(step)
        for name, twin in matrices.items():
            # Signs of a basis cancel; seven rounds of float32 products and QR of small matrices.
            np.testing.assert_allclose(steps[name], twin(gradient[name]), atol=2e-4)
        bias, plain = adam.update(gradient["bias"], plain)
        np.testing.assert_allclose(steps["bias"], bias, atol=1e-5)


def test_what_fills_a_vector_up_stays_zero():
    packing = Packing.of(draw(0))
    soap = scale_by_soap(packing)
    step, _ = soap.update(packing.pack(draw(1)), soap.init(packing.pack(draw(0))))
    assert not np.any(np.asarray(step["fsdp"])[packing.parameter_count :])


def test_the_bases_are_updated_as_often_as_the_experiment_says():
    config = get_config("tiny")
    config.soap_every = 3
    packing = Packing.of({"w": draw(0)["a"]})
    soap = DIRECTIONS["soap"](config, packing)
    states = [soap.init(packing.pack({"w": draw(0)["a"]}))]
    for seed in range(4):
        states.append(soap.update(packing.pack({"w": draw(seed)["a"]}), states[-1])[1])
    stays = [bool(np.array_equal(a.basis, b.basis)) for a, b in itertools.pairwise(states)]
    assert stays == [True, True, False, True]


def final_loss(name: str) -> float:
    """After 200 steps on a quadratic of condition 1e4 whose axes lie across the matrix's."""
    rng = np.random.default_rng(0)
    left, right = (
        np.linalg.qr(rng.normal(size=(n, n)))[0] * np.geomspace(0.1, 1, n) for n in (6, 5)
    )
    packing = Packing.of({"w": np.zeros((6, 5), np.float32)})
    direction = DIRECTIONS[name](get_config("tiny"), packing)
    optimiser = optax.chain(
        direction, optax.scale_by_learning_rate(optax.cosine_decay_schedule(0.05, 200))
    )

    def loss(vectors):
        return jnp.sum((left.T @ (packing.unpack(vectors)["w"] - 1.0) @ right) ** 2)

    def step(carry, _):
        vectors, state = carry
        value, gradient = jax.value_and_grad(loss)(vectors)
        updates, state = optimiser.update(gradient, state, vectors)
        return (optax.apply_updates(vectors, updates), state), value

    vectors = {"fsdp": jnp.zeros(packing.lengths["fsdp"])}
    start = (vectors, optimiser.init(vectors))
    return float(jax.jit(lambda c: jax.lax.scan(step, c, None, 200))(start)[1][-1])


def test_every_optimiser_goes_downhill_and_soap_goes_furthest_across_the_axes():
    losses = {name: final_loss(name) for name in DIRECTIONS}
    assert max(losses.values()) < 1.0  # 7.6 at the start
    assert losses["soap"] < 0.5 * losses["adam"]


def test_an_unknown_optimiser_is_refused_with_the_known_ones():
    config = get_config("tiny")
    config.optimiser = "sgd"
    with pytest.raises(BadConfig, match=r"'sgd'.*adam, soap, muon"):
        make_optimiser(config, Packing.of({"w": np.zeros((2, 2), np.float32)}))
