from tasks import task


def test_an_image_has_one_class_in_classification():
    assert task.load("classification").label_rule.per_image == "one"


def test_the_tasks_that_allow_several_labels_are_named(monkeypatch):
    rules = {"classification": "one", "tagging": "any", "wishing": "any", "asking": "any"}
    monkeypatch.setattr(task, "names", lambda: tuple(rules))
    monkeypatch.setattr(task, "load", task.Task)
    labels_per_image = property(lambda self: rules[self.name])
    monkeypatch.setattr(task.Task, "labels_per_image", labels_per_image)
    monkeypatch.setattr(task.Task, "needs_labels", True)
    annotates = property(lambda self: "pixels" if self.name == "wishing" else "images")
    monkeypatch.setattr(task.Task, "annotates", annotates)
    rule = task.Task("classification").label_rule
    assert rule == ("one", "--task tagging or --task asking allows several.", "images", True)
    assert task.Task("tagging").label_rule == ("any", "", "images", True)
