"""A codec of its own, outside of hcfss_jax: trained, exported, coded and measured by the programs of that."""
