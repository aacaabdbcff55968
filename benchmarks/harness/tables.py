"""Tables of a document, written from results.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; what is between them is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_TABLE = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def filled(page: str, table: Callable[[str], Sequence[str] | None]) -> str:
    """The page with its tables made anew.

    Args:
        page: the document's text.
        table: name of a table -> its lines; None = it stays as it is.
    """

    def made(found: re.Match[str]) -> str:
        lines = table(found[2])
        return found[0] if lines is None else found[1] + "\n".join([*lines, found[3]])

    return _TABLE.sub(made, page)
