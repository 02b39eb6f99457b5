"""Flair: a SequenceTagger of the same sizes, trained by its ModelTrainer.

Words are its OneHotEmbeddings (a table of 100 features a word), characters its CharacterEmbeddings (a BiLSTM of 50
features), since the pretrained embeddings that it is used with otherwise have to be downloaded.
"""

import os
import time

import flair  # pyright: ignore[reportMissingImports]
import measuring
import torch  # pyright: ignore[reportMissingImports]
from flair.data import Corpus, Dictionary, Sentence  # pyright: ignore[reportMissingImports]
from flair.datasets import FlairDatapointDataset  # pyright: ignore[reportMissingImports]
from flair.embeddings import (  # pyright: ignore[reportMissingImports]
    CharacterEmbeddings,
    OneHotEmbeddings,
    StackedEmbeddings,
)
from flair.models import SequenceTagger  # pyright: ignore[reportMissingImports]
from flair.trainers import ModelTrainer  # pyright: ignore[reportMissingImports]
from flair.trainers.plugins import TrainerPlugin  # pyright: ignore[reportMissingImports]

SENTENCES_A_SECOND = 150
"""About as many are taken for each second of training asked for."""


class Clock(TrainerPlugin):
    """The time of the training epoch alone."""

    @TrainerPlugin.hook
    def before_training_epoch(self, **_) -> None:
        """Start."""
        self.start = time.perf_counter()

    @TrainerPlugin.hook
    def after_training_epoch(self, **_) -> None:
        """Stop."""
        self.seconds = time.perf_counter() - self.start


def labelled(sentence: measuring.Sentence) -> Sentence:
    """A Sentence of Flair with its spans."""
    result = Sentence(sentence.tokens)
    start = None
    for index, tag in enumerate([*sentence.tags, "O"]):
        if start is not None and not tag.startswith("I-"):
            result[start:index].add_label("ner", sentence.tags[start][2:])
            start = None
        if tag.startswith("B-"):
            start = index
    return result


def train(arguments) -> dict:
    """One epoch on a part of the corpus, saved; word table and tags are those of the whole of it."""
    everything = measuring.read(arguments.corpus / "train.txt")
    wanted = int(SENTENCES_A_SECOND * arguments.seconds)
    chosen = [labelled(sentence) for sentence in everything[:: max(1, len(everything) // wanted)]]
    words, chars = Dictionary(add_unk=True), Dictionary(add_unk=True)
    for token in {token for sentence in everything for token in sentence.tokens}:
        words.add_item(token)
        for char in token:
            chars.add_item(char)
    corpus = Corpus(train=FlairDatapointDataset(chosen), sample_missing_splits=False)
    embeddings = StackedEmbeddings(
        [OneHotEmbeddings(words, embedding_length=100), CharacterEmbeddings(path_to_char_dict=chars)]
    )
    tagger = SequenceTagger(
        embeddings=embeddings,
        tag_dictionary=corpus.make_label_dictionary("ner", add_unk=False),
        tag_type="ner",
        hidden_size=256,
        rnn_layers=1,
        use_crf=True,
        reproject_embeddings=False,
        dropout=0.5,
        word_dropout=0.0,
        locked_dropout=0.0,
    )
    clock = Clock()
    ModelTrainer(tagger, corpus).train(
        arguments.model,
        optimizer=torch.optim.Adam,
        learning_rate=0.002,
        mini_batch_size=arguments.batch,
        max_epochs=1,
        plugins=[clock],
        create_file_logs=False,
        create_loss_file=False,
    )
    tokens = sum(map(len, chosen))
    return {"tokens_per_second": tokens / clock.seconds, "tokens": tokens, "seconds": clock.seconds}


def tag(arguments) -> dict:
    """Time tagging from tokens and from raw text, cut by Flair's own tokenizer."""
    tagger = SequenceTagger.load(arguments.model / "final-model.pt")

    def predict(texts: list) -> list:
        sentences = [Sentence(text) for text in texts]
        tagger.predict(sentences, mini_batch_size=arguments.batch)
        return [sentence.get_spans("ner") for sentence in sentences]

    if arguments.task == "one":
        return {"entities": [str(span) for span in predict([measuring.SENTENCE])[0]]}
    corpus = measuring.read(arguments.corpus / "valid.txt")
    return measuring.tagging(corpus, arguments.seconds, predict, predict)


if __name__ == "__main__":
    arguments = measuring.parse(__doc__)
    flair.device = torch.device(arguments.device)
    torch.set_num_threads(os.cpu_count() or 1)
    measuring.finish((train if arguments.task == "train" else tag)(arguments))
