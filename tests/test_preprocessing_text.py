import json
import math

import numpy as np
import pytest

from gpulayers.preprocessing.text import Tokenizer, text_to_word_sequence, tokenizer_from_json

# Words by frequency, ties by first appearance: the (3), cat (2), sat (2), on, mat, dog.
TEXTS = ["The cat sat on the mat.", "The dog -- cat sat!"]
NUMBERS = {"the": 1, "cat": 2, "sat": 3, "on": 4, "mat": 5, "dog": 6}


def fitted(**arguments):
    tokenizer = Tokenizer(**arguments)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


def test_words_of_a_text():
    assert text_to_word_sequence("Hello,  World!\tx_y") == ["hello", "world", "x", "y"]
    assert text_to_word_sequence("Hello World", lower=False) == ["Hello", "World"]
    assert text_to_word_sequence("a-b,c", filters="-", split=",") == ["a", "b", "c"]


def test_tables():
    tokenizer = fitted()
    assert tokenizer.word_index == NUMBERS
    assert tokenizer.index_word == {number: word for word, number in NUMBERS.items()}
    counts = [("the", 3), ("cat", 2), ("sat", 2), ("on", 1), ("mat", 1), ("dog", 1)]
    assert list(tokenizer.word_counts.items()) == counts
    assert tokenizer.word_docs == {"the": 2, "cat": 2, "sat": 2, "on": 1, "mat": 1, "dog": 1}
    assert tokenizer.index_docs == {1: 2, 2: 2, 3: 2, 4: 1, 5: 1, 6: 1}
    assert tokenizer.document_count == 2


def test_fitting_again_adds():
    tokenizer = fitted()
    tokenizer.fit_on_texts(["dog dog dog dog"])
    assert tokenizer.word_index == {"dog": 1, "the": 2, "cat": 3, "sat": 4, "on": 5, "mat": 6}
    assert tokenizer.document_count == 3
    assert tokenizer.index_docs == {1: 2, 2: 2, 3: 2, 4: 2, 5: 1, 6: 1}


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({}, [[1, 2, 6]]),  # "bird" is unknown
        ({"num_words": 3}, [[1, 2]]),  # only 1 and 2 are given out
        ({"oov_token": "?"}, [[2, 3, 1, 7]]),  # all numbers move up by one
        ({"oov_token": "?", "num_words": 4}, [[2, 3, 1, 1]]),
    ],
)
def test_texts_to_sequences(arguments, expected):
    tokenizer = fitted(**arguments)
    assert tokenizer.texts_to_sequences(["the cat bird dog"]) == expected
    assert list(tokenizer.texts_to_sequences_generator(["the cat bird dog"])) == expected


def test_num_words_does_not_shorten_the_index():
    assert fitted(num_words=2).word_index == NUMBERS


@pytest.mark.parametrize(
    "arguments, sequence, expected",
    [
        ({}, [1, 2, 99, 6], "the cat dog"),
        ({"num_words": 3}, [1, 2, 6], "the cat"),
        ({"oov_token": "?"}, [2, 3, 99], "the cat ?"),
        ({"oov_token": "?", "num_words": 3}, [2, 3], "the ?"),
        ({}, np.array([3, 0]), "sat"),
    ],
)
def test_sequences_to_texts(arguments, sequence, expected):
    assert fitted(**arguments).sequences_to_texts([sequence]) == [expected]


def test_letter_case():
    tokenizer = Tokenizer(lower=False)
    tokenizer.fit_on_texts(["The the"])
    assert tokenizer.word_index == {"The": 1, "the": 2}


def test_characters():
    tokenizer = Tokenizer(char_level=True)
    tokenizer.fit_on_texts(["Aab!"])
    assert tokenizer.word_index == {"a": 1, "b": 2, "!": 3}
    assert tokenizer.texts_to_sequences(["b!c"]) == [[2, 3]]


def test_a_list_is_taken_as_words():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts([["New York", "is"], ["is"]])
    assert tokenizer.word_index == {"is": 1, "new york": 2}
    assert tokenizer.texts_to_sequences([["NEW YORK"]]) == [[2]]


