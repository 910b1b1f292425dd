"""What a bench of a model cannot measure it says in one line."""

import pytest
from PIL import Image

from eval.bench.model import main


@pytest.mark.parametrize(
    ("model", "image", "told"),
    [
        ("hcfssnet-tiny", "absent.png", "No such file"),
        ("hcfssnet-tiny", "letter.png", "not an image"),
        ("no-such-model", "photo.png", "no model is called 'no-such-model'"),
    ],
)
def test_a_picture_or_a_model_that_is_none_is_named(tmp_path, capsys, model, image, told):
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    (tmp_path / "letter.png").write_text("Dear reader")
    assert main(["--model", model, "--image", str(tmp_path / image)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("eval.bench.model: ") and told in error and error.count("\n") == 1
