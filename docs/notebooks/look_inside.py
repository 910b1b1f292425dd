# %% [markdown]
# # Look inside
#
# Three things that one would rather see than be told, of the weights that ship and one photo: where the bits go,
# how far VONSS sees, and what AFMM weighs.
#
# `HCFSS_PHOTO=my.jpg python docs/notebooks/look_inside.py` takes a photo of yours, of which `HCFSS_SIDE` pixels
# from the middle are looked at. Without one it is the photo of `hcfss demo`.

# %%
import functools
import io
import os
from importlib import resources
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import hcfss_jax
from hcfss_jax.layers import VONSS
from hcfss_jax.models import restore_model
from hcfss_jax.ops.scan_lines import lines_of
from hcfss_jax.weights import load_package

SIDE = int(os.environ.get("HCFSS_SIDE", "512"))  # pixels, a multiple of 64
PICTURES = Path(os.environ.get("HCFSS_PICTURES", "hcfss-notebooks"))
PICTURES.mkdir(parents=True, exist_ok=True)

sample = resources.files("hcfss_jax").joinpath("shipped/astronaut.webp").read_bytes()
photo = Image.open(os.environ.get("HCFSS_PHOTO") or io.BytesIO(sample)).convert("RGB")
left, top = ((length - SIDE) // 2 for length in photo.size)
photo = photo.crop((left, top, left + SIDE, top + SIDE))
pixels = np.asarray(photo)

package = load_package("hcfssnet-tiny")
model = restore_model(package.name, package.config)
variables = {"params": package.params}
x = jnp.asarray(pixels[None] / 255, jnp.float32)

# %% [markdown]
# ## Where the bits go
#
# A model is a `plan` of coding steps: first z, which tells how wide y is likely to be, then y in slices of
# channels, each predicted from those before it. `bit_maps` gives what each step costs at each position of its
# map, by the same arithmetic as `evaluate`.

# %%
QUALITIES = (2, 4, 8)
levels = jnp.asarray(QUALITIES, jnp.float32) - 1
batch = jnp.repeat(x, len(QUALITIES), axis=0)
bit_maps = jax.jit(functools.partial(model.apply, method="bit_maps"))
maps = [np.asarray(bits) for bits in bit_maps(variables, batch, levels)]

finest = min(step.stride for step in model.plan)


def spread(bits, stride):
    """A map at the finest stride: what a coarser position costs is dealt out evenly below it."""
    times = stride // finest
    return bits.repeat(times, axis=1).repeat(times, axis=2) / times**2


where = sum(spread(bits, step.stride) for bits, step in zip(maps, model.plan, strict=True))
per_step = np.array([bits.sum(axis=(1, 2)) for bits in maps])  # [steps, qualities]
names = [f"{s.latent} {s.first}-{s.first + s.channels - 1}" for s in model.plan]

figure, plots = plt.subplots(1, 5, figsize=(17, 3.4), layout="constrained")
plots[0].imshow(pixels)
plots[0].set(title="the photo", xticks=[], yticks=[])
for plot, quality, bits in zip(plots[1:4], QUALITIES, where, strict=True):
    heat = plot.imshow(bits / finest**2, cmap="magma", vmin=0)
    plot.set(title=f"bits a pixel, quality {quality}", xticks=[], yticks=[])
    figure.colorbar(heat, ax=plot, shrink=0.8)
for column, quality in enumerate(QUALITIES):
    places = np.arange(len(names)) + 0.27 * (column - 1)
    plots[4].bar(places, per_step[:, column] / 8, width=0.25, label=f"quality {quality}")
plots[4].set_xticks(range(len(names)), names, rotation=45, ha="right")
plots[4].set(title="bytes by latent and channels")
plots[4].legend()
figure.savefig(PICTURES / "inside-bits.webp", pil_kwargs={"quality": 90})

# %% [markdown]
# Bits follow edges and texture; flat places are nearly free. z costs little. The first two slices of y, the 48 lowest
# of 768 frequencies and what g_a adds to them, take half of all at quality 4; the later slices are predicted from
# them, and gain on them with the quality.
#
# The estimate is not the file, which has a header and a coder's rounding. At the middle one of these qualities:

# %%
encoded = hcfss_jax.load("hcfssnet-tiny").encode(photo, QUALITIES[1])
print(f"the map adds up to    {where[1].sum() / 8:9,.1f} bytes")
print(f"the encoder estimates {encoded.estimated_bits / 8:9,.1f} bytes")
print(f"the file has          {len(encoded.data):9,} bytes")

# %% [markdown]
# ## What VONSS scans
#
# VONSS walks over a map along rows, columns and both diagonals, each both ways, with a state that forgets as it
# goes. What one position sees is a gradient: how much the output in the middle moves with the input elsewhere,
# over all channels. The input is what the photo makes in front of the first VONSS of g_a, which Flax's
# `capture_intermediates` hands out.

# %%
BLOCK = "stage3_block1"  # of g_a: the first at the coarsest stride of its blocks


@jax.jit
def look(variables, x):
    """All that the layers of g_a put out, and what they tell."""
    level = jnp.full(1, QUALITIES[1] - 1.0)
    told = {"capture_intermediates": True, "mutable": ["intermediates"]}
    _, state = model.apply(variables, x, level, method="unscaled", **told)
    return state["intermediates"]["g_a"][BLOCK]["global_path"]


told = look(variables, x)
(before_vonss,) = told["norm1"]["__call__"]
c = model.config
vonss = VONSS(c.state_size, c.directions, c.scan_lines, c.expand)
learned = package.params["g_a"][BLOCK]["global_path"]["vonss"]
row, column = (length // 2 for length in before_vonss.shape[1:3])


def seen(parameters):
    """`[h, w]`: the root of the summed squares of the derivatives of the middle's channels."""

    def middle(x):
        return vonss.apply({"params": parameters}, x)[0, row, column]

    slope = jax.jacrev(middle)(before_vonss)[:, 0]
    return jnp.sqrt(jnp.sum(jnp.square(slope), axis=(0, -1)))


def alone(direction):
    """The parameters with one direction only: the others read and write nothing, and no scan passes its input on."""
    only = (jnp.arange(c.directions) == direction)[:, None, None]
    return learned | {"x_proj": learned["x_proj"] * only, "d": 0 * learned["d"]}


choices = [learned, *map(alone, range(c.directions))]
stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *choices)
together, *by_direction = np.asarray(jax.jit(jax.vmap(seen))(stacked))

figure, plots = plt.subplots(2, 5, figsize=(13, 5.2), layout="constrained")
titles = ["all of them"]
for line in lines_of(c.scan_lines, c.directions):
    titles.append(f"{getattr(line, 'axis', 'walk')}{', back' if line.reverse else ''}")
for plot, title, shown in zip(plots.flat, titles, (together, *by_direction), strict=False):
    plot.imshow(np.log10(shown / shown.max() + 1e-6), cmap="viridis", vmin=-4, vmax=0)
    plot.set(title=title, xticks=[], yticks=[])

distances = np.arange(min(row, column))
straight = [max(together[row, column - n], together[row - n, column]) for n in distances]
oblique = [together[row - n, column - n] for n in distances]
beside = [together[row - n, column - n // 2] for n in distances]
decay = plots.flat[9]
for label, values in (("straight", straight), ("diagonal", oblique), ("between", beside)):
    decay.semilogy(distances, np.maximum(np.array(values) / together.max(), 1e-6), label=label)
decay.set(xlabel="positions away", ylim=(1e-4, 1.5))
decay.legend(fontsize=8)
figure.suptitle("How much the middle sees of each position (logarithmic, yellow is most)")
figure.savefig(PICTURES / "inside-vonss.webp", pil_kwargs={"quality": 90})

stride = SIDE // before_vonss.shape[1]
print(f"a position stands for {stride}x{stride} pixels")
for label, values in (("straight", straight), ("diagonal", oblique)):
    reach = max(n for n in distances if values[n] > 0.001 * together.max())
    print(
        f"{label}: above a thousandth of the most up to {reach} positions, {reach * stride} pixels"
    )

# %% [markdown]
# One VONSS sees a star: rays three positions wide, by the 3x3 convolution in front of the scans. In the sample
# photo it sees along rows and columns to the border of the map, at about a thousandth of what it sees of its own
# place, along diagonals as far, at a third of that, and between the rays four positions. All panels but the first
# show one direction as if it were alone, each on its own scale. What lies between the rays a second VONSS reaches
# over two of them.
#
# ## What AFMM weighs
#
# AFMM takes the DCT of each window of 8x8 positions, and multiplies each frequency by a weight in (0, 2) that a
# small net makes of what the window holds. It tells these weights as an intermediate. Here are the window
# of least contrast and that with most edges.

# %%
(weights,) = told["afmm"]["weights"]
weights = np.asarray(weights[0]).mean(axis=-1)  # over groups of channels: [windows, windows, 64]
span = 8 * stride
grey = pixels.mean(axis=-1)
edges = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]


def of_window(pixels, i, j):
    """What of the picture, or of a map of it, lies in a window."""
    return pixels[i * span : (i + 1) * span, j * span : (j + 1) * span]


windows = range(len(weights))
texture = np.array([[of_window(edges, i, j).mean() for j in windows] for i in windows])
contrast = np.array([[of_window(grey, i, j).std() for j in windows] for i in windows])
flat = np.unravel_index(np.argmin(contrast), contrast.shape)
textured = np.unravel_index(np.argmax(texture), texture.shape)

figure, plots = plt.subplots(1, 5, figsize=(15, 3.2), layout="constrained")
both = np.stack([weights[flat], weights[textured]])
for first, (name, place) in zip((0, 2), (("flat", flat), ("textured", textured)), strict=True):
    plots[first].imshow(of_window(pixels, *place))
    plots[first].set(title=name, xticks=[], yticks=[])
    heat = plots[first + 1].imshow(weights[place].reshape(8, 8), vmin=both.min(), vmax=both.max())
    plots[first + 1].set(title="weights by frequency", xlabel="across", ylabel="down")
    figure.colorbar(heat, ax=plots[first + 1], shrink=0.8)
frequency = np.add.outer(np.arange(8), np.arange(8)).ravel()
for name, place in (("flat", flat), ("textured", textured)):
    plots[4].plot([weights[place][frequency == f].mean() for f in range(15)], label=name)
plots[4].set(xlabel="frequency, across + down", title="mean weight")
plots[4].set_ylim(0, None)
plots[4].legend()
figure.savefig(PICTURES / "inside-afmm.webp", pil_kwargs={"quality": 90})

print(f"flat: {weights[flat].min():.3f} to {weights[flat].max():.3f}")
print(f"textured: {weights[textured].min():.3f} to {weights[textured].max():.3f}")

# %% [markdown]
# Weights that never learned would all be 1. Here they are below a half in both windows: this layer speaks softly,
# most softly of the highest frequencies, and of these more softly where it is flat.
