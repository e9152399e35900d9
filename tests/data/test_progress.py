from data import progress


def test_the_listener_sees_every_change():
    seen = []
    with progress.listening(lambda task: seen.append((task.name, task.done, task.total))):
        task = progress.start("reading", total=3)
        task.advance()
        progress.advance("reading", 2)
    task.advance()
    assert seen == [("reading", 0, 3), ("reading", 1, 3), ("reading", 3, 3)]


def test_work_that_goes_on_is_never_told_as_begun():
    seen = []
    with progress.listening(lambda task: seen.append((task.done, task.note))):
        progress.start("training", total=9, done=6, note="epoch 3 of 4").advance()
    assert seen == [(6, "epoch 3 of 4"), (7, "epoch 3 of 4")]


def test_an_unknown_task_is_ignored():
    progress.advance("never started")
