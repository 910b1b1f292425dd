"""The code of "From your own loop" in docs/evaluation.md does what it says there."""

import re
from pathlib import Path

import pytest

from hcfss_jax.evaluation import evaluate
from tests.evaluation.quick_model import batches, model, pictures, variables

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def test_the_code_of_the_page_runs_in_a_loop() -> None:
    section = PAGE.read_text(encoding="utf-8").split("## From your own loop")[1].split("\n## ")[0]
    [code] = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    small = [rgb for rgb in pictures() if len(rgb) <= 64]
    names = {"model": model(), "params": variables()["params"], "pictures": small}
    exec(code, names)
    found = names["found"]
    assert len(found) == 2 * len(small) and set(found.level) == {0.0, 7.0}
    assert set(found.means()) == {"bpp", "psnr"}  # too small for MS-SSIM
    of_level = evaluate(model(), variables(), batches(small)).at(0.0)
    assert found.at(0.0).means() == pytest.approx(of_level.means(), rel=1e-5)
