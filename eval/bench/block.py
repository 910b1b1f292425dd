"""Time and memory of a state-space layer with all its directions: `python -m eval.bench.block`.

VONSS on a [2, 64, 64, 192] map with 16 states and 8 directions, forward and backward, beside the same layer with one
`jax.lax.associative_scan` over the map for each direction: written down one after the other, and in our loop over
directions, which computes each again for the gradient. In interleaved runs. Where PyTorch is installed, `--torch` adds
the layer of VMamba (4 directions, the map as one sequence) as plain PyTorch computes it, a step at a time, beside ours:

    python -m eval.bench.block --torch --shape 1 32 32 96
"""

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from eval.bench.scan import interleaved, temporary_bytes
from hcfss_jax.layers import SS2D, VONSS
from hcfss_jax.ops import line_scans
from hcfss_jax.runtime.jax_settings import prepare_jax
from hcfss_jax.weights.parameters import flatten


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--states", type=int, default=16)
    parser.add_argument("--shape", type=int, nargs=4, default=(2, 64, 64, 192))
    parser.add_argument("--torch", action="store_true", help="beside PyTorch")
    args = parser.parse_args()
    prepare_jax()
    x = jax.random.normal(jax.random.key(0), args.shape)
    if args.torch:
        _beside_torch(x, args.states, args.runs)
        return
    ours = VONSS(args.states, 8, expand=1.0)
    raster = VONSS(args.states, 8, "raster", expand=1.0)
    variables = jax.jit(ours.init)(jax.random.key(1), x)
    whole = functools.partial(
        line_scans.selective_scan, implementation="associative", chunk=x.shape[1] * x.shape[2]
    )
    with mock.patch.object(line_scans, "selective_scan", whole):
        with mock.patch.object(line_scans, "_sum_of_scans", _one_after_the_other):
            programs = {"one associative_scan a direction": _compiled(raster, variables, x)}
        programs["the same in our loop"] = _compiled(raster, variables, x)
    programs["lines of their own"] = _compiled(ours, variables, x)
    programs["the map as one sequence"] = _compiled(raster, variables, x)
    times = interleaved(programs, (variables, x), args.runs)
    yardstick, *_ = programs
    print(f"{list(args.shape)} map, {args.states} states, 8 directions, forward + backward")
    for name, program in programs.items():
        share, memory = times[name] / times[yardstick], temporary_bytes(program)
        smaller = temporary_bytes(programs[yardstick]) / memory
        print(
            f"{name:36} {times[name]:7.2f} s ({share:5.1%})  "
            f"{memory / 2**20:8.1f} MiB ({smaller:5.1f}x smaller)"
        )


def _one_after_the_other(
    steps: jax.Array, weights: Any, from_end: jax.Array, from_right: jax.Array, shift: int
) -> jax.Array:
    """The sum of scans as one would write it first."""

    def scan(own: Any, end: jax.Array, right: jax.Array) -> jax.Array:
        turned = line_scans._turn(steps, end, right)
        return line_scans._turn(line_scans._scan(turned, own, shift), end, right)

    count = len(from_end)
    each = ({name: w[i] for name, w in weights.items()} for i in range(count))
    return sum(map(scan, each, from_end, from_right), start=jnp.zeros_like(steps))


def _compiled(layer: SS2D, variables: Any, x: jax.Array) -> Any:
    """Value and gradients of a layer, for its weights and its map."""

    def loss(variables: Any, x: jax.Array) -> jax.Array:
        y: Any = layer.apply(variables, x)
        return jnp.sum(y**2)

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1))).lower(variables, x).compile()


def _beside_torch(x: jax.Array, states: int, runs: int) -> None:
    layer = SS2D(states, expand=2.0)
    variables = jax.jit(layer.init)(jax.random.key(1), x)
    ours = _compiled(layer, variables, x)
    theirs = _torch_layer(variables["params"], np.asarray(x))
    value, there = float(ours(variables, x)[0]), theirs()
    times: dict[str, list[float]] = {"ours": [], "PyTorch": []}
    for _ in range(runs):
        for name, action in (
            ("ours", lambda: jax.block_until_ready(ours(variables, x))),
            ("PyTorch", theirs),
        ):
            start = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - start)
    print(f"{list(x.shape)} map, {states} states, 4 directions, forward + backward")
    for name, seconds in times.items():
        print(f"{name:36} {sorted(seconds)[len(seconds) // 2]:7.3f} s")
    print(f"sum of squares: {value:.6g} and {there:.6g}")


def _torch_layer(params: Any, x: np.ndarray) -> Callable[[], float]:
    """SS2D by PyTorch alone, with its gradients; returns the sum of squares of what comes out."""
    import torch
    from torch.nn import functional

    p = {
        name: torch.tensor(np.asarray(leaf), requires_grad=True)
        for name, leaf in flatten(params).items()
    }
    x = torch.tensor(x)
    batch, height, width, _ = x.shape

    def scan(u: Any, k: int) -> Any:
        """u `[B, L, C]` along its second axis, with the weights of direction k."""
        rank, n = p["dt_proj"].shape[1], p["a_log"].shape[1]
        dt, b, c = (u @ p["x_proj"][k]).split([rank, n, n], dim=-1)
        dt = functional.softplus(dt @ p["dt_proj"][k] + p["dt_bias"][k])
        a, h, out = -p["a_log"][k].exp(), torch.zeros(batch, n, u.shape[-1]), []
        for t in range(u.shape[1]):
            h = (dt[:, t, None] * a).exp() * h + (dt[:, t] * u[:, t])[:, None] * b[:, t, :, None]
            out.append((h * c[:, t, :, None]).sum(1))
        return torch.stack(out, 1) + p["d"][k] * u

    def run() -> float:
        u, gate = (x @ p["in.kernel"]).chunk(2, dim=-1)
        kernel = p["conv.kernel"].permute(3, 2, 0, 1)
        channels = u.shape[-1]
        u = functional.conv2d(
            u.permute(0, 3, 1, 2), kernel, p["conv.bias"], padding=1, groups=channels
        )
        rows = functional.silu(u).permute(0, 2, 3, 1).reshape(batch, -1, channels)
        columns = functional.silu(u).permute(0, 3, 2, 1).reshape(batch, -1, channels)
        y = scan(rows, 0) + scan(rows.flip(1), 2).flip(1)
        down = scan(columns, 1) + scan(columns.flip(1), 3).flip(1)
        y = y + down.reshape(batch, width, height, channels).transpose(1, 2).reshape(y.shape)
        y = functional.layer_norm(y, (channels,), p["norm.scale"], p["norm.bias"], 1e-6)
        y = y * functional.silu(gate).reshape(y.shape)
        loss = ((y @ p["out.kernel"]) ** 2).sum()
        for leaf in p.values():
            leaf.grad = None
        loss.backward()
        return float(loss.detach())

    return run


if __name__ == "__main__":
    main()
