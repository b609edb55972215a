"""What the command line's tests start from."""

from __future__ import annotations

from tests.engine.conftest import bench

__all__ = ["bench"]
