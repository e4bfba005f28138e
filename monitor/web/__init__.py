"""The built-in dashboard and the HTML report."""

from monitor.web.report import write_report
from monitor.web.server import DashboardServer

__all__ = ["DashboardServer", "write_report"]
