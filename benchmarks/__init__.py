"""Figures, measured. ``python -m benchmarks`` runs the short ones, ``python -m benchmarks.load`` those that take an hour."""
