"""spaCy: the `efficiency` pipeline for ner (hashed embeddings, convolutions, transition parser), with its defaults.

Trained by `nlp.update` on batches of sentences. A transition parser keeps about one core busy.
"""

import itertools

import measuring
import spacy
from spacy.cli.init_config import init_config
from spacy.tokens import Doc
from spacy.training import Example, iob_to_biluo
from spacy.util import load_model_from_config, minibatch

WARM_UP = 3
INITIALIZED_ON = 2000
"""Sentences that labels are collected from."""


def train(arguments) -> dict:
    """Train until the time is up and save."""
    config = init_config(lang="en", pipeline=["ner"], optimize="efficiency", silent=True)
    # Corpora are given as objects, not read from the paths that the configuration leaves open.
    nlp = load_model_from_config(config, auto_fill=True)
    corpus = measuring.read(arguments.corpus / "train.txt")
    examples = [
        Example.from_dict(Doc(nlp.vocab, words=sentence.tokens), {"entities": iob_to_biluo(sentence.tags)})
        for sentence in corpus
    ]
    optimizer = nlp.initialize(lambda: examples[:INITIALIZED_ON])
    batches = itertools.cycle(list(minibatch(examples, arguments.batch)))
    dropout = config["training"]["dropout"]
    for batch in itertools.islice(batches, WARM_UP):
        nlp.update(batch, drop=dropout, sgd=optimizer)
    watch = measuring.Stopwatch(arguments.seconds)
    for batch in batches:
        nlp.update(batch, drop=dropout, sgd=optimizer)
        if watch.add(sum(len(example.reference) for example in batch)):
            break
    result = watch.result()
    nlp.to_disk(arguments.model)
    return result


def tag(arguments) -> dict:
    """Time tagging from tokens (ready-made Docs) and from raw text (spaCy's own tokenizer)."""
    nlp = spacy.load(arguments.model)

    def tokens(texts: list[list[str]]) -> list:
        docs = (Doc(nlp.vocab, words=text) for text in texts)
        return [doc.ents for doc in nlp.pipe(docs)]

    def raw(texts: list[str]) -> list:
        return [doc.ents for doc in nlp.pipe(texts)]

    if arguments.task == "one":
        return {"entities": [str(entity) for entity in raw([measuring.SENTENCE])[0]]}
    corpus = measuring.read(arguments.corpus / "valid.txt")
    return measuring.tagging(corpus, arguments.seconds, tokens, raw)


if __name__ == "__main__":
    arguments = measuring.parse(__doc__)
    measuring.finish((train if arguments.task == "train" else tag)(arguments))
