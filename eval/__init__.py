"""Programs that measure codecs; run from a checkout as `python -m eval.main`."""
