"""TF-IDF of fixed corpora and of texts that come and go."""

import numpy as np
import pytest

from planners.text.tfidf import TfidfIndex, TfidfMatrix
from planners.text.tokens import ngrams, position_grams, words

TEXTS = ("find a train to the sea", "book a hotel by the sea", "cancel the alarm clock")


def document(text):
    tokens = words(text)
    return ngrams(tokens), position_grams(tokens)


def matrix(**more):
    return TfidfMatrix.fit([document(text) for text in TEXTS], **more)


def test_a_document_is_most_similar_to_itself():
    similarity = matrix().pairwise()

    assert np.diag(similarity) == pytest.approx([1.0] * 3)
    assert (similarity - 2 * np.eye(3)).max() < 1


def test_a_new_document_is_compared_as_if_it_were_in_the_corpus():
    fitted = matrix()

    rows = np.stack([fitted.similarities(document(text)) for text in TEXTS])

    assert rows == pytest.approx(fitted.pairwise(), abs=1e-6)


def test_unseen_grams_lower_the_similarity_only_on_demand():
    fitted, longer = matrix(), [{"train": 1.0, "zeppelin": 1.0}, {}]
    known = [{"train": 1.0}, {}]

    assert fitted.similarities(longer) == pytest.approx(fitted.similarities(known))
    assert fitted.similarities(longer, count_unseen=True)[0] < fitted.similarities(known)[0]


def test_rare_grams_are_left_out_of_a_corpus_that_asks_for_it():
    fitted = TfidfMatrix.fit([[{"a": 1.0, "b": 1.0}], [{"a": 1.0, "c": 1.0}]], min_documents=2)

    assert fitted.pairwise() == pytest.approx(np.ones((2, 2)))
    assert fitted.similarities([{"b": 1.0}]).tolist() == [0, 0]


def test_coverage_is_the_share_of_a_documents_weight_that_a_query_has():
    fitted = TfidfMatrix.fit([[{"a": 1.0, "b": 1.0}], [{"c": 1.0}]])

    assert fitted.coverage([{"a": 1.0, "b": 1.0}, {"a": 1.0}, {"z": 1.0}]) == pytest.approx(
        np.array([[1, 0], [0.5, 0], [0, 0]])
    )


def test_an_empty_corpus_is_similar_to_nothing():
    fitted = TfidfMatrix.fit([])

    assert fitted.similarities([{"a": 1.0}]).shape == (0,)
    assert fitted.coverage([{"a": 1.0}]).shape == (1, 0)


def test_a_matrix_survives_its_arrays():
    again = TfidfMatrix.from_arrays(matrix().arrays())

    assert again.similarities(document(TEXTS[0])).tolist() == matrix().similarities(document(TEXTS[0])).tolist()


def index(*texts):
    made = TfidfIndex()
    for key, text in enumerate(texts):
        made.add(key, text)
    return made


def test_the_nearest_text_comes_first_and_unrelated_ones_not_at_all():
    found = index(*TEXTS).nearest("a train, and a hotel by the sea", k=3)

    assert [key for key, _ in found][:2] == [1, 0]
    assert all(0 < cosine <= 1.0001 for _, cosine in found)
    assert index(*TEXTS).nearest("a train, and a hotel by the sea") == found[:1]
    assert index(*TEXTS).nearest("zeppelin") == []
    assert index().nearest("zeppelin") == []


def test_a_prepared_index_is_not_fitted_by_the_question(monkeypatch):
    made = index(*TEXTS)
    made.prepare()
    monkeypatch.setattr(made, "_fit", lambda: pytest.fail("fitted again"))

    made.prepare()
    assert made.nearest("hotel")
    index().prepare()  # nothing to fit


def test_of_equal_texts_the_older_one_is_nearest():
    assert [index("same words", "same words").nearest("same words", k)[0][0] for k in (1, 2)] == [0, 0]


def test_dropped_and_replaced_texts_are_forgotten():
    made = index(*TEXTS)
    made.drop(1)
    made.add(2, "paint the wall")

    assert 1 not in made
    assert made.nearest("hotel") == made.nearest("alarm") == []
    assert made.nearest("wall")[0][0] == 2


def test_texts_that_come_and_go_leave_no_words_behind():
    made = index("constant text")
    for number in range(400):
        made.add("passing", " ".join(f"word{'x' * (number % 7)}{chr(97 + i)}{'y' * number}" for i in range(10)))
        made.nearest("constant")

    assert len(made._vocabulary) < 2000
    assert made.nearest("constant text")[0] == (0, pytest.approx(1.0))


def test_a_long_text_costs_no_more_than_its_beginning():
    made = index(" ".join("".join(chr(97 + (i // 26**j) % 26) for j in range(4)) for i in range(5_000)))

    assert len(made._vocabulary) <= 128
