"""The runtime of countermand. It knows no portal and no shop by name."""

__version__ = "0.1.0"
