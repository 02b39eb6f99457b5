"""Compare seqtag's tokens and sentences of running text with those of a corpus of columns.

    python scripts/tokenizer_agreement.py FILE [--show N] [--token-column N]

The corpus has tokens, not text. The text is a reconstruction: tokens are joined by blanks, left out where treebanks'
conventions say that print has none. Where the original had other spacing, what counts as a disagreement may be none.
Tokens are compared sentence by sentence. Sentence ends are looked for in whole documents, sentences joined by blanks.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from seqtag.config import DataConfig
from seqtag.data.conll import ConllReader
from seqtag.data.example import Ledger
from seqtag.sentences import split_sentences
from seqtag.tokenization import tokenize

Spans = list[tuple[int, int]]

TO_THE_LEFT = set(
    ". , ; : ! ? ) ] } % 's 'S 'm 'M 'd 'D 're 'RE 've 'VE 'll 'LL n't N'T ’s ’d ’m ’ll ’re ’ve n’t ''".split()
)
TO_THE_RIGHT = set("( [ { # ``".split())
CURRENCY = ("$", "£", "€", "¥")
FULL_STOPS = set(". ! ? ... ..".split())


def join(tokens: Sequence[str], is_open: bool = False) -> tuple[str, Spans, bool]:
    """Running text of a sentence, where its tokens are in it, and whether a quotation goes on after it.

    Double quotes open and close by turns, but the first token of a sentence opens and its last one closes.

    Args:
        tokens: of the sentence.
        is_open: whether it begins within a quotation.
    """
    text, spans = "", []
    is_open_single = False
    glued = True
    for index, token in enumerate(tokens):
        to_the_left, to_the_right = token in TO_THE_LEFT or not token.strip("."), token in TO_THE_RIGHT
        if token == '"':
            to_the_left = index > 0 and (is_open or index == len(tokens) - 1)
            is_open = to_the_right = not to_the_left
        elif token == "'":
            # A closing quote, or the apostrophe of a plural's genitive: the boys' house.
            genitive = index > 0 and tokens[index - 1][-1] in "sS" and "'" not in tokens[index + 1 :]
            to_the_left = is_open_single or genitive
            is_open_single = to_the_right = not to_the_left
        elif token == "/":
            to_the_left = to_the_right = True
        elif token.endswith(CURRENCY):
            to_the_right = tokens[index + 1 : index + 2] != [] and tokens[index + 1][0].isdecimal()
        if not (glued or to_the_left):
            text += " "
        spans.append((len(text), len(text) + len(token)))
        text += token
        glued = to_the_right
    return text, spans, is_open


class Agreement(NamedTuple):
    """Counts of what two ways of cutting have in common."""

    gold: int
    found: int
    common: int

    def __str__(self) -> str:
        precision, recall = self.common / max(1, self.found), self.common / max(1, self.gold)
        f1 = 2 * self.common / max(1, self.gold + self.found)
        return f"precision {precision:.4f}, recall {recall:.4f}, F1 {f1:.4f}"


def disagreements(text: str, gold: Spans, found: Spans) -> Iterator[tuple[str, str]]:
    """Places cut differently, as little of the text as possible: the corpus's tokens, and seqtag's."""
    common = set(gold) & set(found)

    def between(spans: Spans) -> dict[int, list[str]]:
        """Tokens not shared, by how many shared ones stand before them."""
        runs: dict[int, list[str]] = {}
        shared = 0
        for start, end in spans:
            if (start, end) in common:
                shared += 1
            else:
                runs.setdefault(shared, []).append(text[start:end])
        return runs

    theirs, ours = between(gold), between(found)
    for place in sorted({*theirs, *ours}):
        yield " ".join(theirs.get(place, [])), " ".join(ours.get(place, []))


def main() -> None:
    """Print the figures of one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="the N most frequent disagreements")
    parser.add_argument("--token-column", type=int, default=0, metavar="N", help="counted from 0")
    arguments = parser.parse_args()

    reader = ConllReader(
        DataConfig(format="conll", path=str(arguments.file.parent), token_column=arguments.token_column)
    )
    ledger = Ledger(str(arguments.file), strict=False)
    gold_count = found_count = common = sentences = equal = 0
    differences: Counter[tuple[str, str]] = Counter()
    # Of sentences: all, and those that end in a full stop; the last of a document is no achievement and not counted.
    ends = split = right = stops = stopped = 0
    for _, examples in groupby(reader.examples(arguments.file.name, ledger), lambda example: example.document_id):
        document, last, is_open = "", {}, False
        for example in examples:
            text, gold, is_open = join(example.tokens, is_open)
            found = tokenize(text)
            sentences += 1
            equal += gold == found
            gold_count += len(gold)
            found_count += len(found)
            common += len(set(gold) & set(found))
            differences.update(disagreements(text, gold, found))
            document = f"{document} {text}" if document else text
            tail = [token for token in example.tokens if token not in ("'", '"', ")", "''")] or [""]
            last[len(document)] = tail[-1] in FULL_STOPS
        offsets = tokenize(document)
        places = {offsets[end - 1][1] for _, end in split_sentences(document, offsets)} - {len(document)}
        last.pop(len(document))
        ends += len(last)
        split += len(places)
        right += len(places & last.keys())
        stops += sum(last.values())
        stopped += sum(last[place] for place in places & last.keys())
    share = equal / max(1, sentences)
    print(f"tokens: {Agreement(gold_count, found_count, common)}; {share:.4f} of {sentences} sentences equal")
    print(
        f"sentence ends: {Agreement(ends, split, right)} of {ends}; "
        f"recall of those after a full stop {stopped / max(1, stops):.4f} of {stops}"
    )
    for (theirs, ours), count in differences.most_common(arguments.show):
        print(f"{count:6}  {theirs}  ->  {ours}")


if __name__ == "__main__":
    main()
