"""The report of a cancellation: one self-contained page that a merchant can read, print and attach to a dispute."""

from __future__ import annotations

from agent.report.page import keep_report, write_report

__all__ = ["keep_report", "write_report"]
