"""Texts as sequences of word numbers. Behaves, and writes its JSON, as Keras 2's Tokenizer."""

import json
from collections import Counter, OrderedDict, defaultdict

import numpy as np

from ..arguments import flag
from ..ops.spatial import integer
from ..registry import reading

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")
_INTEGER_KEYS = ("index_docs", "index_word")  # JSON has only strings as keys
_TABLES = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")


def _check_splitting(filters, split):
    for name, value in (("filters", filters), ("split", split)):
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a string. Received: {value!r}")
    if not split:
        raise ValueError("split must not be empty. Received: ''")


def text_to_word_sequence(text, filters=FILTERS, lower=True, split=" "):
    """The words of a text: characters of `filters` count as `split`, empty words are left out."""
    _check_splitting(filters, split)
    if not isinstance(text, str):
        raise TypeError(f"A text must be a string. Received: {text!r}")
    if flag(lower, "lower"):
        text = text.lower()
    text = text.translate(str.maketrans({character: split for character in filters}))
    return [word for word in text.split(split) if word]


class Tokenizer:
    """Numbers the words of texts from 1, most frequent first; 0 is left free for padding.

    Args:
        num_words: only numbers below it are given out: the `num_words - 1` most frequent words. None: all.
        filters: characters that separate words.
        lower: whether to put texts in lower case.
        split: separator of words.
        char_level: every character is a word; `filters` and `split` do not matter.
        oov_token: stands for words that were not seen (number 1). None: such words are left out.
        analyzer: called with a text, returns its words, in place of filters, lower and split.

    Attributes:
        word_counts: word -> occurrences, in order of first appearance.
        word_docs: word -> number of texts that hold it; `index_docs` the same by number.
        word_index, index_word: word -> number, number -> word; all words, whatever num_words is.
        document_count: texts seen.
    """

    def __init__(
        self,
        num_words=None,
        filters=FILTERS,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        analyzer=None,
        *,
        document_count=0,
    ):
        _check_splitting(filters, split)
        if oov_token is not None and not isinstance(oov_token, str):
            raise TypeError(f"oov_token must be a string or None. Received: {oov_token!r}")
        if analyzer is not None and not callable(analyzer):
            raise TypeError(f"analyzer must be a function or None. Received: {analyzer!r}")
        self.num_words = None if num_words is None else integer(num_words, "num_words")
        self.filters, self.lower, self.split = filters, flag(lower, "lower"), split
        self.char_level, self.oov_token, self.analyzer = flag(char_level, "char_level"), oov_token, analyzer
        self.document_count = integer(document_count, "document_count")
        self.word_counts = OrderedDict()
        self.word_docs, self.index_docs = defaultdict(int), defaultdict(int)
        self.word_index, self.index_word = {}, {}

    def _words(self, text):
        """A text's words; a list is taken as words already."""
        if isinstance(text, list):
            for word in text:
                if not isinstance(word, str):
                    raise TypeError(f"A word must be a string. Received: {word!r}")
            return [word.lower() for word in text] if self.lower else text
        if not isinstance(text, str):
            raise TypeError(f"A text must be a string or a list of words. Received: {type(text).__name__}")
        if self.char_level:
            return text.lower() if self.lower else text
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    @staticmethod
    def _each(texts):
        if isinstance(texts, str):
            raise TypeError(f"Expected a list of texts, not one text. Received: {texts!r}")
        if not hasattr(texts, "__iter__") or not getattr(texts, "ndim", 1):
            raise TypeError(f"Expected a list of texts. Received: {texts!r}")
        return texts

    @staticmethod
    def _numbers(sequences):
        """The sequences as a list of lists of integers."""
        if not hasattr(sequences, "__iter__") or isinstance(sequences, (str, bytes, dict)):
            raise TypeError(f"Expected a list of sequences of numbers. Received: {sequences!r}")
        if not getattr(sequences, "ndim", 2) > 1:
            raise TypeError(f"Expected a list of sequences of numbers. Received: {sequences!r}")
        found = []
        for sequence in sequences:
            if not hasattr(sequence, "__iter__") or isinstance(sequence, (str, bytes)):
                raise TypeError(f"Expected a sequence of numbers. Received: {sequence!r}")
            found.append([integer(number, "The number of a word", -(2**63)) for number in sequence])
        return found

    def fit_on_texts(self, texts):
        """Adds the words of the texts (strings, or lists of words) and numbers all words anew."""
        for words in [self._words(text) for text in self._each(texts)]:
            self.document_count += 1
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in dict.fromkeys(words):  # unlike a set, in the same order in every process
                self.word_docs[word] += 1
        by_frequency = sorted(self.word_counts, key=self.word_counts.get, reverse=True)
        vocabulary = [*([] if self.oov_token is None else [self.oov_token]), *by_frequency]
        self.word_index = {word: number for number, word in enumerate(vocabulary, 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        self.index_docs.update((self.word_index[word], count) for word, count in self.word_docs.items())

    def fit_on_sequences(self, sequences):
        """Counts, for `sequences_to_matrix` in mode "tfidf", how many sequences hold each number."""
        sequences = self._numbers(sequences)
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] += 1

    def _limited(self, number):
        """The number that stands for a word, given its number in word_index or None: itself, that of
        oov_token, or None."""
        if number is not None and not (self.num_words and number >= self.num_words):
            return number
        return self.word_index.get(self.oov_token)

    def texts_to_sequences_generator(self, texts):
        """Yields the list of numbers of each text."""
        for text in self._each(texts):
            numbers = (self._limited(self.word_index.get(word)) for word in self._words(text))
            yield [number for number in numbers if number is not None]

    def texts_to_sequences(self, texts):
        """The lists of numbers of the texts; words that have none are left out, or stand as oov_token's."""
        return list(self.texts_to_sequences_generator(texts))

    def sequences_to_texts_generator(self, sequences):
        """Yields the words of each sequence, joined by spaces."""
        for sequence in self._numbers(sequences):
            numbers = (self._limited(number if number in self.index_word else None) for number in sequence)
            yield " ".join(self.index_word[number] for number in numbers if number is not None)

    def sequences_to_texts(self, sequences):
        """The words of the sequences, joined by spaces."""
        return list(self.sequences_to_texts_generator(sequences))

    def texts_to_matrix(self, texts, mode="binary"):
        """`sequences_to_matrix` of the texts' sequences."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """One row for each sequence, one column for each number.

        Args:
            sequences: lists of numbers.
            mode: "binary" (1 where the number occurs), "count", "freq" (count / length of the sequence), or
                "tfidf": (1 + log count) * log(1 + document_count / (1 + texts that hold the word)).

        Returns:
            A float64 array (len(sequences), num_words, or number of words + 1).

        Raises:
            ValueError: an unknown mode, a negative number, or nothing was fitted.
        """
        sequences = self._numbers(sequences)
        if not isinstance(mode, str) or mode not in _MODES:
            raise ValueError(f"mode must be one of {', '.join(map(repr, _MODES))}. Received: {mode!r}")
        columns = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not columns:
            raise ValueError(
                "The number of columns is unknown: set num_words, or call fit_on_texts. Received: neither"
            )
        if mode == "tfidf" and not self.document_count:
            raise ValueError(
                "Mode 'tfidf' needs fit_on_texts or fit_on_sequences first. Received: no documents"
            )
        matrix = np.zeros((len(sequences), columns))
        for row, sequence in zip(matrix, sequences):
            for number, count in Counter(sequence).items():
                if number < 0:
                    raise ValueError(f"Numbers of words must not be negative. Received: {number}")
                if number < columns:
                    row[number] = self._weight(mode, number, count, len(sequence))
        return matrix

    def _weight(self, mode, number, count, length):
        if mode == "tfidf":
            holding = self.index_docs.get(number, 0)
            return (1 + np.log(count)) * np.log(1 + self.document_count / (1 + holding))
        return {"binary": 1, "count": count, "freq": count / length}[mode]

    def get_config(self):
        """Settings and tables; the tables as JSON texts. The analyzer, a function, is not among them."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        return {
            **{name: getattr(self, name) for name in names},
            **{name: json.dumps(getattr(self, name)) for name in _TABLES},
        }

    def to_json(self, **kwargs):
        """The tokenizer as JSON text; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string):
    """The Tokenizer that `to_json` wrote, here or in Keras 2.

    Raises:
        ValueError: not the JSON of a Tokenizer.
    """
    with reading("Tokenizer", json_string):
        return _read(json.loads(json_string), json_string)


def _read(content, json_string):
    if not isinstance(content, dict) or content.get("class_name") != "Tokenizer" or "config" not in content:
        raise ValueError(f"Expected the JSON of a Tokenizer. Received: {str(json_string)[:80]}")
    config = dict(content["config"])
    tables = {name: json.loads(config.pop(name)) for name in _TABLES}
    for name in _INTEGER_KEYS:
        tables[name] = {int(number): entry for number, entry in tables[name].items()}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = OrderedDict(tables["word_counts"])
    tokenizer.word_docs = defaultdict(int, tables["word_docs"])
    tokenizer.index_docs = defaultdict(int, tables["index_docs"])
    tokenizer.word_index, tokenizer.index_word = tables["word_index"], tables["index_word"]
    return tokenizer
