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
from train.workdir import flat_fields

LEVELS = (0, 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures."""
    folder = tmp_path_factory.mktemp("kodak")
    for number, rgb in enumerate(pictures()):
        Image.fromarray(rgb).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def tar(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those that are large enough for MS-SSIM."""
    path = tmp_path_factory.mktemp("tar") / "large.tar"
    with tarfile.open(path, "w") as archive:
        for number, size in enumerate(SIZES):
            if min(size) > 64:
                archive.add(folder / f"{number}.png", f"{number}.png")
    return path


@pytest.fixture
def config(config: ConfigDict, folder: Path, tar: Path) -> ConfigDict:
    """Two steps of the example's model, and two sets, one of them a tar."""
    config.model = {"name": "block", "factory": FACTORY, "overrides": {}}
    config.eval_sets = (("kodak", str(folder)), ("large", str(tar)))
    config.eval_levels, config.steps, config.eval_every = LEVELS, 2, 2
    return config


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run of the experiment is, once a test has asked for it."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def trained(config: ConfigDict, runs: Path) -> Path:
    """The run of the experiment, made once."""
    if not (runs / "run").exists():
        train(config, runs / "run")
    return runs / "run"


def test_sets_are_measured_as_the_evaluation_measures_the_weights(trained: Path) -> None:
    [figures] = lines(trained, "validation")
    package = export(trained, "float32", factory=FACTORY)
    for name, chosen in (("kodak", pictures()), ("large", [p for p in pictures() if len(p) > 64])):
        batches = batches_of(model(), chosen, LEVELS, 4)
        found = evaluate(model(), {"params": package.params}, batches)
        means = {f"{name}/{figure}": mean for figure, mean in found.means().items()}
        for level in LEVELS:
            means |= {f"{name}/{f}_{level}": mean for f, mean in found.at(level).means().items()}
        told = {key: value for key, value in figures.items() if key.startswith(f"{name}/")}
        # Batches of other sizes: sums of floats in another order.
        assert told == pytest.approx(means, rel=1e-4)
    assert "large/ms_ssim_7" in figures and "kodak/ms_ssim" not in figures  # some are too small
    assert scalars(trained)["validation/kodak/psnr"] == pytest.approx([figures["kodak/psnr"]])


def test_what_a_run_is_chosen_by_stays_the_loss_of_the_held_out_photos(
    trained: Path, config: ConfigDict, tmp_path: Path
) -> None:
    config.eval_sets = ()
    train(config, tmp_path)
    [figures], [plain] = (lines(run, "validation") for run in (trained, tmp_path))
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
    trained: Path, config: ConfigDict, photo_dir: Path, tmp_path: Path
) -> None:
    fields = ["model.name", "model.factory", "eval_crop", "batch_size", "steps", "eval_every"]
    fields += ["data.held_out", "eval_levels", "eval_sets"]
    values = flat_fields(config.to_dict())
    flags = [f"--config.{name}={values[name]}" for name in fields]
    finish(start(tmp_path, photo_dir, *flags, hosts=2), tmp_path)
    [one], [two] = (lines(run, "validation") for run in (trained, tmp_path))
    one, two = ({k: v for k, v in each.items() if "/" in k} for each in (one, two))
    assert two == pytest.approx(one, rel=1e-4) and len(one) == 6 + 9
