"""Keeps flags whole on the pages of the site: browsers end a line after any hyphen, those of `--flag` too."""

import re
from typing import Any

CODE = re.compile(r"<code>([^<]*)</code>")
FLAG = re.compile(r"(--[\w-]+)")


def on_page_content(html: str, **_: Any) -> str:
    """Wrap every flag of code within text, so that the style sheet can hold it together."""
    return CODE.sub(lambda code: FLAG.sub(r'<span class="flag">\1</span>', code[0]), html)
