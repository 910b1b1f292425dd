"""Fields of a config that no model can be made of are named when it is made."""

import pytest

from hcfss_jax.models import create_model


@pytest.mark.parametrize(
    "name, fields, told",
    [
        ("octave-tiny", {"filters": 8}, "filters=8: 12 are the least"),
        ("octave-tiny", {"filters": 31}, "filters=31: half"),
        ("s2lic-tiny", {"heads": (1, 5, 4)}, "heads: 5 heads do not divide 48"),
        ("s2lic-tiny", {"heads": (1, 100, 4)}, "heads: 100 heads do not divide"),
        ("swinv2-tiny", {"hyper_heads": 40}, "hyper_heads: 40 heads do not divide 36"),
        ("roi-tiny", {"hyper_heads": 5}, "hyper_heads: 5 heads do not divide"),
        ("s2lic-tiny", {"drop_path": 1.0}, "drop_path=1.0 is a probability below 1"),
        ("swinv2-tiny", {"drop_path": float("nan")}, "drop_path=nan is no finite number"),
        ("elic-tiny", {"gate_start": float("nan")}, "gate_start=nan is no finite number"),
        ("hscatb-tiny", {"low_share": float("inf")}, "low_share=inf is no finite number"),
        ("twobranch-tiny", {"coarse_widths": (16, 32, 48)}, "coarse_widths=.*four stages"),
        ("twobranch-tiny", {"widths": (16,)}, "widths=.*three stages"),
        ("twobranch-tiny", {"blocks": (0, 0, 1, 1)}, "blocks=.*three stages"),
    ],
)
def test_a_field_that_cannot_be_is_named(name, fields, told):
    with pytest.raises(ValueError, match=told):
        create_model(name, **fields)
