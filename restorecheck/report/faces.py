"""The faces of one report, with their file suffixes. This is the only list.

A face NAME is `report/NAME.py` with `render(report, past)`; the first two and `junit`, `html` need more.
"""

SUFFIXES = {
    "text": "txt",
    "json": "json",
    "markdown": "md",
    "junit": "xml",
    "html": "html",
}
