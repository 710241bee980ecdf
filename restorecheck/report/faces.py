"""The faces of one report, and the suffix of a file with each. Nothing else lists them.

A face NAME is `report/NAME.py` with `render(report, past)`; the first two and `junit`, `html` need more.
"""

SUFFIXES = {
    "text": "txt",
    "json": "json",
    "markdown": "md",
    "junit": "xml",
    "html": "html",
}
