"""The table of all systems as a page, as JSON and as CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.trials import Length
from hcfss_jax.runtime.whole_file import write_whole

Row = Mapping[str, Any]

_HEAD = """# All systems in one table

Made by `python -m eval.systems`; changes by hand are lost. [table.json](table.json) holds the same and the exact
figures, [table.csv](table.csv) the trained ones.
"""

_TRAINED = """## At equal pixels seen

The smallest size of each system after {length}, {pixels}, from fresh weights and by its own
config; what photos these were, the card beside a report tells.

This is minutes of training on two CPU cores, where papers take days on GPUs. It can say that one trainer, one codec and
one evaluation serve every system, that what each writes is decoded exactly, what each costs, and how fast its smallest
size sets out. It cannot say which system is the better one: after so few steps a start near a wavelet, the learning
rate and the width of a layer weigh more than what the papers are about, and a size that fits two cores has little of
what makes the large ones good.
"""

_OTHERWISE = """## Trained otherwise

Reports of the same size after another training, which do not compare with those above.
"""

_PAPER = """## At the size of the paper

Nothing here is trained. Parameters and multiply-adds are those of our largest variant of each. Published BD-rates are
against different anchors, so that no two of them compare unless the anchor is the same; the column before them is, of
the points that authors published, against {anchor} on Kodak, all by the same program.
"""

_NOTES = """## What the figures are

{meanings}

Again, from photos to this page, with `PHOTOS` to train on and `KODAK` to measure on; a folder of its own for the run of
each, and what is there is not done again:

    python -m eval.systems --train PHOTOS --data KODAK

And of the reports that there are: `python -m eval.systems`. [docs/systems.md](../../systems.md) tells what each is.
"""

_COLUMNS = ("system", "parameters", "multiply-adds a pixel, encoder / decoder", "steps")
_RESULTS = ("encode, s", "decode, s", "BD-rate against JPEG", "against {anchor}", "dB")
_PUBLISHED = ("Kodak", "Tecnick", "CLIC")


def write_table(folder: Path, table: Mapping[str, Any]) -> None:
    """README.md, table.json and table.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(table, indent=1, allow_nan=False) + "\n"
    write_whole(folder / "table.json", text.encode())
    write_whole(folder / "table.csv", _csv(table).encode())
    write_whole(folder / "README.md", page(table).encode())


def page(table: Mapping[str, Any]) -> str:
    """The table for people."""
    length = Length(*(table["length"][name] for name in Length._fields))
    parts = [_HEAD]
    if left_out := table["families_left_out"]:
        parts.append(f"Only some systems were asked for; left out: {', '.join(left_out)}.\n")
    parts.append(_TRAINED.format(length=length, pixels=_pixels(length.pixels)))
    parts.append(_results(table["trained"], table["published_anchor"]))
    if table["otherwise"]:
        parts += [_OTHERWISE, _results(table["otherwise"], table["published_anchor"])]
    if table["paper"]:
        parts += [_PAPER.format(anchor=table["published_anchor"]), _papers(table)]
    meanings = "\n".join(
        f"- {name.replace('_', ' ')}: {text}" for name, text in _told(table).items()
    )
    parts.append(_NOTES.format(meanings=meanings))
    return "\n".join(parts)


def _told(table: Mapping[str, Any]) -> dict[str, str]:
    machines = {
        f"{row['machine']['device']}, {row['machine']['cores']} cores"
        for row in table["trained"]
        if "machine" in row
    }
    told = dict(table["meanings"])
    if machines:
        told["seconds"] += f" ({'; '.join(sorted(machines))}), which had other work beside"
    return told


def _results(rows: Sequence[Row], anchor: str) -> str:
    heads = [*_COLUMNS, *(head.format(anchor=anchor) for head in _RESULTS), "exact", "pixels seen"]
    return _markdown(heads, [_result(row, len(heads)) for row in rows])


def _result(row: Row, width: int) -> list[str]:
    cells = [f"`{row['model']}`", *_cost(row)]
    if "why" in row:
        return [*cells, row["why"], *[""] * (width - len(cells) - 1)]
    rates = row["bd_rate"]
    exact = row["exact"]
    return [
        f"[`{row['model']}`](../{row['report']})",
        *cells[1:],
        *(_seconds(row[f"{way}_seconds"]) for way in ("encode", "decode")),
        *(_percent(rates[origin]) for origin in ("measured", "published")),
        _interval(rates["measured"]),
        f"{exact['equal']} of {exact['checked']}",
        _seen(row),
    ]


def _papers(table: Mapping[str, Any]) -> str:
    points = f"its points against {table['published_anchor']}"
    heads = [*_COLUMNS, points, *_PUBLISHED, "against", "says", "held to"]
    return _markdown(heads, [_paper(row) for row in table["paper"]])


def _paper(row: Row) -> list[str]:
    said = row["published"]
    return [
        f"{row['title']}, [{row['paper']}]({row['url']}), `{row['model']}`",
        *_cost(row),
        _percent(row["bd_rate_of_its_points"]),
        *(
            f"{said['bd_rate'][name]:+.2f} %" if name in said["bd_rate"] else ""
            for name in _PUBLISHED
        ),
        said["anchor"],
        said["source"],
        row["held_to"],
    ]


def _cost(row: Row) -> list[str]:
    done = row["multiply_adds"]
    return [
        f"{row['parameters'] / 1e6:.1f} M",
        f"{done['encoder'] / 1e3:.1f} k / {done['decoder'] / 1e3:.1f} k" if done else "n/a",
        f"{row['steps'] or 'n/a'}",
    ]


def _percent(answer: Mapping[str, Any] | None) -> str:
    return "n/a" if not answer or answer["percent"] is None else f"{answer['percent']:+.1f} %"


def _interval(answer: Mapping[str, Any] | None) -> str:
    known = answer and answer["percent"] is not None
    return f"{answer['low']:.1f} to {answer['high']:.1f}" if answer and known else ""


def _seconds(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f}"


def _seen(row: Row) -> str:
    after = f" in its last run, after `{row['after']}`" if row["after"] else ""
    return "not told" if row["pixels"] is None else _pixels(row["pixels"]) + after


def _pixels(count: int) -> str:
    return f"{count / 1e9:.2f} gigapixels" if count >= 5e6 else f"{count:,} pixels"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; what would end a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def _csv(table: Mapping[str, Any]) -> str:
    """One line a trained row, and one for each that is not; empty where there is no value."""
    text = io.StringIO()
    names = [
        "model",
        "parameters",
        "encoder_multiply_adds",
        "decoder_multiply_adds",
        "steps",
        "why",
    ]
    names += ["encode_seconds", "decode_seconds", "bd_rate_measured", "bd_rate_published"]
    names += ["exact", "checked", "pixels", "after", "report"]
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in (*table["trained"], *table["otherwise"]):
        done = row["multiply_adds"] or {}
        rates = row.get("bd_rate", {})
        exact = row.get("exact", {})
        writer.writerow(
            {
                **row,
                **{f"{side}_multiply_adds": done.get(side) for side in ("encoder", "decoder")},
                **{
                    f"bd_rate_{origin}": (rates.get(origin) or {}).get("percent")
                    for origin in rates
                },
                "exact": exact.get("equal"),
                "checked": exact.get("checked"),
            }
        )
    return text.getvalue()
