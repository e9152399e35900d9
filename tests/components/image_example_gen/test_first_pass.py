"""Tasks cross the engine as bytes."""

from components.image_example_gen import first_pass
from data.images import decode
from data.splits import file_index


def test_tasks_are_the_same_behind_the_engine():
    twin = file_index.Row("old.png", 7, 8, "ab" * 32, decode.Rejection("damaged", "cut off"))
    tasks = [
        first_pass.Task(f"class/{number}-\udcff.png", number, 1 << 60, twin if number % 2 else None)
        for number in range(2500)
    ]
    bundles = first_pass.bundles(tasks)
    assert [type(bundle) for bundle in bundles] == [bytes] * 3
    assert [task for bundle in bundles for task in first_pass.tasks_of(bundle)] == tasks
    assert first_pass.bundles([]) == []
