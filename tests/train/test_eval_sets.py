"""Named sets of pictures, measured at each validation as the evaluation measures them."""

import shutil
import tarfile
from pathlib import Path

import pytest
from ml_collections import ConfigDict
from PIL import Image

from hcfss_jax.evaluation import batches_of, evaluate
from tests.evaluation.quick_model import FACTORY, SIZES, model, pictures
from tests.train.processes import finish, lines, start
from tests.train.test_report import scalars
from train.errors import BadConfig, NoImages
from train.export import export
from train.run import train

LEVELS = (0, 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures."""
    folder = tmp_path_factory.mktemp("kodak")
    for number, rgb in enumerate(pictures()):
        Image.fromarray(rgb).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def config(config: ConfigDict, folder: Path, tmp_path: Path) -> ConfigDict:
    """Two steps of the example's model, and two sets, one of them a tar."""
    with tarfile.open(tmp_path / "large.tar", "w") as tar:
        for number, size in enumerate(SIZES):
            if min(size) > 64:
                tar.add(folder / f"{number}.png", f"{number}.png")
    config.model = {"name": "block", "factory": FACTORY, "overrides": {}}
    config.eval_sets = (("kodak", str(folder)), ("large", str(tmp_path / "large.tar")))
    config.eval_levels, config.steps, config.eval_every = LEVELS, 2, 2
    return config


def test_sets_are_measured_as_the_evaluation_measures_the_weights(
    config: ConfigDict, tmp_path: Path
) -> None:
    train(config, tmp_path / "run")
    [figures] = lines(tmp_path / "run", "validation")
    package = export(tmp_path / "run", "float32", factory=FACTORY)
    for name, chosen in (("kodak", pictures()), ("large", [p for p in pictures() if len(p) > 64])):
        batches = batches_of(model(), chosen, LEVELS, 4)
        found = evaluate(model(), {"params": package.params}, batches)
        means = {f"{name}/{figure}": mean for figure, mean in found.means().items()}
        for level in LEVELS:
            means |= {f"{name}/{f}_{level}": mean for f, mean in found.at(level).means().items()}
        told = {key: value for key, value in figures.items() if key.startswith(f"{name}/")}
        # Two batches of other sizes: sums of floats in another order.
        assert told == pytest.approx(means, rel=1e-4)
    assert "large/ms_ssim_7" in figures and "kodak/ms_ssim" not in figures  # some are too small
    written = scalars(tmp_path / "run")
    assert written["validation/kodak/psnr"] == [pytest.approx(figures["kodak/psnr"])]


def test_what_a_run_is_chosen_by_stays_the_loss_of_the_held_out_photos(
    config: ConfigDict, tmp_path: Path
) -> None:
    train(config, tmp_path / "with")
    config.eval_sets = ()
    train(config, tmp_path / "without")
    [figures], [plain] = (lines(tmp_path / name, "validation") for name in ("with", "without"))
    assert {name: figures[name] for name in plain} == plain
    assert all("/" in name for name in figures.keys() - plain.keys())


@pytest.mark.parametrize(
    ("sets", "error", "told"),
    [
        ((("kodak", "nowhere"),), NoImages, "'kodak': there is nothing at .*nowhere"),
        (("kodak", "nowhere"), BadConfig, "must hold pairs"),
        ((("a", "x"), ("a", "y")), BadConfig, "not one name for each"),
    ],
)
def test_what_is_no_set_is_named_before_anything_is_written(
    config: ConfigDict, tmp_path: Path, sets: tuple, error: type, told: str
) -> None:
    config.eval_sets = sets
    with pytest.raises(error, match=told):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_picture_that_cannot_be_read_is_named_before_the_first_step(
    config: ConfigDict, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "set")
    cut = tmp_path / "set" / "2.png"
    cut.write_bytes(cut.read_bytes()[:2000])
    config.eval_sets = (("set", str(tmp_path / "set")),)
    with pytest.raises(NoImages, match="'set': 2.png cannot be read"):
        train(config, tmp_path / "run")


def test_sets_that_would_never_be_measured_are_named(config: ConfigDict, tmp_path: Path) -> None:
    config.eval_every = 0
    with pytest.raises(BadConfig, match="eval_sets are measured every config.eval_every"):
        train(config, tmp_path / "run")


def test_a_model_that_cannot_be_coded_has_no_sets(config: ConfigDict, tmp_path: Path) -> None:
    config.model = {"name": "stand-in", "factory": "tests.train.stand_in:create_stand_in"}
    config.model.overrides = {"width": 4}
    with pytest.raises(BadConfig, match="lacks .*plan.* for config.eval_sets"):
        train(config, tmp_path / "run")


def test_two_hosts_measure_each_picture_of_a_set_once(
    photo_dir: Path, folder: Path, tmp_path: Path
) -> None:
    flags = [
        "--config.model.name=block",
        f"--config.model.factory={FACTORY}",
        f'--config.eval_sets=(("kodak","{folder}"),)',
        "--config.eval_levels=(0,7)",
        "--config.data.held_out=2",
        *(f"--config.{name}={count}" for name, count in (("steps", 1), ("eval_every", 1))),
    ]
    told = []
    for hosts, devices in ((1, 1), (2, 2)):
        run = tmp_path / str(hosts)
        finish(start(run, photo_dir, *flags, hosts=hosts, devices=devices), run)
        told += lines(run, "validation")
    one, two = ({k: v for k, v in each.items() if "kodak" in k} for each in told)
    assert two == pytest.approx(one, rel=1e-4) and len(one) == 6
