"""Lines of columns: how they are cut, which column is the token, and which lines are none."""

import re

DOCUMENT_START = "-DOCSTART-"
NEW_DOCUMENT = re.compile(r"#\s*newdoc\b(?:\s+id)?(?:\s*=\s*(.*))?")
SENTENCE_ID = re.compile(r"#\s*sent_id\s*=\s*(.*)")
NAMED = re.compile(r"#\s*(?:newdoc\b|newpar\b|[\w.:-]+(?:\s+id)?\s*=(?:\s|$))")
"""Comments that say a value of something."""


class Layout:
    """Separator, number of columns, and which are token and tag."""

    def __init__(self, uses_tab: bool, width: int, token: int, tag: int) -> None:
        self.uses_tab = uses_tab
        self.width = width
        self.token = token
        self.tag = tag
        self.others = [index for index in range(width) if index not in (token, tag)]

    def split(self, line: str) -> list[str]:
        """The columns of a line."""
        return split_columns(line, self.uses_tab)

    def starts_document(self, fields: list[str]) -> bool:
        """Whether a line is the mark between documents, which may have fewer columns than tokens."""
        return DOCUMENT_START in (fields[0], fields[min(self.token, len(fields) - 1)])

    def is_comment(self, line: str, fields: list[str]) -> bool:
        """Whether a line before a sentence that begins with `#` is a comment; the rule is in `conll.py`."""
        is_token = len(fields) == self.width
        if self.uses_tab:
            return not is_token and (line[1:2] in ("", " ") or NAMED.match(line) is not None)
        return NAMED.match(line) is not None or (not is_token and line[1:2] in ("", " "))


def may_be_no_token(line: str) -> bool:
    """Whether a line is blank or, while it is not known how many columns a token has, may be a comment or a mark."""
    return not line.strip() or line == "#" or line.startswith(("# ", DOCUMENT_START)) or NAMED.match(line) is not None


def split_columns(line: str, uses_tab: bool) -> list[str]:
    """The columns of a line."""
    # Not str.split(): a token may be, or hold, white space of other kinds.
    fields = line.split("\t" if uses_tab else " ")
    return fields if uses_tab or "" not in fields else [field for field in fields if field]
