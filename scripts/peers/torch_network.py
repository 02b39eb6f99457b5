"""The network of the PyTorch worker, and its batches."""

from typing import NamedTuple

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn.utils import rnn  # pyright: ignore[reportMissingImports]
from torch_ids import Ids, Indexed
from torchcrf import CRF  # pyright: ignore[reportMissingImports]


class Batch(NamedTuple):
    """Integers on the device; times first."""

    words: "torch.Tensor"
    """Of the real tokens in packed order, or [time, batch]."""
    chars: "torch.Tensor"
    sizes: "torch.Tensor | None"
    """Of `PackedSequence`; None where the batch is a rectangle."""
    tags: "torch.Tensor"
    mask: "torch.Tensor"
    lengths: list[int]


def make_batch(sentences: list[Indexed], device: str, length: int | None = None) -> Batch:
    """Sentences, longest first; padded to `length` where it is given."""
    lengths = [len(sentence.words) for sentence in sentences]
    padding = 0 if length is None else length - lengths[0]

    def padded(arrays: list) -> "torch.Tensor":
        tensor = rnn.pad_sequence([torch.as_tensor(array, dtype=torch.long) for array in arrays])
        return torch.cat([tensor, tensor.new_zeros(padding, *tensor.shape[1:])]) if padding else tensor

    words, tags = padded([sentence.words for sentence in sentences]), padded([sentence.tags for sentence in sentences])
    longest = max(len(word) for sentence in sentences for word in sentence.chars)
    chars = padded([[[*word, *[0] * (longest - len(word))] for word in sentence.chars] for sentence in sentences])
    mask, sizes = torch.arange(len(words))[:, None] < torch.tensor(lengths), None
    if length is None:
        words, sizes = rnn.pack_padded_sequence(words, lengths)[:2]
        chars = rnn.pack_padded_sequence(chars, lengths).data
    move = (part.to(device) for part in (words, chars, tags, mask))
    words, chars, tags, mask = move
    return Batch(words, chars, sizes, tags, mask, lengths)


class Network(nn.Module):
    """The tagger."""

    def __init__(self, ids: Ids, head: str, hidden: int = 256) -> None:
        super().__init__()
        self.words, self.chars = nn.Embedding(len(ids.words) + 2, 100), nn.Embedding(len(ids.chars) + 2, 30)
        self.filters = nn.Conv1d(30, 50, 3, padding=1)
        self.lstm = nn.LSTM(150, hidden, bidirectional=True)
        self.dropout = nn.Dropout(0.5)
        self.emit = nn.Linear(2 * hidden, len(ids.tags))
        self.crf = CRF(len(ids.tags)) if head == "crf" else None

    def emissions(self, batch: Batch) -> "torch.Tensor":
        """[time, batch, tags]"""
        chars = self.chars(batch.chars.flatten(0, -2)).transpose(1, 2)
        chars = self.filters(chars).amax(2).view(*batch.words.shape, -1)
        features = self.dropout(torch.cat([self.words(batch.words), chars], -1))
        if batch.sizes is None:
            return self.emit(self.dropout(self.lstm(features)[0]))
        states = self.lstm(rnn.PackedSequence(features, batch.sizes))[0]
        return rnn.pad_packed_sequence(states._replace(data=self.emit(self.dropout(states.data))))[0]

    def loss(self, batch: Batch) -> "torch.Tensor":
        """Nats a token."""
        emissions = self.emissions(batch)
        if self.crf is not None:
            return -self.crf(emissions, batch.tags, batch.mask, reduction="token_mean")
        return nn.functional.cross_entropy(emissions[batch.mask], batch.tags[batch.mask])

    def decode(self, batch: Batch) -> list[list[int]]:
        """Tag ids of each sentence."""
        emissions = self.emissions(batch)
        if self.crf is not None:
            return self.crf.decode(emissions, batch.mask)
        best = emissions.argmax(2).T.tolist()
        return [row[:length] for row, length in zip(best, batch.lengths, strict=True)]
