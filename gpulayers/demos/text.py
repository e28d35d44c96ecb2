"""A character-level LSTM that learns English from the manual in every CPython, pydoc_data.topics."""

import math
import re
import time
from collections import Counter

import numpy as np

import gpulayers
from gpulayers import layers
from gpulayers.demos import options
from gpulayers.tables import print_table

LENGTH = 64  # characters of a training sequence
RATE = 8e-3  # of Adam at the beginning
UNKNOWN = "\ufffd"


def read_manual(seed, held_out=0.1):
    """(training text, held-out text): whole topics on either side.

    Paragraphs of prose only, those that end as sentences do, one a line; each once: some topics hold others.
    """
    from pydoc_data.topics import topics

    seen, texts = set(), []
    for name in sorted(topics):
        paragraphs = (" ".join(paragraph.split()) for paragraph in topics[name].split("\n\n"))
        new = [
            text
            for text in dict.fromkeys(paragraphs)
            if re.search(r"[a-z)\"*][.:]$", text) and text not in seen
        ]
        seen.update(new)
        texts.append("".join(text + "\n" for text in new))
    order = np.random.default_rng(seed).permutation(len(texts))
    sizes = np.cumsum([len(texts[number]) for number in order])
    first = int(np.searchsorted(sizes, held_out * sizes[-1])) + 1
    parts = order[first:], order[:first]
    return tuple("".join(texts[number] for number in part) for part in parts)


def with_alphabet(training, other, least=5):
    """(training, other, alphabet); what training has fewer than `least` times becomes UNKNOWN."""
    counts = Counter(training)
    alphabet = sorted(character for character, count in counts.items() if count >= least) + [UNKNOWN]
    rare = {ord(character): UNKNOWN for character in set(training + other) - set(alphabet)}
    return training.translate(rare), other.translate(rare), "".join(alphabet)


def order_2_entropy(text):
    """The empirical conditional entropy, in bits, of a character given the two before it.

    The counts are those of the same text: no order-2 model can encode this text in less.
    """
    triples = Counter(zip(text, text[1:], text[2:]))
    pairs = Counter(zip(text[:-1], text[1:-1]))
    bits = sum(count * math.log2(pairs[triple[:2]] / count) for triple, count in triples.items())
    return bits / (len(text) - 2)


class OrderTwoModel:
    """Predicts a character from the two before it, by the counts of a text.

    Witten-Bell smoothing: each order is mixed with the next lower one, by how many different characters have
    followed the context; order 0 with the uniform distribution. (I. Witten and T. Bell, The zero-frequency
    problem, 1991.)
    """

    def __init__(self, text, alphabet_size):
        self._size = alphabet_size
        self._counts = [Counter(zip(*(text[start:] for start in range(order + 1)))) for order in range(3)]
        self._totals, self._kinds = Counter(), Counter()
        for counts in self._counts:
            for window, count in counts.items():
                self._totals[window[:-1]] += count
                self._kinds[window[:-1]] += 1

    def probability(self, character, context):
        """Of the character after the context, a tuple of up to two characters."""
        lower = self.probability(character, context[1:]) if context else 1 / self._size
        total, kinds = self._totals[context], self._kinds[context]
        if not total:
            return lower
        return (self._counts[len(context)][(*context, character)] + kinds * lower) / (total + kinds)

    def bits_per_character(self, text):
        """The mean of -log2 of the probabilities of all characters but the first two."""
        triples = Counter(zip(text, text[1:], text[2:]))
        bits = sum(-count * math.log2(self.probability(c, (a, b))) for (a, b, c), count in triples.items())
        return bits / (len(text) - 2)


def sequences(text, alphabet, length):
    """(inputs, targets), int32 (n, length): neighbouring pieces of the text, and those one character on."""
    numbers = {character: number for number, character in enumerate(alphabet)}
    ids = np.fromiter((numbers[character] for character in text), np.int32)
    count = (len(ids) - 1) // length
    return ids[: count * length].reshape(count, length), ids[1 : count * length + 1].reshape(count, length)


