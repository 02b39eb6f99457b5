"""PyTorch: word embeddings and character CNN, a packed BiLSTM, pytorch-crf or a softmax; Adam, clipping, dropout.

Nothing is computed for padding: embeddings and character features are made for the packed tokens alone. With `--plan`
batches are those of the plan, padded to its lengths and run as rectangles, as fixed-shape batches are.
"""

import itertools
import json
import os
import random
import sys

import measuring
import torch  # pyright: ignore[reportMissingImports]
from measuring import PIECES, Sentence
from torch import nn  # pyright: ignore[reportMissingImports]
from torch_ids import Ids, Indexed
from torch_network import Batch, Network, make_batch

WARM_UP = 3
"""Batches before the clock starts."""


def by_length(sentences: list[Indexed], size: int) -> list[list[int]]:
    """Positions of sentences of similar length together, longest first in each batch."""
    order = sorted(range(len(sentences)), key=lambda position: -len(sentences[position].words))
    return [order[start : start + size] for start in range(0, len(order), size)]


def train(arguments) -> dict:
    """Train until the time is up and save."""
    corpus = measuring.read(arguments.corpus / "train.txt")
    ids = Ids.of(corpus)
    indexed = [ids.indexed(sentence) for sentence in corpus]
    if arguments.plan:
        groups = [tuple(entry) for entry in json.loads(arguments.plan.read_text())]
        groups = [(sorted(group, key=lambda place: -len(indexed[place].words)), length) for group, length in groups]
    else:
        groups = [(group, None) for group in by_length(indexed, arguments.batch)]
        random.Random(1).shuffle(groups)
    device = arguments.device
    network = Network(ids, arguments.head).to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.002, fused=True)
    # No more than can be trained on, by far.
    groups = groups[: int(200 * arguments.seconds) + WARM_UP]
    batches = [make_batch([indexed[place] for place in group], device, length) for group, length in groups]

    def step(batch: Batch) -> None:
        optimizer.zero_grad(set_to_none=True)
        network.loss(batch).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()

    for batch in batches[:WARM_UP]:
        step(batch)
    wait(device)
    watch = measuring.Stopwatch(arguments.seconds)
    for number, batch in enumerate(itertools.cycle(batches)):
        step(batch)
        if number % 8 == 0:
            wait(device)
        if watch.add(sum(batch.lengths)):
            break
    wait(device)
    result = watch.result()
    arguments.model.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), arguments.model / "weights.pt")
    (arguments.model / "ids.json").write_text(json.dumps(ids._asdict()))
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else None
    return result | {"parameters": sum(part.numel() for part in network.parameters()), "device_memory_bytes": peak}


def wait(device: str) -> None:
    """Until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def load(arguments) -> tuple[Ids, Network]:
    """A trained network."""
    ids = Ids(**json.loads((arguments.model / "ids.json").read_text()))
    network = Network(ids, arguments.head)
    network.load_state_dict(torch.load(arguments.model / "weights.pt", weights_only=True))
    return ids, network.to(arguments.device).eval()


def tag(arguments) -> dict:
    """Time tagging: ids, tokens, raw text."""
    ids, network = load(arguments)
    device = arguments.device

    def tokens(texts: list[list[str]]) -> list[list[str]]:
        indexed = [ids.indexed(Sentence(text, [])) for text in texts]
        found: list[list[str]] = [[]] * len(texts)
        for group in by_length(indexed, arguments.batch):
            for place, row in zip(group, network.decode(make_batch([indexed[p] for p in group], device)), strict=True):
                found[place] = [ids.tags[tag] for tag in row]
        return found

    def raw(texts: list[str]) -> list[list[str]]:
        return tokens([PIECES.findall(text) for text in texts])

    with torch.inference_mode():
        if arguments.task == "one":
            return {"tags": raw([measuring.SENTENCE])[0]}
        corpus = measuring.read(arguments.corpus / "valid.txt")
        indexed = [ids.indexed(sentence) for sentence in corpus]
        groups = by_length(indexed, arguments.batch)
        batches = [make_batch([indexed[place] for place in group], device) for group in groups]
        counts = [sum(batch.lengths) for batch in batches]
        rates = measuring.rate(
            lambda part: [network.decode(batch) for batch in part], batches, counts, arguments.seconds
        )
        return {"ids": rates} | measuring.tagging(corpus, arguments.seconds, tokens, raw)


def main() -> None:
    """Run the task."""
    arguments = measuring.parse(__doc__)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device")
    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(1)
    measuring.finish((train if arguments.task == "train" else tag)(arguments))


if __name__ == "__main__":
    main()
