"""The one shape that every reader ends in.

A split is a `datasets.Dataset` whose rows are sentences. Columns that readers always produce:

- `tokens`: list of strings;
- `tags`: list of IOB2 tags, one per token, well-formed;
- `document_id`: string, or null where the source marks no documents.

Columns where the source has text: `text` (string), `starts` and `ends` (lists of character offsets into `text`, one per
token). `labels` (list of strings) where the source labels whole sentences: one, but with `data.multi_label`. All other
columns of the source are carried along.
"""

from collections import Counter
from dataclasses import dataclass, field

from datasets import Dataset, DatasetDict  # noqa: F401 - run-time type checks of a DatasetDict look for Dataset here

from seqtag.schemes import Scheme

TOKENS, TAGS, DOCUMENT_ID = "tokens", "tags", "document_id"
TEXT, STARTS, ENDS, LABELS = "text", "starts", "ends", "labels"


@dataclass(frozen=True)
class Findings:
    """What reading a split found and changed; nothing else is ever changed."""

    source: str
    """The file or data set split, as it is named to the user."""
    scheme: Scheme | None = None
    """Tag scheme the source is written in; None where it has no tags (character spans, or labels alone)."""
    repaired: int = 0
    """Tags changed to make ill-formed sequences well-formed."""
    misaligned: int = 0
    """Character spans moved to token boundaries."""
    overlapping: int = 0
    """Spans dropped because they overlap one already taken."""
    cut_tokens: int = 0
    """Tokens beyond data.max_sentence_length."""
    left_out: int = 0
    """Rows of a Hub set without tokens, and records that their annotator declined (Prodigy, Label Studio)."""
    untagged: int = 0
    """Sentences without tags in a source that has tags: taken for O throughout."""
    examples: tuple[str, ...] = ()
    """The first few of the above, each with its place, for messages."""

    def counts(self) -> Counter[str]:
        """What was counted, by field."""
        return Counter({name: value for name, value in vars(self).items() if isinstance(value, int)})


@dataclass(frozen=True)
class Corpus:
    """Splits by role (`train`, `validation`, `test`; only those configured) and what reading each one found."""

    splits: DatasetDict
    findings: dict[str, Findings] = field(default_factory=dict)
