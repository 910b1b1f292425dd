"""`hcfss completion SHELL`: a script after which the shell completes commands, options and files by tab."""

import argparse

from hcfss_jax.cli.program import parser
from hcfss_jax.errors import HcfError

_FILES = frozenset({"PATH", "FILE", "OUT", "DIR", "CHECKPOINT", "NAME|FILE"})


def completion(args: argparse.Namespace) -> int:
    """Print the script. Raises HcfError where shtab, which writes it, is not installed. The exit code."""
    try:
        import shtab
    except ImportError as error:
        raise HcfError("shtab writes this: pip install 'hcfss-jax[completion]'") from error
    whole = parser()
    for action in _actions(whole):
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(whole, args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Of a parser and its subcommands."""
    actions = []
    for action in parser._actions:
        actions.append(action)
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                actions += _actions(command)
    return actions
