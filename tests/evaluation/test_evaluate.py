"""Pictures of several sizes, in batches, over devices and hosts: each counts once, and as if it were alone."""

import json
import sys

import grain
import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from hcfss_jax.errors import InvalidInput
from hcfss_jax.evaluation import Evaluation, batch_of, batches_of, evaluate
from hcfss_jax.evaluation.evaluator import make_step
from hcfss_jax.evaluation.figures import rows_of
from hcfss_jax.metrics import ms_ssim, psnr
from hcfss_jax.models.estimate import estimate
from hcfss_jax.pictures.planes import luma
from tests.evaluation.quick_model import LEVELS, SIZES, batches, model, pictures, variables
from tests.train.processes import finish, introduced, launch


@pytest.fixture(scope="module")
def found() -> Evaluation:
    """On one device."""
    return evaluate(model(), variables(), batches(pictures()))


def test_each_picture_has_the_figures_that_it_has_alone(found: Evaluation) -> None:
    apply, rows = jax.jit(estimate, static_argnums=0), []
    for batch in batches(pictures()):
        for number, (height, width) in enumerate(batch["area"]):
            alone = {name: part[number : number + 1] for name, part in batch.items()}
            x_hat, bits = apply(model(), variables(), alone["rgb"], alone["area"], alone["level"])
            pair = batch["rgb"][number, :height, :width], np.asarray(x_hat)[0, :height, :width]
            similarity = float(ms_ssim(*pair)) if min(height, width) >= 161 else np.nan
            rows.append([float(bits[0]), psnr(*pair), similarity])
    # Squared errors are summed exactly; bits and similarities are sums of floats in another order.
    figures = np.stack([found.bits, found.psnr, found.ms_ssim], axis=1)
    np.testing.assert_allclose(figures, rows, rtol=1e-5)
    assert np.isnan(found.ms_ssim).sum() == 2 * len(LEVELS)
    np.testing.assert_allclose(found.bpp, found.bits / found.area.prod(axis=1))


def test_means_are_those_of_the_pictures_that_there_are(found: Evaluation) -> None:
    assert "ms_ssim" not in found.means()  # two are too small for it
    for level in LEVELS:
        of_level = found.at(level)
        assert len(of_level) == len(SIZES)
        assert of_level.means()["psnr"] == pytest.approx(found.psnr[found.level == level].mean())
    assert found.at(LEVELS[1]).means()["bpp"] > found.at(LEVELS[0]).means()["bpp"]


def test_a_program_is_compiled_for_each_size_of_arrays_and_no_more() -> None:
    make_step.cache_clear()
    made = batches(pictures())
    assert [len(batch["rgb"]) for batch in made] == [3, 3, 2, 3, 1]
    for _ in range(2):
        evaluate(model(), variables(), made)
    step = make_step(model(), Mesh(np.array(jax.devices()), "batch"))
    assert step._cache_size() == len({batch["rgb"].shape[1:3] for batch in made}) == 2


def test_what_lies_beyond_a_picture_and_what_fills_a_batch_do_not_count(found: Evaluation) -> None:
    made = batches(pictures())
    for batch in made:
        for rgb, (height, width) in zip(batch["rgb"], batch["area"], strict=True):
            rgb[height:], rgb[:, width:] = 77, 200
        filled = {name: np.concatenate([part[:1], part]) for name, part in batch.items()}
        batch |= {**filled, "area": np.concatenate([[[0, 0]], batch["area"]])}
    same = evaluate(model(), variables(), made)
    np.testing.assert_array_equal(rows_of(same), rows_of(found))


def test_of_a_grey_picture_the_luma_counts() -> None:
    rgb = np.stack([pictures()[1][..., 0]] * 3, axis=-1)
    batch = batch_of([(rgb, 0.0), (rgb, 0.0)], (64, 64))
    one, other = evaluate(model(), variables(), [{**batch, "grey": np.array([True, False])}]).mse
    x_hat = jax.jit(estimate, static_argnums=0)(
        model(), variables(), batch["rgb"], batch["area"], batch["level"]
    ).x_hat
    shown = luma(np.asarray(x_hat)[0, : len(rgb), : rgb.shape[1]]).astype(float)
    assert one == pytest.approx(np.mean((shown - rgb[..., 0]) ** 2), rel=1e-12) != other


