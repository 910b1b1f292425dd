"""The work of a model is what one would count by hand, and what PyTorch counts of its authors' code."""

import pytest

from eval.work import work
from hcfss_jax.models import create_model


def test_the_work_of_a_net_of_plain_convolutions_is_that_by_hand():
    """Without blocks, transforms of HSCATB are convolutions, 3x3 and, in the hyperprior, 5x5."""
    levels, y, z, wide = 8, 6, 4, 8
    model = create_model(
        "hscatb-tiny",
        widths=(8, 12, 16),
        blocks=(0, 0, 0),
        slices=(2, 4),
        hyper_channels=z,
        hyper_width=wide,
    )
    done = work(model, 128, 64)
    cells = [128 * 64 // 4**stage for stage in range(7)]  # at strides 1, 2, 4 ... 64
    g_a = cells[1] * 3 * 8 + cells[2] * 8 * 12 + cells[3] * 12 * 16 + cells[4] * 16 * y
    h_a = 9 * cells[4] * y * wide + 25 * (cells[5] * wide * wide + cells[6] * wide * z)
    gains = levels * (y + z)  # a weighted mean of the levels' gains
    assert done.analysis == 9 * g_a + h_a + gains
    g_s = cells[4] * y * 64 + cells[3] * 16 * 48 + cells[2] * 12 * 32 + cells[1] * 8 * 12
    assert done.synthesis == 9 * g_s + levels * y
    assert done.encoder - done.decoder == done.analysis - done.synthesis


def test_sides_are_rounded_up_to_what_the_model_takes():
    model = create_model("hscatb-tiny", widths=(8, 8, 16), blocks=(0, 0, 0), slices=(2, 4))
    assert work(model, 65, 1) == work(model, 128, 64)


def test_the_work_of_a_ported_model_is_what_pytorch_counts_of_its_authors_code():
    """121.0 G multiply-adds of a pass over 256x256 pixels, by `torch.utils.flop_counter`, which sees products alone."""
    assert sum(work(create_model("tcm-n128"), 256, 256)) / 1e9 == pytest.approx(121.0, abs=0.05)
