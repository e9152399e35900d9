"""Near-duplicates: pairs of images whose perceptual hashes are close, and groups of those.

Up to EXACT_IMAGES every pair is compared. Beyond, pairs are found by locality-sensitive hashing
(A. Gionis et al., "Similarity Search in High Dimensions via Hashing", 1999): images are compared
if they agree in all bits of at least one of many small samples of bits. Measured on 40,000
images: of pairs at the largest distance 2 in 100 are missed, at five sevenths of it 1 in 10,000.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from data.files import hashing
from data.splits import split

# A smaller image is scaled up before it is hashed: its fine structure is interpolated, so the
# bound on the distance shrinks in proportion.
FULL_SIDE_PX = 64
EXACT_IMAGES = 8192
_BLOCK_ROWS = 1024
_TABLES = 96
_CROWD_FRACTION = 1 / 3
_CROWD_IMAGES = 20  # in smaller classes, a group of a third of the class means nothing
_MIN_DISTANCE = 8
_MIN_KEY_BITS = 10
_BUCKET_IMAGES = 6  # that share a key, on average
_LOW_FREQUENCIES = 12  # of 16: keys are made of the bits that survive most
_CHUNK_PAIRS = 1 << 20
_POPCOUNT = np.array([word.bit_count() for word in range(1 << 16)], np.uint8)


def find_pairs(
    phashes: Sequence[str], sides_px: Sequence[int], max_distance: int = split.MAX_DISTANCE
) -> list[tuple[int, int, int]]:
    """Finds the pairs of near-duplicates.

    Args:
      phashes: the perceptual hashes, 64 hex digits each.
      sides_px: the shorter side of each image.
      max_distance: the most bits, of 256, in which the hashes of near-duplicates differ.

    Returns:
      (distance in bits, index, larger index), sorted. Images with the same hash are each paired
      with the first of them only; images of a single colour, which have no structure to compare,
      with none.
    """
    structured = [index for index, phash in enumerate(phashes) if phash.strip("0")]
    if len(structured) < len(phashes):
        pairs = find_pairs(
            [phashes[index] for index in structured],
            [sides_px[index] for index in structured],
            max_distance,
        )
        return [(distance, structured[a], structured[b]) for distance, a, b in pairs]
    if len(phashes) < 2:
        return []
    packed = np.frombuffer(bytes.fromhex("".join(phashes)), np.uint8)
    packed = packed.reshape(len(phashes), hashing.PHASH_BITS // 8)
    unique, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    owners = first[inverse.ravel()]
    pairs = [(0, int(owner), index) for index, owner in enumerate(owners) if owner != index]
    scale = np.minimum(np.asarray(sides_px)[first] / FULL_SIDE_PX, 1.0)
    bounds = np.floor(max_distance * scale).astype(np.int64)
    close = _close_exact if len(unique) <= EXACT_IMAGES else _close_by_keys
    for one, other, distance in close(unique, bounds):
        a, b = sorted((int(first[one]), int(first[other])))
        pairs.append((int(distance), a, b))
    return sorted(pairs)


def find_plausible_pairs(
    phashes: Sequence[str],
    sides_px: Sequence[int],
    class_names: Sequence[Hashable],
    max_distance: int = split.MAX_DISTANCE,
) -> tuple[list[tuple[int, int, int]], int]:
    """Finds near-duplicates, at a smaller distance if look-alikes would count as such.

    Aligned images of one kind, such as radiographs, are closer to each other than photographs
    are. If the pairs would chain more than a third of a class into one group, the class could
    not be split: the distance is then lowered until they do not.

    Args:
      phashes: the perceptual hashes, 64 hex digits each.
      sides_px: the shorter side of each image.
      class_names: the class of each image, or all its labels.
      max_distance: the distance to begin with.

    Returns:
      The pairs, and the distance that was used.
    """
    distance = max_distance
    while True:
        pairs = find_pairs(phashes, sides_px, distance)
        if distance < _MIN_DISTANCE or not _is_crowded(phashes, class_names, pairs):
            return pairs, distance
        distance = distance * 2 // 3


def _is_crowded(
    phashes: Sequence[str], class_names: Sequence[Hashable], pairs: list[tuple[int, int, int]]
) -> bool:
    """Returns whether one group holds too large a part of a class; exact copies count once."""
    groups = group(len(phashes), [(one, other) for _, one, other in pairs])
    images = set(zip(class_names, groups, phashes, strict=True))
    sizes = Counter(class_name for class_name, _, _ in images)
    largest = Counter((class_name, number) for class_name, number, _ in images)
    return any(
        count > _CROWD_FRACTION * sizes[class_name] and sizes[class_name] >= _CROWD_IMAGES
        for (class_name, _), count in largest.items()
    )


def group(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """Groups items that are linked, directly or through others.

    Args:
      count: how many items there are.
      links: pairs of their indices.

    Returns:
      For each item, the smallest index in its group.
    """
    if not count:
        return []
    pairs = np.array(list(links), np.int64).reshape(-1, 2)
    linked = sparse.coo_array((np.ones(len(pairs), np.int8), pairs.T), shape=(count, count))
    _, numbers = csgraph.connected_components(linked, directed=False)
    _, first = np.unique(numbers, return_index=True)
    return [int(index) for index in first[numbers]]


def _close_exact(packed: np.ndarray, bounds: np.ndarray) -> list[tuple[int, int, int]]:
    """Pairs (index, index, distance) of different hashes within the smaller bound of the two."""
    # As ±1 vectors, two hashes of n bits that differ in d have the product n − 2 d.
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    pairs: list[tuple[int, int, int]] = []
    loosest = np.float32(hashing.PHASH_BITS - 2 * bounds.max())  # one number is compared quickest
    for start in range(0, len(packed), _BLOCK_ROWS):
        products = signs[start : start + _BLOCK_ROWS] @ signs[start:].T
        ones, others = np.nonzero(products >= loosest)
        distances = (hashing.PHASH_BITS - products[ones, others].astype(np.int64)) // 2
        ones, others = ones + start, others + start
        kept = (ones < others) & (distances <= np.minimum(bounds[ones], bounds[others]))
        rows = zip(
            ones[kept].tolist(), others[kept].tolist(), distances[kept].tolist(), strict=True
        )
        pairs += rows
    return pairs


def _close_by_keys(packed: np.ndarray, bounds: np.ndarray) -> list[tuple[int, int, int]]:
    """Does the same as :func:`_close_exact` for hashes that agree in a sample of their bits."""
    bits = np.unpackbits(packed, axis=1).reshape(len(packed), 16, 16)
    low = bits[:, :_LOW_FREQUENCIES, :_LOW_FREQUENCIES].reshape(len(packed), -1)
    key_bits = max(_MIN_KEY_BITS, int(np.log2(len(packed) / _BUCKET_IMAGES)) + 1)
    random = np.random.default_rng(0)
    words = packed.view(np.uint16)
    seen: list[np.ndarray] = []
    for _ in range(_TABLES):
        chosen = random.choice(low.shape[1], key_bits, replace=False)
        keys = low[:, chosen] @ (1 << np.arange(key_bits, dtype=np.int64))
        for ones, others in _same_key(keys):
            distances = _POPCOUNT[words[ones] ^ words[others]].sum(axis=1, dtype=np.int64)
            near = distances <= np.minimum(bounds[ones], bounds[others])
            if near.any():
                seen.append(np.stack([ones[near], others[near], distances[near]], axis=1))
    if not seen:
        return []
    return [tuple(row) for row in np.unique(np.concatenate(seen), axis=0).tolist()]


def _same_key(keys: np.ndarray) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Yields all pairs of indices with equal keys, smaller first, at most a chunk at a time."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    offset = 1
    # Neighbours at a growing offset in sorted order, until no bucket is that large.
    pending_ones: list[np.ndarray] = []
    pending_others: list[np.ndarray] = []
    pending = 0
    while offset < len(ordered):
        matches = np.flatnonzero(ordered[offset:] == ordered[:-offset])
        if not len(matches):
            break
        pending_ones.append(order[matches])
        pending_others.append(order[matches + offset])
        pending += len(matches)
        if pending >= _CHUNK_PAIRS:
            yield _sorted_pairs(pending_ones, pending_others)
            pending_ones, pending_others, pending = [], [], 0
        offset += 1
    if pending:
        yield _sorted_pairs(pending_ones, pending_others)


def _sorted_pairs(
    ones: list[np.ndarray], others: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.concatenate(ones), np.concatenate(others)
    return np.minimum(a, b), np.maximum(a, b)
