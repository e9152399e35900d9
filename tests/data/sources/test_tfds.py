import numpy as np
import pytest

from data import errors
from data.sources import by_folder
from data.sources import tfds as tfds_source

tfds = pytest.importorskip("tensorflow_datasets")


def builder_of(tmp_path, splits):
    with tfds.core.registered.skip_registration():

        class TinyShapes(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")
            pkg_dir_path = tmp_path

            def _info(self):
                features = tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(8, 8, 3)),
                        "label": tfds.features.ClassLabel(names=["round", "square"]),
                    }
                )
                return tfds.core.DatasetInfo(builder=self, features=features)

            def _split_generators(self, _manager):
                return {name: self._generate_examples(seed) for seed, name in enumerate(splits)}

            def _generate_examples(self, seed):
                for index in range(6):
                    pixels = np.full([8, 8, 3], 40 * seed + index, np.uint8)
                    yield index, {"image": pixels, "label": index % 2}

    builder = TinyShapes(data_dir=str(tmp_path / "tfds"))
    builder.download_and_prepare()
    return builder


def test_splits_become_split_folders(tmp_path):
    target = tfds_source.write(builder_of(tmp_path, ["train", "validation"]), tmp_path / "out")
    listing = by_folder.scan(target)
    assert len(listing.files) == 12
    assert listing.class_names == ["round", "square"]
    assert listing.given_splits == {"train", "eval"}


def test_one_split_becomes_class_folders(tmp_path):
    target = tfds_source.write(builder_of(tmp_path, ["train"]), tmp_path / "out")
    listing = by_folder.scan(target)
    assert len(listing.files) == 6
    assert listing.given_splits == set()


def test_an_unknown_name_gets_near_ones(tmp_path):
    with pytest.raises(errors.DataError, match=r"Did you mean .*mnist"):
        tfds_source.export("mnistt", tmp_path / "out")
