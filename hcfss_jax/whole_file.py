"""Write a file whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`, making its folder where there is none.

    Written beside it under another name and moved there when complete: whoever looks at `path`
    sees what was there before, or all of the new. Nothing stays behind after an error or Ctrl-C.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
