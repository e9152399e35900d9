from data import progress


def test_the_listener_sees_every_change():
    seen = []
    with progress.listening(lambda task: seen.append((task.name, task.done, task.total))):
        task = progress.start("reading", total=3)
        task.advance()
        progress.advance("reading", 2)
    task.advance()
    assert seen == [("reading", 0, 3), ("reading", 1, 3), ("reading", 3, 3)]


def test_an_unknown_task_is_ignored():
    progress.advance("never started")
