"""
What people would use instead, each written as a competent person would, and ours beside it.

All withdraw the same way: My Orders, search, Details, Cancel order, reason, Submit, Confirm, until the portal says that it has the request.
"""

from __future__ import annotations

from benchmarks.peers.floor import FLOOR, FLOOR_ONE_TAB
from benchmarks.peers.ours import DEFAULT, LEAN, OFF, TRACED
from benchmarks.peers.place import Peer
from benchmarks.peers.robot import ROBOT
from benchmarks.peers.script import SCRIPT
from benchmarks.peers.selenium import SELENIUM

PEERS: tuple[Peer, ...] = (FLOOR, FLOOR_ONE_TAB, SCRIPT, SELENIUM, ROBOT, OFF, LEAN, DEFAULT, TRACED)
"""All of them, as they are shown."""

__all__ = ["DEFAULT", "FLOOR", "FLOOR_ONE_TAB", "LEAN", "OFF", "PEERS", "ROBOT", "SCRIPT", "SELENIUM", "TRACED", "Peer"]
