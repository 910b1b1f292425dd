"""The flags of the training programs: `--config FILE.py:VARIANT`, `--config.FIELD=VALUE` and their own."""

import sys

from absl import flags, logging
from ml_collections import config_flags

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, FILE.py:VARIANT.")


def parse_flags(program: str, argv: list[str]) -> list[str]:
    """The program's name alone; exits with the reason for a bad field, file or argument."""
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:  # absl would print it between a traceback and all flags there are
        told = [line.strip() for line in str(error).splitlines() if line.strip()] or [
            "a wrong flag"
        ]
        sys.exit(f"{program}: {told[-1]} (--help lists the flags)")
    except (AttributeError, KeyError) as error:
        sys.exit(f"{program}: the experiment has no field {error}")
    except (TypeError, ValueError, OSError) as error:
        sys.exit(f"{program}: the experiment cannot be loaded: {error}")
    if len(rest) > 1:
        sys.exit(f"{program}: unexpected argument {rest[1]!r}")
    if flags.FLAGS["verbosity"].using_default_value:
        # orbax tells a page at each checkpoint, and several of a failed one, which is raised besides; `--verbosity=0`
        # brings them back.
        logging.set_verbosity(logging.FATAL)
    return rest
