"""The loss of masks equals a reference that loops over pixels; void never matters."""

import numpy as np
import pytest
import tensorflow as tf

from tasks.segmentation.head import losses

K = 3


def batch(seed=0, side=6):
    generator = np.random.default_rng(seed)
    masks = generator.choice([0, 1, 2, 255], [2, side, side]).astype(np.uint8)
    logits = generator.normal(size=[2, side, side, K]).astype(np.float32)
    return masks, logits


def naive(mask, logits, weights, dice_weight):
    total = count = 0
    both, true, told = np.zeros(K), np.zeros(K), np.zeros(K)
    for y, x in np.ndindex(mask.shape):
        if mask[y, x] == 255:
            continue
        chances = np.exp(logits[y, x]) / np.exp(logits[y, x]).sum()
        total -= weights[mask[y, x]] * np.log(chances[mask[y, x]])
        count += 1
        both[mask[y, x]] += chances[mask[y, x]]
        true[mask[y, x]] += 1
        told += chances
    present = true > 0
    dice = 2 * both[present] / (true + told)[present]
    return total / count + dice_weight * (1 - dice.mean())


@pytest.mark.parametrize("weights", [[], [0.5, 1.0, 3.0]])
def test_the_loss_equals_a_loop_over_pixels(weights):
    masks, logits = batch()
    found = losses.MaskLoss(weights, dice_weight=0.7).call(masks, logits)
    wanted = [
        naive(mask, one, weights or [1, 1, 1], 0.7) for mask, one in zip(masks, logits, strict=True)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_void_has_no_loss_and_no_gradient():
    masks, logits = batch(1)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = losses.MaskLoss(label_smoothing=0.1).call(masks, variable)
    gradient = tape.gradient(loss, variable).numpy()
    assert (gradient[masks == 255] == 0).all()
    assert (np.abs(gradient[masks != 255]).sum(-1) > 0).all()


def test_an_image_of_void_alone_has_loss_0():
    _, logits = batch()
    found = losses.MaskLoss().call(np.full([2, 6, 6], 255, np.uint8), logits)
    assert found.numpy().tolist() == [0, 0]


def test_a_coarser_map_is_compared_with_the_mask_at_the_centres_of_its_pixels():
    masks = np.arange(36, dtype=np.uint8).reshape(1, 6, 6)
    np.testing.assert_array_equal(losses.sampled(masks, (3, 3)), masks[:, 1::2, 1::2])
    np.testing.assert_array_equal(losses.sampled(masks, (6, 6)), masks)


def test_the_confusion_of_a_batch_leaves_out_void():
    masks, logits = batch(2)
    found = losses.confusion(tf.constant(masks), tf.constant(logits)).numpy()
    wanted = np.zeros([K, K], int)
    for true, told in zip(masks.ravel(), logits.argmax(-1).ravel(), strict=True):
        if true != 255:
            wanted[true, told] += 1
    np.testing.assert_array_equal(found, wanted)


def test_a_saved_loss_is_rebuilt():
    loss = losses.MaskLoss([1.0, 2.0, 3.0], 0.5, 0.1)
    again = losses.MaskLoss.from_config(loss.get_config())
    masks, logits = batch()
    np.testing.assert_array_equal(loss.call(masks, logits), again.call(masks, logits))
