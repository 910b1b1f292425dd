"""How the numbers of a parameter lie in PyTorch: the name of the leaf, and the order of its axes."""

from typing import NamedTuple

import numpy as np

Shape = tuple[int, ...]


class Layout(NamedTuple):
    """An array there is ours.reshape(grouped).transpose(order).reshape(shape).

    leaf: what it is called in its module there.
    """

    leaf: str
    grouped: Shape
    order: Shape
    shape: Shape

    def there(self, ours: np.ndarray) -> np.ndarray:
        """Ours to theirs."""
        return np.ascontiguousarray(
            ours.reshape(self.grouped).transpose(self.order).reshape(self.shape)
        )

    def here(self, theirs: np.ndarray, shape: Shape) -> np.ndarray:
        """Theirs to ours, of our shape."""
        moved = theirs.reshape([self.grouped[axis] for axis in self.order])
        return np.ascontiguousarray(moved.transpose(np.argsort(self.order)).reshape(shape))


def layout_of(module: str, leaf: str, shape: Shape) -> Layout:
    """The layout there of a parameter `leaf` of a module here. Raises KeyError for one that is not known."""
    if leaf == "kernel":
        return _kernel(module.rsplit(".", 1)[-1], shape)
    if leaf in ("x_proj", "dt_proj"):
        name = {"x_proj": "x_proj_weight", "dt_proj": "dt_projs_weight"}[leaf]
        return _moved(name, shape, (0, 2, 1))
    if leaf == "a_log":
        lines, states, channels = shape
        return _moved("A_logs", shape, (0, 2, 1))._replace(shape=(lines * channels, states))
    if leaf == "position_bias":
        side = round(shape[0] ** 0.5)
        return _moved("relative_position_params", (side, side, shape[1]), (2, 0, 1))
    if leaf == "gamma":
        return _moved("gamma", shape, (1, 0))
    if leaf == "quantiles":
        return _same("quantiles", shape, (shape[0], 1, shape[1]))
    if leaf in ("q_bias", "v_bias"):
        return _same(leaf, shape, (int(np.prod(shape)),))
    if leaf == "logit_scale":
        return _same(leaf, shape, (*shape, 1, 1))
    if leaf in ("bias", "d"):
        return _same({"bias": "bias", "d": "Ds"}[leaf], shape, (int(np.prod(shape)),))
    if leaf[0] in "hba" and leaf[1:].isdigit():
        return _same(f"{_PRIOR[leaf[0]]}.{leaf[1:]}", shape, shape)
    return _same(
        {"scale": "weight", "beta": "beta", "dt_bias": "dt_projs_bias"}[leaf], shape, shape
    )


_PRIOR = {"h": "matrices", "b": "biases", "a": "factors"}


def _kernel(module: str, shape: Shape) -> Layout:
    if module == "qkv":
        return _moved("weight", (shape[0], int(np.prod(shape[1:]))), (1, 0))
    if len(shape) == 4:
        return _moved("weight", shape, (3, 2, 0, 1))
    flat = _moved("weight", (int(np.prod(shape[:-1])), shape[-1]), (1, 0))
    # ACP's dense layers are 1x1 convolutions there.
    return flat._replace(shape=(*flat.shape, 1, 1)) if module in ("squeeze", "excite") else flat


def _moved(leaf: str, shape: Shape, order: Shape) -> Layout:
    return Layout(leaf, shape, order, tuple(shape[axis] for axis in order))


def _same(leaf: str, ours: Shape, theirs: Shape) -> Layout:
    return Layout(leaf, ours, tuple(range(len(ours))), theirs)
