"""Makes the repository's Markdown a site: adds what lies above docs/, and leads every link to where it stands there.

On the site there are no sources: of a link to one, only the words stay.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]

ADDED = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "LICENSE": "LICENSE",
    "hcfss_jax/shipped/hcfssnet-tiny.md": "results/hcfssnet-tiny.md",
    "hcfss_jax/shipped/astronaut.md": "results/astronaut.md",
    "tests/golden/README.md": "golden.md",
}
"""Files of the repository outside of docs/, and their place on the site."""

_SOURCES = {page: file for file, page in ADDED.items()}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FENCED = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Add what lies outside of docs/."""
    for file, page in ADDED.items():
        files.append(File.generated(config, page, content=(ROOT / file).read_bytes()))
    return files


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
