"""Published curves are what was published, and BD-rates between them are those that papers state."""

import pytest

from eval import published
from eval.bd_rate import bd_rate
from eval.summary import bd_rates, columns


@pytest.fixture(scope="module")
def kodak():
    return published.curves("kodak")


def test_a_published_bd_rate_is_found_again(kodak):
    """ChWDTA's page states -17.82 % against VTM 9.1 on Kodak."""
    answer = bd_rates(kodak["ChWDTA"], kodak["VTM 9.1"])["psnr"]
    assert answer["percent"] == pytest.approx(-17.82, abs=0.005)


def test_another_implementation_agrees_on_every_published_curve(kodak):
    bjontegaard = pytest.importorskip("bjontegaard")
    anchor = columns(kodak["VTM 9.1"], "psnr")
    for curve in kodak.values():
        rate, quality = columns(curve, "psnr")
        expected = bjontegaard.bd_rate(
            *anchor, rate, quality, "pchip", require_matching_points=False, min_overlap=0
        )
        assert bd_rate(*anchor, rate, quality).percent == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", published.NAMES)
def test_every_curve_names_its_source_and_rises(name):
    found = published.load(name)
    assert set(found["plotted"]) <= set(found["curves"])
    for codec, curve in published.curves(name).items():
        assert found["curves"][codec]["source"].startswith("https://")
        for figure in curve[0]:
            values = [entry[figure] for entry in curve]
            assert values == sorted(set(values)), (codec, figure)


def test_a_set_is_recognised_by_its_pixels_alone():
    assert published.recognise(published.load("kodak")["digest"]) == "kodak"
    assert published.recognise("0123456789abcdef") is None
