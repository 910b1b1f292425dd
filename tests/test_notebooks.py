"""The notebooks run, and what they show holds."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

NOTEBOOKS = Path(__file__).parents[1] / "docs/notebooks"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a notebook as a script, with settings of its own, and gives what it leaves."""
    matplotlib.use("agg")

    def run(name: str, **settings: object) -> dict[str, Any]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("HCFSS_PHOTO", raising=False)
        monkeypatch.setenv("HCFSS_PICTURES", str(tmp_path))
        for setting, value in settings.items():
            monkeypatch.setenv(f"HCFSS_{setting}", str(value))
        left = runpy.run_path(str(NOTEBOOKS / f"{name}.py"))
        left["plt"].close("all")
        shown = re.findall(r'PICTURES / "(.*?)"', (NOTEBOOKS / f"{name}.py").read_text())
        assert shown and all((tmp_path / picture).stat().st_size for picture in shown)
        return left

    return run


def test_the_comparison_is_of_files_of_one_size(run: Run) -> None:
    left = run("compare", SIDE=192)
    assert left["pixels"].shape == (192, 192, 3)
    sizes = [len(file) for file in left["same_size"].values()]
    assert len(sizes) == 4 and max(sizes) <= 1.04 * min(sizes)
    assert all(abs(size / left["size"] - 1) <= 0.02 for size in sizes)
    for name, (bpp, psnr, similarity) in left["figures"].items():
        assert bpp == 8 * len(left["same_size"][name]) / 192**2
        assert 20 < psnr < 45 and 5 < similarity < 30, name
    for name, curve in left["curves"].items():
        assert np.all(np.diff(curve, axis=0) > 0), name  # more bits, and better by either measure


def test_the_toy_learns_and_its_file_decodes(run: Run) -> None:
    left = run("train_toy", STEPS=20)
    corners = left["corners"][:10]
    assert len({*corners}) == 10 and all(max(corner) >= 256 for corner in corners)  # unseen: below
    assert np.array_equal(left["original"], np.asarray(left["photo"])[:256, :256])
    losses = [line["loss"] for line in left["lines"]]
    assert left["steps"][-1] == 20 and np.mean(losses[-3:]) < np.mean(losses[:3])
    assert np.array_equal(left["restored"], left["encoded"].x_hat)
    assert left["psnr"](left["original"], left["restored"]) > 20
    assert len(left["encoded"].data) < left["original"].size / 3


def test_what_is_inside_adds_up(run: Run) -> None:
    left = run("look_inside", SIDE=192)
    totals, estimate = left["where"].sum((1, 2)), left["encoded"].estimated_bits
    np.testing.assert_allclose(totals, left["per_step"].sum(0), rtol=1e-4)
    np.testing.assert_allclose(totals[1], estimate, rtol=1e-3)
    assert estimate < 8 * len(left["encoded"].data) < 1.1 * estimate
    assert np.all(np.diff(totals) > 0)  # by quality

    row, column = left["row"], left["column"]
    rows, columns, rows_back, columns_back, *_ = left["by_direction"]
    for ahead, behind, seen in (
        (np.s_[row, column + 2 :], np.s_[row, : column - 1], rows),
        (np.s_[row, : column - 1], np.s_[row, column + 2 :], rows_back),
        (np.s_[row + 2 :, column], np.s_[: row - 1, column], columns),
        (np.s_[: row - 1, column], np.s_[row + 2 :, column], columns_back),
    ):  # the 3x3 convolution in front reaches one position further
        assert np.all(seen[ahead] == 0) and np.all(seen[behind] > 0)
    assert np.all(left["together"][row - 1 : row + 2, column - 1 : column + 2] > 0)

    assert np.all((left["weights"] > 0) & (left["weights"] < 2))
    assert left["texture"][left["flat"]] < left["texture"][left["textured"]]
    assert not np.allclose(left["weights"][left["flat"]], left["weights"][left["textured"]])