def test_analyzer():
    tokenizer = Tokenizer(analyzer=lambda text: text.split("|"))
    tokenizer.fit_on_texts(["A b|c"])
    assert tokenizer.word_index == {"A b": 1, "c": 2}


# The text "the the dog bird" has sequence [1, 1, 6]; two texts were seen, "the" is in both, "dog" in one.
@pytest.mark.parametrize(
    "mode, the, dog",
    [
        ("binary", 1, 1),
        ("count", 2, 1),
        ("freq", 2 / 3, 1 / 3),
        ("tfidf", (1 + math.log(2)) * math.log(1 + 2 / 3), math.log(1 + 2 / 2)),
    ],
)
def test_texts_to_matrix(mode, the, dog):
    matrix = fitted().texts_to_matrix(["the the dog bird", ""], mode)
    np.testing.assert_allclose(matrix, [[0, the, 0, 0, 0, 0, dog], [0] * 7], rtol=1e-15)


def test_matrix_has_num_words_columns():
    tokenizer = fitted(num_words=4)
    np.testing.assert_array_equal(tokenizer.texts_to_matrix(["the dog sat"]), [[0, 1, 0, 1]])
    np.testing.assert_array_equal(tokenizer.sequences_to_matrix([[1, 5, 1]], mode="count"), [[0, 2, 0, 0]])


def test_fit_on_sequences():
    tokenizer = Tokenizer(num_words=3)
    tokenizer.fit_on_sequences([[1, 1, 2], [1]])
    assert tokenizer.index_docs == {1: 2, 2: 1} and tokenizer.document_count == 2
    expected = [[0, math.log(1 + 2 / 3), math.log(1 + 2 / 2)]]
    np.testing.assert_allclose(tokenizer.sequences_to_matrix([[1, 2]], "tfidf"), expected, rtol=1e-15)


def test_json_round_trip():
    tokenizer = fitted(num_words=5, oov_token="<oov>")
    copy = tokenizer_from_json(tokenizer.to_json())
    assert vars(copy) == vars(tokenizer)
    assert copy.texts_to_sequences(["the bird on"]) == [[2, 1, 1]]


def test_json_is_that_of_keras():
    """The text below was written by hand from the format of Keras 2: tables are JSON inside JSON."""
    config = json.loads(fitted().to_json(indent=1))
    assert config["class_name"] == "Tokenizer"
    assert config["config"] == {
        "num_words": None,
        "filters": '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
        "lower": True,
        "split": " ",
        "char_level": False,
        "oov_token": None,
        "document_count": 2,
        "word_counts": '{"the": 3, "cat": 2, "sat": 2, "on": 1, "mat": 1, "dog": 1}',
        "word_docs": '{"the": 2, "cat": 2, "sat": 2, "on": 1, "mat": 1, "dog": 1}',
        "index_docs": '{"1": 2, "2": 2, "3": 2, "4": 1, "5": 1, "6": 1}',
        "index_word": '{"1": "the", "2": "cat", "3": "sat", "4": "on", "5": "mat", "6": "dog"}',
        "word_index": '{"the": 1, "cat": 2, "sat": 3, "on": 4, "mat": 5, "dog": 6}',
    }


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda t: t.fit_on_texts("one text"),
            TypeError,
            "list of texts, not one text. Received: 'one text'",
        ),
        (lambda t: t.texts_to_sequences("one text"), TypeError, "Received: 'one text'"),
        (lambda t: t.fit_on_texts([7]), TypeError, "string or a list of words. Received: int"),
        (lambda t: t.texts_to_matrix(["a"], "tf"), ValueError, "mode must be one of .* Received: 'tf'"),
        (lambda t: t.texts_to_matrix(["a"]), ValueError, "set num_words, or call fit_on_texts"),
        (lambda t: Tokenizer(num_words=3).texts_to_matrix(["a"], "tfidf"), ValueError, "fit_on_texts"),
        (lambda t: Tokenizer(num_words=3).sequences_to_matrix([[-1]]), ValueError, "Received: -1"),
        (lambda t: tokenizer_from_json("[1]"), ValueError, r"JSON of a Tokenizer. Received: \[1\]"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call(Tokenizer())