def test_batches_come_from_a_loader_of_grain_too(found: Evaluation) -> None:
    def example(item: tuple[np.ndarray, float]) -> dict[str, np.ndarray]:
        return {name: part[0] for name, part in batch_of([item], (176, 176)).items()}

    items = [(rgb, level) for rgb in pictures() if len(rgb) > 64 for level in LEVELS]
    loader = grain.MapDataset.source(items).map(example).batch(3)
    same = evaluate(model(), variables(), loader.to_iter_dataset())
    np.testing.assert_array_equal(rows_of(same), rows_of(found)[: len(items)])


def test_a_codec_of_any_size_makes_its_batches(found: Evaluation) -> None:
    small = [rgb for rgb in pictures() if len(rgb) <= 64]
    made = list(batches_of(model(), small, LEVELS, 3))
    assert [batch["rgb"].shape for batch in made] == [(3, 256, 256, 3), (1, 256, 256, 3)]
    same = evaluate(model(), variables(), made)
    np.testing.assert_allclose(same.bits, found.bits[-4:], rtol=1e-5)
    np.testing.assert_allclose(same.mse, found.mse[-4:], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"area": None}, "no area"),
        ({"level": np.array([0.0, 9.0])}, "levels are 0 to 7"),
        ({"level": np.zeros(3)}, r"not rgb \[2, 64, 64, 3\], area \[2, 2\], level \[3\]"),
        ({"area": np.array([[40, 60], [65, 20]])}, "within arrays of 64x64"),
        ({"area": np.zeros((2, 2), int)}, "there is no picture in these batches"),
        ({"rgb": np.zeros((2, 64, 60, 3), np.uint8)}, "60"),
        ({"rgb": np.zeros((2, 64, 64, 3), np.float32)}, "uint8"),
    ],
    ids=["no area", "level", "shapes", "area", "none", "sides", "floats"],
)
def test_batches_that_cannot_be_measured_are_named(change: dict, told: str) -> None:
    batch = {**batch_of([(pictures()[1], 0.0), (pictures()[4], 0.0)], (64, 64)), **change}
    batch = {name: part for name, part in batch.items() if part is not None}
    with pytest.raises(InvalidInput, match=told):
        evaluate(model(), variables(), [batch])


@pytest.fixture(scope="module")
def on_hosts(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What each of two hosts of four devices tells."""
    out = tmp_path_factory.mktemp("hosts")
    command = [sys.executable, "-m", "tests.evaluation.on_hosts", str(out)]
    finish(launch(introduced(command, 2), out, devices=4), out)
    return [json.loads((out / f"{host}.json").read_text()) for host in range(2)]


@pytest.mark.parametrize("how", ["own", "alike"])
def test_two_hosts_of_four_devices_find_what_one_device_finds(
    how: str, found: Evaluation, on_hosts: list[dict]
) -> None:
    first, last = (each[how] for each in on_hosts)
    np.testing.assert_array_equal(first, last)
    rows, expected = np.array(first), np.array(rows_of(found))
    if how == "own":  # the last two pictures are another host's, and come behind the others
        rows, expected = (np.array(sorted(each.tolist())) for each in (rows, expected))
    assert rows.shape == expected.shape
    np.testing.assert_allclose(rows, expected, rtol=1e-5)


def test_hosts_compile_once_a_size_and_their_devices_send_nothing(on_hosts: list[dict]) -> None:
    for each in on_hosts:
        assert (each["programs"], each["sent"]) == (2, {})


def test_a_host_that_stops_stops_the_others_with_its_reason(on_hosts: list[dict]) -> None:
    first, last = (each["wrong"] for each in on_hosts)
    assert last.startswith("levels are 0 to 7") and first.endswith(last)
    assert first.startswith("host 1 stopped")


@pytest.mark.parametrize(
    ("how", "told"), [("twice", "hosts 0, 1 were handed the same"), ("unlike", "were not the same")]
)
def test_pictures_that_would_count_twice_or_never_are_named(
    how: str, told: str, on_hosts: list[dict]
) -> None:
    for each in on_hosts:
        assert told in each[how]
