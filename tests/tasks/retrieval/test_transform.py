import numpy as np
import pytest

from tasks.retrieval import transform


def embeddings(count: int = 300, size: int = 12) -> np.ndarray:
    generator = np.random.default_rng(0)
    mixing = generator.standard_normal([size, size])
    return (generator.standard_normal([count, size]) @ mixing + 3).astype(np.float32)


def test_vectors_have_length_1_and_zeros_stay_zeros():
    rows = embeddings()
    rows[2] = 0
    found = np.asarray(transform.Transform.identity().apply(rows))
    np.testing.assert_allclose(np.linalg.norm(np.delete(found, 2, 0), axis=1), 1, atol=1e-5)
    assert not found[2].any()
    np.testing.assert_allclose(found, transform.unit(rows), atol=1e-6)


def test_whitened_components_have_equal_variance_and_no_correlation():
    rows = transform.unit(embeddings())
    made = transform.whitening(rows, 5)
    assert made.matrix.shape == (12, 5) and made.size(12) == 5
    centred = (rows - made.mean) @ made.matrix
    np.testing.assert_allclose(np.cov(centred, rowvar=False, bias=True), np.eye(5), atol=1e-3)


def test_whitening_keeps_no_more_than_there_is():
    assert transform.whitening(embeddings(count=4), 100).matrix.shape[1] <= 3
    flat = np.tile(np.float32([1, 2, 3]), [10, 1])
    assert np.isfinite(transform.whitening(flat, 3).matrix).all()


def test_principal_directions_keep_the_products():
    rows = transform.unit(embeddings())
    matrix = transform.principal(rows, 12)
    np.testing.assert_allclose((rows @ matrix) @ (rows @ matrix).T, rows @ rows.T, atol=1e-4)
    assert transform.principal(rows, 3).shape == (12, 3)


@pytest.mark.parametrize("change", ["network", "mean", "matrix"])
def test_the_digest_changes_with_anything_that_changes_vectors(change):
    made = transform.whitening(embeddings(), 5)
    other = transform.Transform(made.mean + (change == "mean"), made.matrix + (change == "matrix"))
    assert made.digest("a") == transform.Transform(made.mean, made.matrix).digest("a")
    assert made.digest("a") != other.digest("b" if change == "network" else "a")
