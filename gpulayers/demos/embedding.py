"""An embedding against a one-hot input: which package of the library is a docstring's sentence from?"""

import ast
import re
import sysconfig
import time
from collections import Counter
from pathlib import Path

import numpy as np

import gpulayers
from gpulayers import layers
from gpulayers.demos import options
from gpulayers.preprocessing.sequence import pad_sequences
from gpulayers.preprocessing.text import Tokenizer
from gpulayers.tables import print_table

PACKAGES = 10  # those with the most sentences
WORDS = 2000  # the vocabulary
NOT_TAUGHT = {
    "site-packages",
    "dist-packages",
    "test",
    "ensurepip",
    "lib2to3",
    "distutils",
    "idlelib",
    "turtledemo",
}
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstrings(path):
    """The docstrings of a source file, which is parsed and not run."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # the library keeps broken files to test its parser
        return []
    found = (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, _WITH_DOCSTRING))
    return [text for text in found if text]


def sentences(docstring):
    """Its sentences of at least four words, as lower-case words."""
    for sentence in re.split(r"(?<=[.!?:])\s+(?=[A-Z])|\n\s*\n", docstring):
        words = re.findall(r"[a-z]+", sentence.lower())
        if len(words) >= 4:
            yield " ".join(words)


def read_library():
    """(names of the packages, [(number of the package, sentences of one docstring)]).

    Every sentence once; one that two packages share is left out, for it belongs to neither.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    found, packages_of = [], {}
    for file in sorted(folder.glob("*/**/*.py")):
        parts = file.relative_to(folder).parts
        if parts[0] in NOT_TAUGHT or {"test", "tests"} & set(parts):
            continue
        for docstring in docstrings(file):
            own = [sentence for sentence in sentences(docstring) if sentence not in packages_of]
            for sentence in sentences(docstring):
                packages_of.setdefault(sentence, set()).add(parts[0])
            found.append((parts[0], list(dict.fromkeys(own))))
    found = [(package, [s for s in own if len(packages_of[s]) == 1]) for package, own in found]
    sizes = Counter()
    for package, own in found:
        sizes[package] += len(own)
    names = sorted(package for package, _ in sizes.most_common(PACKAGES))
    return names, [(names.index(package), own) for package, own in found if own and package in names]


def split(docs, seed, held_out=0.2):
    """((sentences, labels), (held-out sentences, labels)): all sentences of a docstring are on one side."""
    order = np.random.default_rng(seed).permutation(len(docs))
    first = int(held_out * len(docs))
    for part in (order[first:], order[:first]):
        pairs = [(sentence, docs[number][0]) for number in part for sentence in docs[number][1]]
        yield [sentence for sentence, _ in pairs], np.array([label for _, label in pairs], np.int32)


class OneHot(layers.Layer):
    """Numbers as one-hot rows: (n, length) -> (n, length, size)."""

    converts_integers = False

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def forward(self, inputs, training=True):
        rows = self.device.array_module.eye(self.size, dtype=self.dtype)
        return rows[inputs], lambda grad_output: None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.size)


def one_hot_network(length, classes):
    """One-hot words, each position with weights of its own."""
    return gpulayers.Sequential(
        [
            gpulayers.Input((length,), dtype="int32"),
            OneHot(WORDS),
            layers.Flatten(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def embedding_network(length, classes):
    """Words as vectors of 16, averaged over the sentence."""
    return gpulayers.Sequential(
        [
            gpulayers.Input((length,), dtype="int32"),
            layers.Embedding(WORDS, 16, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def train(model, training, held_out, epochs, learning_rate):
    """(parameters, held-out accuracy, seconds)."""
    model.compile(
        optimizer=gpulayers.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    begin = time.perf_counter()
    model.fit(*training, batch_size=64, epochs=epochs)
    seconds = time.perf_counter() - begin
    return model.count_params(), model.evaluate(*held_out, batch_size=64, verbose=0)[1], seconds


def main(arguments=()):
    """Trains both, and prints parameters, accuracy and time; returns the exit code."""
    chosen = options.parser("embedding", __doc__, epochs=15).parse_args(arguments)
    device = options.start(chosen)
    names, docs = read_library()
    (texts, labels), (other_texts, other_labels) = split(docs, chosen.seed)
    tokenizer = Tokenizer(num_words=WORDS, oov_token="<other>")
    tokenizer.fit_on_texts(texts)
    numbers, other_numbers = tokenizer.texts_to_sequences(texts), tokenizer.texts_to_sequences(other_texts)
    length = int(np.percentile([len(sequence) for sequence in numbers], 95))
    training = pad_sequences(numbers, length, padding="post", truncating="post"), labels
    held_out = pad_sequences(other_numbers, length, padding="post", truncating="post"), other_labels
    print(f"{len(texts)} sentences to learn from, {len(other_texts)} held out; packages: {', '.join(names)}")
    print(f"Length of a sequence, the 95th percentile: {length} words")
    networks = {
        "one-hot + Dense": (one_hot_network, 3e-3),
        "Embedding + average + Dense": (embedding_network, 1e-2),
    }
    results = {}
    for name, (network, rate) in networks.items():
        print(name, flush=True)
        results[name] = train(network(length, len(names)), training, held_out, chosen.epochs, rate)
    rows = [
        (name, f"{count:,}", f"{right:.1%}", f"{seconds:.1f} s")
        for name, (count, right, seconds) in results.items()
    ]
    print_table(
        "Which package is the sentence from?", ("input", "parameters", "held-out accuracy", "time"), rows
    )
    (many, before, _), (few, after, _) = results.values()
    print(f"The embedding has {1 - few / many:.1%} fewer parameters.")
    print(f"Held-out accuracy: {before:.1%} -> {after:.1%}")
    print(f"The most frequent package alone: {np.bincount(other_labels).max() / len(other_labels):.1%}.")
    print(f"Trained on {device!r}")
    return 0
