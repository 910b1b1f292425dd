"""Compiled functions are kept where the user expects them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from hcfss_jax.jax_settings import prepare_jax
prepare_jax()
import jax
print(jax.config.jax_compilation_cache_dir)
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/hcfss_jax/xla"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/hcfss_jax/xla"),
        ({"HOME": "/h", "JAX_COMPILATION_CACHE_DIR": "/mine"}, "/mine"),
    ],
    ids=["home", "XDG", "the user's own"],
)
def test_compiled_functions_go_to_the_users_cache_unless_told_otherwise(settings, expected):
    theirs = {"JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}
    environment = {k: v for k, v in os.environ.items() if k not in theirs} | settings
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == expected
