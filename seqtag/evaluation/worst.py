"""The worst errors of a part, in colour, in their sentences."""

from collections.abc import Iterator, Sequence

from seqtag.evaluation.prediction_files import Judged
from seqtag.evaluation.span_errors import Match, match_spans
from seqtag.html import escape, style_of
from seqtag.schemes import Span, tags_to_spans

_WORST = 25
"""Sentences shown."""
_LONGEST = 120
"""Tokens of a shown sentence: of a longer one, those around its errors."""
_AROUND = 15
"""Tokens shown to either side of an error in a long sentence."""


def worst_errors(sentences: Sequence[Judged]) -> Iterator[str]:
    """A piece of HTML: the sentences with most errors, gold above predicted; for pages with `seqtag.html.STYLE`."""
    counted = [(len(_wrong(one)) + one.has_wrong_labels, index) for index, one in enumerate(sentences)]
    worst = sorted((-errors, index) for errors, index in counted if errors)[:_WORST]
    if not worst:
        return
    total = sum(errors > 0 for errors, _ in counted)
    yield f"<h3>Worst errors</h3>\n<p>{len(worst):,} of the {total:,} sentences with an error, most errors first.</p>\n"
    for errors, index in worst:
        one, wrong = sentences[index], _wrong(sentences[index])
        shown = _window(one, wrong)
        yield f'<div class="error"><p class="note">sentence {index + 1:,}: {-errors} errors</p>\n'
        for side, tags, labels in (
            ("gold", one.gold, one.gold_labels),
            ("predicted", one.predicted, one.predicted_labels),
        ):
            of_text = "" if labels is None else f" <b>({escape(', '.join(labels) or 'no label')})</b>"
            places = {span for match in wrong if (span := match.gold if side == "gold" else match.predicted)}
            text = _marked(one, places, tags, shown)
            yield f'<div><span class="note">{side}</span><span class="seqtag"><bdi>{text}</bdi>{of_text}</span></div>\n'
        yield "</div>\n"


def _wrong(one: Judged) -> list[Match]:
    if one.gold is None or one.predicted is None:
        return []
    return [match for match in match_spans(one.gold, one.predicted) if match.kind != "correct"]


def _window(one: Judged, wrong: Sequence[Match]) -> list[bool]:
    """Which tokens are shown."""
    length = len(one.tokens)
    if length <= _LONGEST or not wrong:
        return [position < _LONGEST for position in range(length)]
    shown = [False] * length
    for match in wrong:
        for span in match:
            if span is not None:
                for position in range(max(0, span.start - _AROUND), min(length, span.end + _AROUND)):
                    shown[position] = True
    return shown


def _marked(one: Judged, wrong: set[Span], tags: Sequence[str] | None, shown: Sequence[bool]) -> str:
    """The tokens with their spans in colour, wrong ones underlined; … where tokens are left out."""
    spans = {span.start: span for span in tags_to_spans(tags or ())}
    parts, position, is_gap = [], 0, False
    while position < len(one.tokens):
        span = spans.get(position)
        end = span.end if span else position + 1
        if not any(shown[position:end]):
            parts += [] if is_gap else ["…"]
        else:
            text = escape(" ".join(one.tokens[position:end]))
            if span:
                kind = ' class="wrong"' if span in wrong else ""
                label = f"<b>\N{NO-BREAK SPACE}{escape(span.label)}</b>"
                text = f'<mark{kind} style="{style_of(span.label)}">{text}{label}</mark>'
            parts.append(text)
        is_gap = not any(shown[position:end])
        position = end
    return " ".join(parts)
