"""Makes the repository's Markdown a site: adds what lies above docs/, and leads every link to where it stands there.

On the site there are no sources: of a link to one, only the words stay. A notebook is a page: its words, its code, and
the pictures that its code saves, which were made by running it (CONTRIBUTING.md says how).
"""

import posixpath
import re
from pathlib import Path
from typing import Any

import jupytext
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]

ADDED = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "LICENSE": "LICENSE",
    "hcfss_jax/shipped/hcfssnet-tiny.md": "results/hcfssnet-tiny.md",
    "hcfss_jax/shipped/hcfssnet-tiny-f02f50c1.md": "results/hcfssnet-tiny-f02f50c1.md",
    "hcfss_jax/shipped/hcfssnet-tiny-88e2ee1f.md": "results/hcfssnet-tiny-88e2ee1f.md",
    "hcfss_jax/shipped/astronaut.md": "results/astronaut.md",
    "tests/golden/README.md": "golden.md",
    "docs/notebooks/compare.py": "notebooks/compare.md",
    "docs/notebooks/train_toy.py": "notebooks/train_toy.md",
    "docs/notebooks/look_inside.py": "notebooks/look_inside.md",
}
"""Files of the repository that are no pages of docs/, and their place on the site."""

_SOURCES = {page: file for file, page in ADDED.items()}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_SAVED = re.compile(r'savefig\(PICTURES / "([^"]+)"')
_FENCED = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Add what lies outside of docs/, and the notebooks."""
    for file, page in ADDED.items():
        content = (ROOT / file).read_text(encoding="utf-8")
        if file.endswith(".py"):
            content = notebook_as_markdown(content)
        files.append(File.generated(config, page, content=content))
    return files


def notebook_as_markdown(source: str) -> str:
    """A notebook in jupytext's percent format as a page, each picture below the code that saves it."""
    parts = []
    for cell in jupytext.reads(source, fmt="py:percent").cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        parts += [f"![{name}](pictures/{name})" for name in _SAVED.findall(cell.source)]
    return "\n\n".join(parts) + "\n"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """The page with its links led on."""
    here = page.file.src_uri
    folder = posixpath.dirname(_SOURCES.get(here, f"docs/{here}"))

    def led(match: re.Match[str]) -> str:
        mark, words, target = match.groups()
        path, _, section = target.partition("#")
        if "://" in target or not path:
            return match[0]
        place = _place(posixpath.normpath(posixpath.join(folder, path)))
        if place is None:
            return words
        link = posixpath.relpath(place, posixpath.dirname(here) or ".")
        return f"{mark}[{words}]({link}{'#' * bool(section)}{section})"

    parts = _FENCED.split(markdown)  # every second is code
    return "".join(
        part if number % 2 else _LINK.sub(led, part) for number, part in enumerate(parts)
    )


def _place(file: str) -> str | None:
    """Where a file or folder of the repository is on the site."""
    if file in ADDED:
        return ADDED[file]
    if not file.startswith("docs/"):
        return None
    if (ROOT / file).is_dir():
        file = posixpath.join(file, "README.md")
    shown = (ROOT / file).exists() and not file.endswith(".safetensors")
    return file.removeprefix("docs/") if shown else None
