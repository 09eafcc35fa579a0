"""How fast the parts are, each against a baseline of its own in the same run; `python -m benchmarks.NAME`."""
