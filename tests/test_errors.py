"""What others' exceptions say becomes one line, whatever they say."""

import pytest

from hcfss_jax.errors import first_line, first_line_with_type


@pytest.mark.parametrize(
    ("said", "line", "with_type"),
    [
        ("no room", "no room", "ValueError: no room"),
        ("\n  no room \nat all", "no room", "ValueError: no room"),
        ("", "ValueError", "ValueError"),
        ("\n", "ValueError", "ValueError"),
    ],
)
def test_one_line(said: str, line: str, with_type: str) -> None:
    error = ValueError(said)
    assert (first_line(error), first_line_with_type(error)) == (line, with_type)
