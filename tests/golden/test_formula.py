"""The formulas, against the examples of them that the data hold."""

import json

import numpy as np
import pytest

from tests.golden.formula import HERE, image, weights

DATA = np.load(HERE / "modules.npz")


@pytest.mark.parametrize("key", [key for key in DATA if key.startswith("formula/")])
def test_weights_are_those_of_the_formula(key):
    name = key.removeprefix("formula/")
    np.testing.assert_array_equal(weights({name: DATA[key].shape})[name], DATA[key])


def test_the_image_is_that_of_the_formula():
    assert np.sum(image(), dtype=np.float64) == pytest.approx(98622.445689, abs=1e-5)
    np.testing.assert_array_equal(image()[0, ::8, ::8].transpose(2, 0, 1), DATA["image/stride8"][0])


@pytest.mark.parametrize(
    "model", ["csm", "tcm_n64", "tcm_n128", "weconvene", "mambaic", "elic", "s2lic"]
)
def test_the_weights_of_a_model_have_the_recorded_sums(model):
    record = json.loads((HERE / f"{model}.json").read_text())
    sums = dict(list(record["checksum_sum_l2"].items())[::37])  # all would take seconds
    made = weights({name: record["state_dict"][name] for name in sums}, model=model)
    for name, (total, norm) in sums.items():
        found = made[name].astype(np.float64)
        assert [found.sum(), np.sqrt((found**2).sum())] == pytest.approx([total, norm], rel=1e-8)
