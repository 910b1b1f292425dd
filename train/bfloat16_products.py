"""Train with products as accelerators make them: of operands rounded to bfloat16, summed in float32.

    python -m train.bfloat16_products --config configs/NAME.py:tiny --config.products=default --workdir DIR ...

Takes what `train.main` takes. TPUs multiply so wherever the precision is JAX's default: in the transforms and, with
`config.products="default"`, in the coding steps; CPUs do not. So a CPU shows what learns under such products. Gradients
are rounded once more than there, as they leave a product.
"""

from typing import Any

import jax
from absl import app, flags
from jax import lax
from jax.extend.core import Primitive, primitives

from train import flags as train_flags
from train import main as train_main
from train.flags import parse_flags
from train.main import main

flags.adopt_module_key_flags(train_flags)  # so that --help lists them
flags.adopt_module_key_flags(train_main)
_PRODUCTS = primitives.dot_general_p, primitives.conv_general_dilated_p


def round_operands() -> None:
    """From here on products of float32 are of operands rounded to bfloat16, but where more precision is asked for.

    For the whole process; what was compiled before stays.
    """
    for product in _PRODUCTS:
        product.bind = _rounding(product)


def _rounding(product: Primitive) -> Any:
    bind = product.bind

    def rounded(*operands: Any, precision: Any = None, **how: Any) -> Any:
        asked = precision if isinstance(precision, tuple) else (precision,) * len(operands)
        if all(each in (None, lax.Precision.DEFAULT) for each in asked):
            operands = tuple(map(_to_bfloat16, operands))
        return bind(*operands, precision=precision, **how)

    return rounded


def _to_bfloat16(x: Any) -> Any:
    is_float32 = jax.numpy.result_type(x) == jax.numpy.float32
    return lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7) if is_float32 else x


if __name__ == "__main__":
    round_operands()
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main, flags_parser=lambda argv: parse_flags("train.bfloat16_products", argv))
