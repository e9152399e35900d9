"""The test images that the report shows, by their likely errors."""

from components.report import config as report_config
from tasks.detection.panels import chosen
from tasks.pages import parts
from tests.tasks.detection.made_predictions import predictions
from tests.tasks.detection.panels.reports import BOX, FAR, found, truth

PAIRS = [
    (truth(BOX), found((*BOX, 0.9, 0))),  # right
    (truth(BOX), found((*BOX, 0.9, 0), (*FAR, 0.8, 0))),  # a box may be missing
    (truth(BOX, FAR), found((*BOX, 0.9, 0))),  # nothing at all where a box is
    (truth(FAR), found((*FAR, 0.02, 1))),  # missed, though another class is faintly seen there
    (truth(FAR, difficult=True), found()),  # difficult objects do not count
]


def test_images_are_listed_by_what_may_be_wrong_with_them():
    picked = chosen.choose(predictions(PAIRS), report_config.ReportConfig())
    names = {
        name: [row.path for row in getattr(picked, name)]
        for name in ("worst", "unmarked", "unseen")
    }
    assert names["worst"] == ["001.jpg", "002.jpg", "003.jpg"]
    assert names["unmarked"] == ["001.jpg"]
    assert names["unseen"] == ["002.jpg"]
    assert picked.paths() == {"001.jpg", "002.jpg", "003.jpg"}
    assert [(cut.path, cut.words) for cut in picked.missed] == [("002.jpg", "a"), ("003.jpg", "a")]
    assert [(cut.path, cut.words) for cut in picked.false] == [("001.jpg", "a 0.80")]
    assert picked.confused == []
    assert picked.crops("001.jpg") == [parts.Crop(FAR, (600, 600))]


def test_a_detection_on_an_object_of_another_class_is_confused():
    picked = chosen.choose(
        predictions([(truth(BOX), found((*BOX, 0.7, 2)))]), report_config.ReportConfig()
    )
    assert [cut.words for cut in picked.confused] == ["c 0.70, truly a"]
    assert [cut.words for cut in picked.missed] == ["a"]
    assert [one.corners for one in picked.crops("000.jpg")] == [BOX, BOX]
