"""A report as one HTML file that needs nothing else: no network, no script. Pure: report in, text out.

Extra `report` (jinja2 for the page, pygal for the charts); imported only where a page is wanted.
"""

from restorecheck.report.html.page import Around, View, render, render_index, render_notice

__all__ = ["Around", "View", "render", "render_index", "render_notice"]
