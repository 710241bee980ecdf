"""A report as one HTML file without network access and scripts. Pure: report in, text out.

Extra `report` (jinja2 for the page, pygal for the charts); imported only to make a page.
"""

from restorecheck.report.html.page import Around, View, render, render_index, render_notice

__all__ = ["Around", "View", "render", "render_index", "render_notice"]
