"""Every figure of the README's results, and of the model's card, is one of the report beside them."""

import json
import math
import re
from pathlib import Path

import pytest

from hcfss_jax.models import create_model
from hcfss_jax.models.registry import FAMILIES
from hcfss_jax.weights import SHIPPED, load_package, shipped_names
from hcfss_jax.weights.parameters import parameter_shapes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def report(name: str) -> dict:
    return json.loads((ROOT / f"docs/results/{name}-kodak/report.json").read_text())


REPORT = report("hcfssnet-tiny")
CURVE = REPORT["curves"]["hcfssnet-tiny"]


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


RELATIVES = sorted(path.stem for path in (ROOT / "docs/results").glob("*-kodak/*.safetensors"))


@pytest.mark.parametrize("name", [*shipped_names(), *RELATIVES])
def test_a_report_is_of_the_weights_beside_it_and_their_card_has_its_curve(name):
    results = ROOT / f"docs/results/{name}-kodak"
    weights = results / f"{name}.safetensors" if name in RELATIVES else name
    card = results / "README.md" if name in RELATIVES else SHIPPED / f"{name}.md"
    about = report(name)
    assert about["codec"]["weights"] == [load_package(weights).fingerprint.hex()]
    levels = load_package(weights).config["levels"]
    curve = [entry["quality"] for entry in about["curves"][about["codec"]["name"]]]
    assert (curve[0], curve[-1]) == (1, levels)
    assert len(curve) == levels or (name in RELATIVES and len(curve) >= 3)  # a trial's are fewer
    pictures = 24 * len(curve)
    assert about["exact"] == {"checked": pictures, "equal": pictures}
    assert about["data"]["images"] == 24 and about["published"]["same_pictures"]
    for entry in about["curves"][about["codec"]["name"]]:
        assert row(card.read_text(encoding="utf-8"), f"{entry['quality']:g}") == [
            f"{entry['bpp']:.3f}", f"{entry['psnr']:.2f}", f"{entry['ms_ssim']:.4f}"
        ]  # fmt: skip


@pytest.mark.parametrize("name", RELATIVES)
def test_the_relatives_are_told_as_their_reports_have_them(name):
    answers = report(name)["bd_rate"]["measured"]["jpeg"]
    told = [f"{answers[metric]['percent']:+.1f} %" for metric in ("psnr", "ms_ssim_db")]
    assert row(README, f"`{name}`")[1:] == told


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_of_systems_has_what_every_family_says_and_the_size_of_its_largest(family):
    of = FAMILIES[family]
    paper, held_to, count = row(README, f"`{family}`")
    assert (paper, held_to) == (f"{of.title}, [{of.paper}]({of.url})", of.held_to)
    largest = list(of.variants)[-1]
    parameters = sum(map(math.prod, parameter_shapes(create_model(f"{family}-{largest}")).values()))
    assert count.split(" (")[0] == f"{parameters / 1e6:.1f} M"
