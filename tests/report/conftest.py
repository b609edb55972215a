"""What the report's tests start from: a ledger with everything around it pretended, and a browser to read the page with."""

from tests.browser.conftest import chromium
from tests.engine.conftest import bench

__all__ = ["bench", "chromium"]
