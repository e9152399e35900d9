from tasks import task


def test_an_image_has_one_class_in_classification():
    assert task.load("classification").label_rule.per_image == "one"


def test_the_tasks_that_allow_several_labels_are_named(monkeypatch):
    rules = {"classification": "one", "tagging": "any", "wishing": "any"}
    monkeypatch.setattr(task, "names", lambda: tuple(rules))
    monkeypatch.setattr(task, "load", task.Task)
    labels_per_image = property(lambda self: rules[self.name])
    monkeypatch.setattr(task.Task, "labels_per_image", labels_per_image)
    rule = task.Task("classification").label_rule
    assert rule == ("one", "--task tagging or --task wishing allows several.")
    assert task.Task("tagging").label_rule == ("any", "")
