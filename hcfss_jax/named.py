"""What a user names on the command line or in an experiment, and has written: "package.module:name".

Such names come from whoever starts the program. What a file says of the code that made it is told, and never imported.
"""

import importlib
from typing import Any


def by_name(name: str) -> Any:
    """The object that "package.module:name" names; the module has to be on Python's path.

    Raises ValueError, which says what is missing.
    """
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise ValueError(f"{name!r} is no 'package.module:name'")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"{name!r} cannot be imported ({error}): is its directory on PYTHONPATH?"
        ) from error
    try:
        return getattr(found, attribute)
    except AttributeError as error:
        raise ValueError(f"{module} ({found.__file__}) has no {attribute!r}") from error
