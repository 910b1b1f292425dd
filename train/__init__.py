"""Training programs; they run from a checkout: `python -m train.main`, `python -m train.export`."""
