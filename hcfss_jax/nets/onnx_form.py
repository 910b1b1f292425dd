"""Nets as ONNX, by jax2onnx."""

import contextlib
import importlib
import logging
import re
from collections.abc import Iterator
from typing import Any

import jax
from jax.extend.core import jaxpr_as_fun

from hcfss_jax.errors import HcfError, first_line_with_type
from hcfss_jax.nets.net import Net
from hcfss_jax.nets.plain_primitives import plain

OPSET = 21
"""Of ONNX, from 2024: what onnxruntime 1.18 and newer run."""


def to_onnx(net: Net) -> bytes:
    """A model whose inputs and outputs have the net's names.

    Raises HcfError without the extra `onnx`, and for a net that holds what cannot be told in ONNX, by name.
    """
    converter = _jax2onnx()
    program = plain(net.function, *net.inputs.values())
    with _quiet(), jax.transfer_guard("allow"):
        try:
            made = converter.to_onnx(
                jaxpr_as_fun(program),
                [*net.inputs.values()],
                model_name=net.name,
                opset=OPSET,
                input_names=[*net.inputs],
                output_names=[*net.outputs],
            )
        except Exception as error:
            raise HcfError(f"{net.name} cannot be told in ONNX: {_reason(error)}") from error
    return made.SerializeToString()


def check_installed() -> None:
    """Raises HcfError without the extra `onnx`."""
    _jax2onnx()


def _jax2onnx() -> Any:
    try:
        return importlib.import_module("jax2onnx")
    except ImportError as error:
        raise HcfError(
            f"ONNX is written by jax2onnx: pip install 'hcfss-jax[onnx]' ({error})"
        ) from error


def _reason(error: Exception) -> str:
    """The operation that is not known, or what the converter says."""
    unknown = re.search(r"for primitive '(\w+)'", str(error))
    if isinstance(error, KeyError) and "num_consts" in str(error):
        return (
            f"jax2onnx does not know the loops of JAX {jax.__version__}: pip install 'hcfss-jax[onnx]', which takes an "
            "older one, or --format stablehlo, which takes all"
        )
    if unknown:
        return f"jax2onnx does not know the operation {unknown[1]}; --format stablehlo takes all"
    return first_line_with_type(error)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without a line for each constant whose type the converter does not write down."""
    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
