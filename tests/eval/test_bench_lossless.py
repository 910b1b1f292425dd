"""The bench of lossless coding compares what it measures with the truth, and names what is no picture."""

from PIL import Image

from eval.bench.lossless import main
from tests.small_model import photo


def test_bytes_are_told_beside_those_of_others_and_what_is_no_picture_is_named(tmp_path, capsys):
    Image.fromarray(photo(15, 16)).save(tmp_path / "photo.png")
    assert main([str(tmp_path), "--max-errors", "0", "--without", "avif", "jxl-7"]) == 0
    told = capsys.readouterr().out
    assert "1 pictures" in told and "coder n=0 " in told and "% of webp" in told
    assert main([str(tmp_path / "absent.png")]) == 1
    assert "No such file" in capsys.readouterr().err
