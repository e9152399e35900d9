"""Why a step would run, in words."""

import json

from pipeline.run import rerun_reasons

OLD = {
    "settings": json.dumps({"config": {"size_px": 32, "resize": "stretch"}, "fingerprint": "aa"}),
    "code": "c1",
}


def reason(new, old=OLD, old_inputs=None, new_inputs=None) -> str:
    return rerun_reasons.why(old, new, old_inputs or {}, new_inputs or {})


def changed(**settings) -> dict[str, str]:
    stored = json.loads(OLD["settings"])
    stored["config"] |= settings
    return OLD | {"settings": json.dumps(stored)}


def test_the_first_run():
    assert reason(OLD, old=None) == "never ran"


def test_a_setting_is_named_with_both_values():
    assert reason(changed(size_px=64)) == "changed config: size_px 32 → 64"
    new = changed(size_px=64, resize="letterbox", a=1, b=2)
    assert reason(new) == (
        "changed config: size_px 32 → 64, resize stretch → letterbox, a absent → 1 and 1 more"
    )


def test_data_and_code():
    new = OLD | {"code": "c2", "settings": OLD["settings"].replace("aa", "bb")}
    assert reason(new) == "new data; changed code"


def test_other_inputs_and_nothing():
    assert reason(OLD, old_inputs={"model": [3]}, new_inputs={"model": [7]}) == (
        "other model than its last time"
    )
    assert "is gone" in reason(OLD)


def test_json_in_json_and_yaml_are_taken_apart():
    inner = json.dumps({"train": json.dumps({"head_epochs": 3}), "seed": 0})
    found = rerun_reasons.flat(
        {"custom_config": inner, "resolved": "seed: 0\ntrain:\n  batch_size: 8\n"}
    )
    assert found == {"train.head_epochs": "3", "seed": "0", "train.batch_size": "8"}
    assert rerun_reasons.flat(
        {"x": "{no json", "specs": [{"a": 1}, {"a": 2}], "labels": [1, 2]}
    ) == {
        "x": "{no json",
        "specs.0.a": "1",
        "specs.1.a": "2",
        "labels": "[1, 2]",
    }


def test_long_values_are_not_shown():
    assert reason(changed(resize="x" * 100)) == "changed config: resize"
