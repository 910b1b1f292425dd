"""The speed of the input."""

from pathlib import Path

import pytest

from train.feed import main


def test_each_way_of_reading_is_measured(
    photo_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(f"--data {photo_dir} --crop 32 --batch-size 4 --seconds 0.1".split())
    first, _, *lines = capsys.readouterr().out.splitlines()
    assert first == "8 images, crops of 32, batches of 4"
    assert [line.split()[-4] for line in lines] == ["decoded", "cached"]
    assert all(float(line.split()[-3]) > 0 for line in lines)


def test_no_data_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is nothing at"):
        main(["--data", str(tmp_path / "nowhere")])
