"""Figures, measured. ``python -m benchmarks`` runs every one; each module is one question."""