class FallingRate(gpulayers.callbacks.Callback):
    """Lowers the learning rate from epoch to epoch, along half a cosine, to 0 after the last."""

    def __init__(self, rate, epochs):
        super().__init__()
        self.rate, self.epochs = rate, epochs

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2


def network(alphabet_size, units):
    """The language model, ready for training."""
    model = gpulayers.Sequential(
        [
            gpulayers.Input((None,), dtype="int32"),
            layers.Embedding(alphabet_size, 48),
            layers.LSTM(units, return_sequences=True),
            layers.Dropout(0.2),
            layers.Dense(alphabet_size),
        ]
    )
    model.compile(
        optimizer=gpulayers.optimizers.Adam(RATE),
        loss=gpulayers.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def bits_per_character(model, inputs, targets):
    """The mean of -log2 of the probabilities that the model gives to the targets."""
    return model.evaluate(inputs, targets, batch_size=32, verbose=0) / math.log(2)


def sample(model, alphabet, prompt, count, temperature, seed):
    """`count` characters that the model writes after the prompt; a low temperature makes it careful."""
    random = np.random.default_rng(seed)
    text = prompt
    while len(text) < len(prompt) + count:
        ids = np.array([[alphabet.index(character) for character in text[-LENGTH:]]], np.int32)
        logits = np.asarray(model.predict_on_batch(ids))[0, -1].astype(np.float64) / temperature
        logits[alphabet.index(UNKNOWN)] = -np.inf
        chances = np.exp(logits - logits.max())
        text += alphabet[random.choice(len(alphabet), p=chances / chances.sum())]
    return text


def main(arguments=()):
    """Trains, prints bits per character against both baselines, and a sample; returns the exit code."""
    parser = options.parser("text", __doc__, epochs=12)
    parser.add_argument("--units", type=int, default=192, help="of the LSTM (default %(default)s)")
    parser.add_argument("--temperature", type=float, default=0.5, help="of the sample (default %(default)s)")
    parser.add_argument("--prompt", default="The ", help="what the sample begins with (default %(default)r)")
    chosen = parser.parse_args(arguments)
    if chosen.temperature <= 0:
        parser.error(f"--temperature must be above 0. Received: {chosen.temperature}")
    training, held_out, alphabet = with_alphabet(*read_manual(chosen.seed))
    if set(chosen.prompt) - set(alphabet) or not chosen.prompt:
        parser.error(f"--prompt must be made of characters of the manual. Received: {chosen.prompt!r}")
    device = options.start(chosen)
    print(
        f"{len(training)} characters to learn from, {len(held_out)} held out, {len(alphabet)} different ones"
    )
    model = network(len(alphabet), chosen.units)
    begin = time.perf_counter()
    model.fit(
        *sequences(training, alphabet, LENGTH),
        batch_size=16,
        epochs=chosen.epochs,
        callbacks=[FallingRate(RATE, chosen.epochs)],
    )
    seconds = time.perf_counter() - begin
    reached = bits_per_character(model, *sequences(held_out, alphabet, LENGTH))
    rows = [
        (f"LSTM with {chosen.units} units, {model.count_params()} parameters", f"{reached:.3f}"),
        (
            "baseline: order-2 model of the training text, Witten-Bell smoothing, on the same held-out text",
            f"{OrderTwoModel(training, len(alphabet)).bits_per_character(held_out):.3f}",
        ),
        (
            "baseline: order-2 entropy of the whole text, by its own counts (plain, no smoothing)",
            f"{order_2_entropy(training + held_out):.3f}",
        ),
        (
            "for comparison: order-2 entropy of the held-out text alone, by its own counts",
            f"{order_2_entropy(held_out):.3f}",
        ),
    ]
    print_table("Bits per character, held-out text", ("", "bits"), rows)
    print(sample(model, alphabet, chosen.prompt, 300, chosen.temperature, chosen.seed).replace("\n", " "))
    print(f"Trained {chosen.epochs} epochs in {seconds:.0f} s on {device!r}")
    return 0
