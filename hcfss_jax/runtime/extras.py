"""What a program needs beyond the library's own dependencies."""

import importlib.util
import sys


def need(extra: str, *modules: str) -> None:
    """Ends a program that is run as `python -m`, with what to install, where one of these modules is missing.

    Raises ModuleNotFoundError for whoever imports it instead.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not missing:
        return
    advice = f"{', '.join(missing)} missing: pip install -e '.[{extra}]'"
    if _is_program():
        sys.exit(advice)
    raise ModuleNotFoundError(advice, name=missing[0])


def _is_program() -> bool:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    begun = spec is not None and spec.name.partition(".")[0] in ("train", "eval")
    return begun or sys.argv[:1] == ["-m"]  # its packages are imported before it begins
