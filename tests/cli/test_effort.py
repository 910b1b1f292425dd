"""`hcfss compress --effort`: what reaches the codec, and what is refused before any work."""

import pytest

from hcfss_jax.cli.program import main
from tests.cli.fake_codec import photo, tree


def test_effort_and_its_aim_reach_the_codec(codec, here):
    photo("a.png")
    assert main(["compress", "a.png", "--effort", "3", "--tune", "ms-ssim"]) == 0
    [(quality, asked)] = codec.asked
    watch = asked.pop("watch")
    assert (quality, asked) == (4.0, {"effort": 3, "tune": "ms-ssim"})
    watch(1, 2, 0.0)
    watch(2, 2, 0.05)


def test_without_effort_the_codec_hears_of_none(codec, here):
    photo("a.png")
    assert main(["compress", "a.png", "--effort", "0"]) == 0
    assert codec.asked == [4.0]


@pytest.mark.parametrize(
    "options",
    [
        ["--effort", "10"],
        ["--effort", "-1"],
        ["--effort", "much"],
        ["--effort", "3", "--tune", "vmaf"],
        ["--tune", "psnr"],
        ["--effort", "3", "--target-bpp", "0.5"],
    ],
)
def test_an_effort_that_makes_no_sense_is_refused(codec, here, options):
    photo("a.png")
    with pytest.raises(SystemExit) as end:
        main(["compress", "a.png", *options])
    assert end.value.code == 2 and tree(here) == {"a.png"}


def test_weights_that_cannot_are_refused_before_the_first_file(codec, here, capsys):
    photo("a.png")
    assert main(["compress", "a.png", "--effort", "9", "--tune", "ms-ssim"]) == 1
    assert "fake cannot" in capsys.readouterr().err and codec.asked == []
