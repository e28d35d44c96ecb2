import math
import re
import sys

import numpy as np
import pytest

from gpulayers.demos import digits, embedding, text


def number_after(words, shown):
    """The first number after the words in what a demo printed."""
    return float(re.search(re.escape(words) + r"\D*?([\d.]+)", shown)[1])


class TestDigits:
    def test_no_image_is_on_both_sides(self):
        (training, labels), (held_out, other_labels) = digits.load(seed=3)
        assert training.shape == (1437, 8, 8, 1) and held_out.shape == (360, 8, 8, 1)
        assert training.dtype == np.float32 and training.min() == 0 and training.max() == 1
        assert not {image.tobytes() for image in training} & {image.tobytes() for image in held_out}
        from sklearn.datasets import load_digits

        counts = np.bincount(labels, minlength=10) + np.bincount(other_labels, minlength=10)
        np.testing.assert_array_equal(counts, np.bincount(load_digits().target))

    def test_confusion(self):
        counts = digits.confusion_table([0, 0, 3, 8, 8, 8], [0, 9, 8, 3, 3, 8])
        assert (counts[0, 0], counts[0, 9], counts[3, 8], counts[8, 3], counts[8, 8]) == (1, 1, 1, 2, 1)
        assert counts.sum() == 6
        assert digits.most_confused(counts) == (3, 8, 3)

    def test_scikit_learn_is_asked_for(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
        assert digits.main([]) == 1
        assert 'pip install "gpulayers[demo]"' in capsys.readouterr().err

    def test_it_reads_98_percent(self, capsys):
        assert digits.main(["--device", "cpu"]) == 0
        shown = capsys.readouterr().out
        assert number_after("Held-out accuracy:", shown) >= 98
        assert "Device: cpu" in shown
        assert "Most confused:" in shown or "No digit was taken for another." in shown


class TestText:
    def test_the_manual(self):
        training, held_out = text.read_manual(seed=1)
        assert len(training) > 100_000
        assert 0.09 < len(held_out) / len(training + held_out) < 0.25
        assert not set(training.splitlines()) & set(held_out.splitlines())
        assert len(set(training.splitlines())) == len(training.splitlines())

    def test_rare_characters(self):
        training, other, alphabet = text.with_alphabet("aaabbbc", "abcd", least=3)
        assert (training, other, alphabet) == ("aaabbb\ufffd", "ab\ufffd\ufffd", "ab\ufffd")

    def test_order_2_entropy(self):
        # Of the four triples abc, bca, cab, abd, only those after "ab" are uncertain: one bit each.
        assert text.order_2_entropy("abcabd") == 0.5
        assert text.order_2_entropy("abcabcabc") == 0

    def test_order_two_model(self):
        model = text.OrderTwoModel("aab", alphabet_size=2)
        assert model.probability("a", ()) == pytest.approx((2 + 2 / 2) / 5)
        assert model.probability("b", ("a",)) == pytest.approx((1 + 2 * 0.4) / 4)
        assert model.probability("b", ("a", "a")) == pytest.approx((1 + 0.45) / 2)
        assert model.probability("a", ("b", "b")) == pytest.approx(0.6)
        assert model.bits_per_character("aab") == pytest.approx(-math.log2(0.725))

    def test_probabilities_sum_to_one(self):
        model = text.OrderTwoModel("hello world", alphabet_size=26)
        for context in [("l", "l"), ("z", "l"), ("z", "z")]:
            known = sum(model.probability(character, context) for character in "helo wrd")
            assert known + 18 * model.probability("z", context) == pytest.approx(1)

    def test_sequences(self):
        inputs, targets = text.sequences("abcabcab", "abc", length=3)
        np.testing.assert_array_equal(inputs, [[0, 1, 2], [0, 1, 2]])
        np.testing.assert_array_equal(targets, [[1, 2, 0], [1, 2, 0]])

    def test_it_learns_a_short_text(self, monkeypatch, capsys):
        """A text that repeats itself needs few bits, and is written on as it goes."""
        monkeypatch.setattr(text, "read_manual", lambda seed: ("abcdefgh " * 3000, "abcdefgh " * 300))
        assert text.main(["--device", "cpu", "--epochs", "3", "--units", "24", "--prompt", "abc"]) == 0
        shown = capsys.readouterr().out
        assert number_after("parameters", shown) < 0.2
        assert number_after("by its own counts (plain, no smoothing)", shown) == 0
        assert "abcdefgh abcdefgh abcdefgh" in shown

    @pytest.mark.parametrize("arguments", [["--temperature", "0"], ["--prompt", "\u2603"], ["--prompt", ""]])
    def test_bad_options(self, arguments, capsys):
        with pytest.raises(SystemExit, match="^2$"):
            text.main(arguments)
        assert "Received: " in capsys.readouterr().err


class TestEmbedding:
    def test_sentences(self):
        docstring = "Return the sum of x. See also the other one!\n\n    too short\n\nA last one without end"
        found = ["return the sum of x", "see also the other one", "a last one without end"]
        assert list(embedding.sentences(docstring)) == found

    def test_docstrings(self, tmp_path):
        source = tmp_path / "module.py"
        source.write_text(
            '"""One."""\nclass A:\n    """Two."""\n    def f(self):\n        "Three."\nx = "none"\n'
        )
        assert sorted(embedding.docstrings(source)) == ["One.", "Three.", "Two."]
        source.write_text("def broken(:")
        assert embedding.docstrings(source) == []

    def test_the_split_is_honest(self):
        names, docs = embedding.read_library()
        assert len(names) == embedding.PACKAGES and names == sorted(names)
        (training, labels), (held_out, other_labels) = embedding.split(docs, seed=1)
        assert not set(training) & set(held_out)
        assert len(set(training)) == len(training) > 2000 and len(set(held_out)) == len(held_out) > 400
        assert set(labels) == set(other_labels) == set(range(len(names)))
        assert (len(labels), len(other_labels)) == (len(training), len(held_out))

    def test_one_hot(self):
        y, backward = embedding.OneHot(3).forward(np.array([[0, 2], [1, 1]], np.int32))
        np.testing.assert_array_equal(y, [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [0, 1, 0]]])
        assert y.dtype == np.float32
        assert backward(np.ones_like(y)) is None

    def test_it_needs_over_90_percent_fewer_parameters(self, capsys):
        assert embedding.main(["--device", "cpu"]) == 0
        shown = capsys.readouterr().out
        assert number_after("The embedding has", shown) > 90
        before, after = re.search(r"Held-out accuracy: ([\d.]+)% -> ([\d.]+)%", shown).groups()
        assert float(after) >= float(before) > number_after("The most frequent package alone:", shown)
