import keras
import numpy as np

from tasks import linear_head


def built(labels: int, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((5,))
    head = linear_head.LinearHead()
    return keras.Model(inputs, head.build({"pooled": inputs}, labels, 0.2))


def test_applied_again_it_shares_its_layers():
    model = built(3)
    inputs = keras.Input((5,))
    again = keras.Model(inputs, linear_head.LinearHead().reapply(model, {"pooled": inputs}))
    rows = np.random.default_rng(0).random((4, 5))
    model.get_layer("logits").set_weights([np.ones((5, 3)), np.arange(3.0)])
    np.testing.assert_array_equal(again(rows), model(rows))


def test_classes_keep_their_weights_wherever_they_are_now():
    last, new = built(3, 1), built(4, 2)
    before = new.get_layer("logits").get_weights()[0]
    known = linear_head.LinearHead().copy_known(last, new, ["a", "b", "c"], ["x", "c", "a", "y"])
    assert known == 2
    old, kernel = (one.get_layer("logits").get_weights()[0] for one in (last, new))
    np.testing.assert_array_equal(kernel[:, [2, 1]], old[:, [0, 2]])
    np.testing.assert_array_equal(kernel[:, [0, 3]], before[:, [0, 3]])
