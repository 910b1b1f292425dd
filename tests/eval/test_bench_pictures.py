"""What a bench of an evaluation cannot measure it says in one line."""

import pytest

from eval.bench.pictures import main


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--weights", "absent.safetensors"], "absent.safetensors"),
        (["--side", "100"], "100"),
        (["--processes", "2"], "need --coordinator"),
    ],
)
def test_what_cannot_be_measured_is_named(capsys, options, told):
    assert main(options) == 1
    error = capsys.readouterr().err
    assert error.startswith("eval.bench.pictures: ") and told in error and error.count("\n") == 1
