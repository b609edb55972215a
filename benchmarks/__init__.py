"""Figures, measured. ``python -m benchmarks`` beside other ways and bars, ``python -m benchmarks.load`` under load, ``python -m benchmarks.check`` two results."""
