"""Every figure of the README's results, and of the model's card, is one of the report beside them."""

import json
import re
from pathlib import Path

import pytest

import hcfss_jax

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REPORT = json.loads((ROOT / "docs/results/hcfssnet-tiny-kodak/report.json").read_text())
CURVE = REPORT["curves"]["hcfssnet-tiny"]
CARD = Path(hcfss_jax.__file__).parent / "shipped" / "hcfssnet-tiny.md"


def row(page: str, head: str) -> list[str]:
    """The cells of the one line of a table that begins with `head`."""
    [line] = re.findall(rf"^\| {re.escape(head)} \|(.*)\|$", page, re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


@pytest.mark.parametrize(
    ("head", "figure", "digits"),
    [
        ("bpp", "bpp", 3),
        ("PSNR, dB", "psnr", 2),
        ("MS-SSIM", "ms_ssim", 4),
        ("encode, s", "encode_seconds", 2),
        ("decode, s", "decode_seconds", 2),
    ],
)
def test_the_curve_is_that_of_the_report(head, figure, digits):
    assert row(README, head) == [f"{entry[figure]:.{digits}f}" for entry in CURVE]


@pytest.mark.parametrize(
    ("head", "metric"), [("PSNR", "psnr"), ("MS-SSIM, dB", "ms_ssim_db")], ids=str
)
def test_bd_rates_are_those_of_the_report(head, metric):
    labels = {about["label"]: name for name, about in REPORT["anchors"].items()}
    answers = REPORT["bd_rate"]["published"] | {
        label: REPORT["bd_rate"]["measured"][name] for label, name in labels.items()
    }
    told = dict(zip(row(README, "BD-rate against"), row(README, head), strict=True))
    for name, figure in told.items():
        [answer] = [a for rival, a in answers.items() if rival.split(" (x265")[0] == name]
        assert figure == f"{answer[metric]['percent']:+.1f} %"


def test_the_report_is_of_the_weights_that_are_shipped():
    assert REPORT["codec"]["weights"] == [hcfss_jax.load("hcfssnet-tiny").fingerprint.hex()]
    assert REPORT["exact"] == {"checked": 192, "equal": 192}
    assert REPORT["data"]["images"] == 24 and REPORT["published"]["same_pictures"]


def test_the_card_has_the_same_curve():
    card = CARD.read_text(encoding="utf-8")
    for entry in CURVE:
        assert row(card, f"{entry['quality']:g}") == [
            f"{entry['bpp']:.3f}", f"{entry['psnr']:.2f}", f"{entry['ms_ssim']:.4f}"
        ]  # fmt: skip
