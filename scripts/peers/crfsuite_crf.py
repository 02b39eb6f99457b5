"""python-crfsuite: a linear chain over hand-made features (word, affixes, shape, neighbours), as in its tutorial.

Training is L-BFGS over the whole corpus. Its rate counts the corpus once an iteration and includes making features.
Raw text is cut by a regular expression. One process uses one core.
"""

import time

import measuring
import pycrfsuite  # pyright: ignore[reportMissingImports]

ITERATIONS = 10


def _of_word(word: str, prefix: str) -> list[str]:
    return [
        f"{prefix}word.lower={word.lower()}",
        f"{prefix}word.istitle={word.istitle()}",
        f"{prefix}word.isupper={word.isupper()}",
    ]


def features(tokens: list[str]) -> list[list[str]]:
    """Those of python-crfsuite's CoNLL tutorial, part of speech aside."""
    near = [_of_word(word, "") for word in tokens]
    rows = []
    for index, word in enumerate(tokens):
        row = ["bias", *near[index], f"word[-3:]={word[-3:]}", f"word[-2:]={word[-2:]}", f"digit={word.isdigit()}"]
        row += [f"-1:{name}" for name in near[index - 1]] if index else ["BOS"]
        row += [f"+1:{name}" for name in near[index + 1]] if index + 1 < len(tokens) else ["EOS"]
        rows.append(row)
    return rows


def train(arguments) -> dict:
    """A model of few iterations, on as many sentences as the time allows."""
    corpus = measuring.read(arguments.corpus / "train.txt")
    # The cost of a part tells how much of the corpus fits the time.
    part = corpus[:: max(1, len(corpus) // 300)]
    spent = _fit(part, arguments.model)
    fitting = int(len(part) * arguments.seconds / spent)
    chosen = corpus[:: max(1, round(len(corpus) / fitting))]
    spent = _fit(chosen, arguments.model)
    tokens = ITERATIONS * sum(len(sentence.tokens) for sentence in chosen)
    return {"tokens_per_second": tokens / spent, "tokens": tokens, "seconds": spent}


def _fit(corpus: list[measuring.Sentence], folder) -> float:
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    trainer = pycrfsuite.Trainer(verbose=False)
    for sentence in corpus:
        trainer.append(features(sentence.tokens), sentence.tags)
    trainer.set_params({"c1": 1.0, "c2": 1e-3, "max_iterations": ITERATIONS, "feature.possible_transitions": True})
    trainer.train(str(folder / "model.crfsuite"))
    return time.perf_counter() - start


def tag(arguments) -> dict:
    """Time tagging: features, then from tokens and from raw text."""
    tagger = pycrfsuite.Tagger()
    tagger.open(str(arguments.model / "model.crfsuite"))

    def tokens(texts: list[list[str]]) -> list[list[str]]:
        return [tagger.tag(features(text)) for text in texts]

    def raw(texts: list[str]) -> list[list[str]]:
        return tokens([measuring.PIECES.findall(text) for text in texts])

    if arguments.task == "one":
        return {"tags": raw([measuring.SENTENCE])[0]}
    corpus = measuring.read(arguments.corpus / "valid.txt")
    return measuring.tagging(corpus, arguments.seconds, tokens, raw)


if __name__ == "__main__":
    arguments = measuring.parse(__doc__)
    measuring.finish((train if arguments.task == "train" else tag)(arguments))
