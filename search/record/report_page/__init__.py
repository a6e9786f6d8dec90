"""The report of a run: one self-contained HTML page."""

from __future__ import annotations

from nassurrogate.search.record.report_page.page import REPORT, report_page, write_report

__all__ = ["REPORT", "report_page", "write_report"]
