"""Training programs; they run from a checkout: `python -m train.main`, `python -m train.export`."""

from hcfss_jax.runtime.extras import need

need("train", "absl", "ml_collections", "grain", "array_record", "tensorboardX")
