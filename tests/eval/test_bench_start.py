"""The bench of starting tells where all seconds of a process go, or what went wrong."""

from eval.bench import start


def test_stages_add_up_to_the_whole(tmp_path):
    """Of the quickest command; what the others are made of is looked up before it runs."""
    spent = start._run(["models"], tmp_path)
    for whole, parts in zip(spent.pop("in all"), zip(*spent.values(), strict=True), strict=True):
        assert 0.6 * whole < sum(parts) <= whole


def test_a_stage_within_another_is_counted_once(tmp_path):
    scope: dict = {}
    exec(start._CHILD.split("spent[")[0], scope)
    inner = scope["timed"]("inner", lambda: scope["time"].sleep(0.2))
    scope["timed"]("outer", inner)()
    assert scope["spent"]["inner"][0] >= 0.2 > scope["spent"]["outer"][0]


def test_the_table_has_cold_seconds_and_the_median_of_warm_ones():
    cold, *warm = ({"import": (clock, 0.5)} for clock in (9.0, 1.0, 7.0, 2.0))
    assert start._table("compress", cold, warm).splitlines() == [
        "compress                               cold       warm, of 3",
        "  import                        9.00 (0.50)      2.00 (0.50)",
    ]


def test_a_picture_that_is_none_is_named(tmp_path, capsys):
    assert start.main(["--image", str(tmp_path / "absent.png"), "--runs", "1"]) == 1
    assert "absent.png" in capsys.readouterr().err
