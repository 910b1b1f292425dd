"""The codec and the trainer under the settings that careful users of JAX switch on."""

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path

import jax
import pytest
from ml_collections import ConfigDict

from configs.hcfssnet import get_config
from hcfss_jax.codec import Codec
from hcfss_jax.metrics import ms_ssim, ms_ssim_of_floats, ssim
from hcfss_jax.models import create_model
from hcfss_jax.weights import WeightPackage, make_package
from tests.small_model import FIELDS, NAME, SMALL, photo, small_model, small_package
from tests.train.conftest import config, photo_dir  # noqa: F401, fixtures of training
from train.experiment import batch_like, build_model, build_step, packing_of
from train.initial import initial_params
from train.mesh import make_mesh
from train.optimiser import make_optimiser
from train.run import train
from train.state import state_like

try:
    from jax import enable_x64
except ImportError:  # JAX before 0.8
    from jax.experimental import enable_x64

STRICT: dict[str, Callable[[], contextlib.AbstractContextManager]] = {
    "JAX_ENABLE_X64": lambda: enable_x64(True),
    "strict dtype promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "strict rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "no implicit transfers": lambda: jax.transfer_guard("disallow"),
}
SETTINGS = STRICT | {"JAX_DISABLE_JIT": jax.disable_jit}
WITHOUT_SCANS = {**FIELDS, "blocks": (0, 0, 0), "slices": (4,)}  # compile and run most quickly


@contextlib.contextmanager
def all_at_once():
    with contextlib.ExitStack() as stack:
        for setting in STRICT.values():
            stack.enter_context(setting())
        yield


@functools.cache
def package_without_scans() -> WeightPackage:
    model = create_model(NAME, **WITHOUT_SCANS)
    return make_package(model, NAME, initial_params(model, 0), {})


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_file_is_the_same_under_each_setting(setting: str) -> None:
    codec, picture = Codec(package_without_scans()), photo(12, 14)
    written = codec.compress(picture, quality=3)
    with SETTINGS[setting]():
        codec = Codec(package_without_scans())
        assert codec.compress(picture, quality=3) == written
        assert codec.decompress(written).size == (14, 12)


def test_a_file_of_a_whole_model_is_the_same_under_all_at_once() -> None:
    codec = Codec(small_package())
    written = codec.compress(photo(40, 56), quality=3)
    with all_at_once():
        assert codec.compress(photo(40, 56), quality=3) == written
        picture = codec.decompress(written)
    assert picture.tobytes() == codec.decompress(written).tobytes()


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_run_trains_under_each_setting(
    config: ConfigDict,  # noqa: F811
    tmp_path: Path,
    setting: str,
) -> None:
    config.steps, config.eval_every, config.log_every = 1, 0, 1
    with SETTINGS[setting]():
        assert not train(config, tmp_path)
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1


def test_a_run_trains_validates_and_codes_under_all_at_once(
    config: ConfigDict,  # noqa: F811
    tmp_path: Path,
) -> None:
    config.model = {"name": NAME, "factory": "", "overrides": WITHOUT_SCANS}
    config.steps = config.log_every = config.eval_every = config.eval_files = 1
    config.eval_levels = (7,)
    with all_at_once():
        assert not train(config, tmp_path)
    assert '"file_bpp_7": ' in (tmp_path / "metrics.jsonl").read_text()


def test_metrics_are_the_same_under_all_at_once() -> None:
    one, other = photo(176, 180), photo(176, 180, seed=1)
    before = ssim(one, other), ms_ssim(one, other)
    with all_at_once():
        assert (ssim(one, other), ms_ssim(one, other)) == before
        x = jax.ShapeDtypeStruct((2, 192, 192, 3), "float32")
        gradient = jax.grad(lambda a, b: jax.numpy.sum(ms_ssim_of_floats(a, b)))
        assert jax.eval_shape(gradient, x, x).dtype == "float32"


@pytest.mark.parametrize(("name", "loops"), [*((name, False) for name in SMALL), (NAME, True)])
def test_the_training_step_of_each_family_is_traced_under_all_at_once(
    name: str, loops: bool
) -> None:
    experiment = get_config("tiny")
    experiment.model.name, experiment.loops = name, loops
    experiment.crop = max(64, small_model(name).multiple)
    experiment.model.overrides = ConfigDict(SMALL[name])
    with all_at_once():
        mesh, model = make_mesh(), build_model(experiment)
        packing = packing_of(model, experiment)  # which takes float32 parameters only
        state = state_like(packing, make_optimiser(experiment, packing), mesh)
        step = build_step(experiment, model, packing, mesh)
        after, metrics = jax.eval_shape(step, state, batch_like(experiment, mesh), {})
    assert (
        after.params["fsdp"].dtype == after.ema["fsdp"].dtype == metrics["loss"].dtype == "float32"
    )
