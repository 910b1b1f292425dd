"""Random initial parameters, drawn without running the model or compiling it."""

import functools
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from hcfss_jax.layers.area import example


def initial_shapes(model: Any) -> Any:
    """The shapes of the parameters; nothing is computed."""
    return jax.eval_shape(functools.partial(_initialise, model, 0))


def initial_params(model: Any, seed: int) -> Any:
    """The parameters that training starts from, numpy arrays; the same for the same seed and version of JAX.

    One operation after the other: those of equal shapes share a compiled program, and all compile in half the time of
    one program for all parameters. On a CPU where JAX may use one: the quickest to compile for.
    """
    with jax.default_device(_cpu()), jax.transfer_guard("allow"):
        # A block that is computed again would hide what of it is needed.
        if hasattr(model, "remat"):
            model = model.clone(remat=False)
        draw = functools.partial(_initialise, model, seed)
        program, shapes = jax.make_jaxpr(draw, return_shape=True)()
        leaves = jaxpr_as_fun(_without_unused(program))()
    return jax.tree.unflatten(jax.tree.structure(shapes), map(np.asarray, leaves))


def _cpu() -> jax.Device | None:
    """None, JAX's default, where the user has switched CPUs off."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None


def _initialise(model: Any, seed: int) -> Any:
    # JAX's default generator takes three times as long to compile for a thousand parameters.
    key = jax.random.key(seed, impl="unsafe_rbg")
    x, level, _ = example(model)
    return model.init({"params": key}, x, level, jax.random.key(seed)[None])["params"]


def _without_unused(program: ClosedJaxpr) -> ClosedJaxpr:
    """Only what leads to a result: the model's own pass does not."""
    jaxpr, kept = program.jaxpr, []
    needed = {var for var in jaxpr.outvars if not isinstance(var, Literal)}
    for equation in reversed(jaxpr.eqns):
        if needed.intersection(equation.outvars):
            kept.append(equation)
            needed.update(var for var in equation.invars if not isinstance(var, Literal))
    return ClosedJaxpr(jaxpr.replace(eqns=kept[::-1]), program.consts)
