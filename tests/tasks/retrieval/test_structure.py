"""Planted structure is found: clusters, images like no other; and none where there is none."""

import numpy as np

from tasks.retrieval import structure, transform


def names(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


def clusters(sizes, size: int = 24, noise: float = 0.05) -> np.ndarray:
    generator = np.random.default_rng(0)
    rows = [np.eye(size)[place] + noise * generator.standard_normal([count, size])
            for place, count in enumerate(sizes)]  # fmt: skip
    return transform.unit(np.concatenate(rows))


def test_clusters_are_counted_largest_first_with_their_middle():
    found = structure.measure(clusters([12, 30, 20]), names(62))
    assert (found.clusters, found.sizes, found.compared) == (3, [30, 20, 12], 62)
    assert (
        found.silhouette > 0.7 > found.by_chance
        and len(found.typical[0]) == structure.MOST_OF_A_CLUSTER
    )
    assert all(12 <= int(name[:-4]) < 42 for name in found.typical[0])


def test_one_cloud_is_no_clusters():
    found = structure.measure(clusters([80], noise=0.5), names(80))
    assert (found.clusters, found.sizes) == (1, [80])
    assert found.silhouette < found.by_chance + structure.MARGIN


def test_images_like_no_other_are_named():
    planted = np.concatenate([clusters([40, 40]), np.eye(24)[[10, 11]]]).astype(np.float32)
    found = structure.measure(planted, names(82))
    assert sorted(found.named_outliers)[:2] == ["80.jpg", "81.jpg"] and found.outliers <= 6
    assert set(found.named_outliers[:2]) == {"80.jpg", "81.jpg"}


def test_equal_images_and_bad_vectors_are_no_trouble():
    same = np.repeat(np.eye(8, dtype=np.float32)[:1], 20, axis=0)
    same[3] = np.nan
    found = structure.measure(same, names(20))
    assert (found.compared, found.clusters, found.outliers) == (19, 1, 0)


def test_too_few_images_have_no_structure():
    found = structure.measure(clusters([4, 3]), names(7))
    assert (found.clusters, found.outliers, found.compared) == (None, None, 7)


def test_it_is_repeatable():
    vectors = clusters([15, 15, 15])
    assert structure.measure(vectors, names(45)) == structure.measure(vectors, names(45))
