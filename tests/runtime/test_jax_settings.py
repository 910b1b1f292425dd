"""Compiled functions are kept where the user expects them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from hcfss_jax.runtime.jax_settings import prepare_jax
prepare_jax()
import jax
print(jax.config.jax_compilation_cache_dir)
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"HOME": "h"}, "h/.cache/hcfss_jax/xla"),
        ({"HOME": "h", "XDG_CACHE_HOME": "x"}, "x/hcfss_jax/xla"),
        ({"HOME": "h", "JAX_COMPILATION_CACHE_DIR": "mine"}, "mine"),
    ],
    ids=["home", "XDG", "the user's own"],
)
def test_compiled_functions_go_to_the_users_cache_unless_told_otherwise(
    settings, expected, tmp_path
):
    settings = {name: str(tmp_path / folder) for name, folder in settings.items()}
    theirs = {"JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}
    environment = {k: v for k, v in os.environ.items() if k not in theirs} | settings
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(tmp_path / expected)


@pytest.mark.parametrize("home", ["no home", "no folder"])
def test_without_a_place_to_keep_them_functions_are_compiled_all_the_same(home):
    theirs = {"JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME"}
    environment = {k: v for k, v in os.environ.items() if k not in theirs}
    program = """
from pathlib import Path
def no_home():
    raise RuntimeError("Could not determine home directory.")
"""
    if home == "no home":
        program += "Path.home = no_home"
    else:
        environment["XDG_CACHE_HOME"] = "/dev/null/cache"
    program += """
from hcfss_jax.runtime import compiled_cache
from hcfss_jax.runtime.jax_settings import prepare_jax, programs_folder
prepare_jax()
compiled_cache.keep_in(programs_folder())
import jax
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(compiled_cache.run(jax.jit(lambda x: x + 1), 1), jax.jit(lambda x: x + 2)(1))
"""
    told = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "2 3\n"
    assert told.stderr.count("\n") == (home == "no folder")
