"""`python -m hcfss_jax.cli` is `hcfss`."""

import sys

from hcfss_jax.cli.program import main

sys.exit(main())
