# %% [markdown]
# # Train a toy on ten photos
#
# From photos to a codec of your own in a minute, with the commands that train real ones. **It is a toy**: a few
# dozen steps of a very small model on ten pictures. It shows how the commands go together; nothing else about it
# deserves trust. Hundreds of photos and hours are what the weights that ship took: [training](../training.md).
#
# It runs from a checkout, after `pip install -r requirements.txt -e .`. `HCFSS_PHOTOS=FOLDER` takes photos of
# yours; without, ten crops are cut from the sample photo.

# %%
import io
import json
import os
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import hcfss_jax
from hcfss_jax.metrics import psnr

STEPS = int(os.environ.get("HCFSS_STEPS", "120"))
PICTURES = Path(os.environ.get("HCFSS_PICTURES", "hcfss-notebooks"))
PICTURES.mkdir(parents=True, exist_ok=True)
CHECKOUT = Path(hcfss_jax.__file__).parents[1]
assert (CHECKOUT / "train").is_dir(), "the trainer comes with a checkout, not with the package"

kept = tempfile.TemporaryDirectory()  # until the notebook ends
folder = Path(kept.name)
sample = resources.files("hcfss_jax").joinpath("shipped/astronaut.webp").read_bytes()
photo = Image.open(io.BytesIO(sample)).convert("RGB")

# %% [markdown]
# ## Ten photos
#
# Crops of 160x160 pixels, all of the picture but its upper left quarter, which is kept for the end.

# %%
photos = Path(os.environ.get("HCFSS_PHOTOS") or folder / "photos")
if not photos.exists():
    photos.mkdir()
    corners = [(x, y) for y in (0, 176, 352) for x in (0, 118, 235, 352) if x > 250 or y > 250]
    corners += [(256, 90), (256, 256), (176, 256), (60, 300), (300, 60)]
    for number, (x, y) in enumerate(corners[:10]):
        photo.crop((x, y, x + 160, y + 160)).save(photos / f"{number}.png")

# %% [markdown]
# ## Train
#
# `tiny`, made much smaller by fields of its config (y in one piece, and no scans, which take long to compile),
# for one rate (`lambda`), on crops of 64x64. `ema_decay` is the memory of the averaged weights that are exported:
# short, as the run is. Training prints its figures and writes them to `metrics.jsonl`.

# %%
experiment = (
    "tiny,lambda=0.013,bands=(16,),slices=(768,),stage_widths=(32,),encoder_blocks=(2,),"
    "decoder_blocks=(2,),hybrid_blocks=0,hyper_width=16,hyper_blocks=0,hyper_channels=8,"
    "parameter_hidden=(16,16),attention_dim=16,afmm_hidden=8"
)
settings = {
    "data.path": photos,
    "data.held_out": 0,
    "data.drawn": 0.0,
    "crop": 64,
    "batch_size": 4,
    "steps": STEPS,
    "optimiser": "adam",
    "learning_rate": 2e-3,
    "warmup_steps": 5,
    "ema_decay": 0.9,
    "log_every": max(1, STEPS // 20),
    "eval_every": 0,
}


def command(*words):
    """Run it as a terminal would, from the checkout; its last lines."""
    ran = subprocess.run(
        [sys.executable, "-m", *map(str, words)], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert not ran.returncode, ran.stdout + ran.stderr
    print("\n".join(ran.stdout.splitlines()[-6:]))


command(
    "train.main",
    f"--config={CHECKOUT / 'configs/hcfssnet.py'}:{experiment}",
    f"--workdir={folder / 'run'}",
    *(f"--config.{name}={value}" for name, value in settings.items()),
)

# %%
lines = [json.loads(line) for line in (folder / "run/metrics.jsonl").read_text().splitlines()]
lines = [line for line in lines if line["kind"] == "train"]
steps = [line["step"] for line in lines]

figure, plots = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
for plot, name in zip(plots, ("loss", "bpp", "psnr"), strict=True):
    plot.plot(steps, [line[name] for line in lines], "o-", markersize=3)
    plot.set(xlabel="step", title=f"{name} of training crops")
    plot.grid(alpha=0.3)
figure.savefig(PICTURES / "train-curves.webp", pil_kwargs={"quality": 90})

# %% [markdown]
# The start is no noise: `tiny` adds what it learned to a complete DCT, so an untrained one is a poor transform
# codec already, and what falls first are the bits, as the entropy model finds out what its latents are like.
#
# ## Export and load
#
# The package holds the averaged weights, the config and the coder's tables: all that either side of a file needs.

# %%
command("train.export", folder / "run", folder / "toy.safetensors", "--dtype=float32")
codec = hcfss_jax.load(folder / "toy.safetensors")

# %% [markdown]
# ## Compress what it never saw
#
# The upper left quarter of the sample photo, through a file and back, beside a JPEG of nearly its size.

# %%
unseen = photo.crop((0, 0, 256, 256))
original = np.asarray(unseen)
encoded = codec.encode(unseen)
restored = np.asarray(codec.decompress(encoded.data).convert("RGB"))

jpegs = []
for quality in range(1, 96):
    file = io.BytesIO()
    unseen.save(file, "JPEG", quality=quality, optimize=True)
    jpegs.append(file.getvalue())
jpeg = min(jpegs, key=lambda file: abs(len(file) - len(encoded.data)))

shown = {
    "original": (original, 3 * 256 * 256),
    "the toy": (restored, len(encoded.data)),
    "JPEG": (np.asarray(Image.open(io.BytesIO(jpeg))), len(jpeg)),
}
figure, plots = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
for plot, (name, (image, size)) in zip(plots, shown.items(), strict=True):
    told = "" if name == "original" else f", {psnr(original, image):.2f} dB"
    plot.imshow(image)
    plot.set(title=name, xlabel=f"{size:,} bytes{told}", xticks=[], yticks=[])
figure.savefig(PICTURES / "train-pictures.webp", pil_kwargs={"quality": 90})

# %% [markdown]
# As said, a toy: of the sample photo JPEG has 34.46 dB where this has 33.59. The decoder makes exactly the
# picture that the encoder foresaw: that is the codec's doing, and holds of a toy as of any weights. How good the
# picture is, is the training's.

# %%
print("exactly the picture foreseen:", np.array_equal(restored, encoded.x_hat))
