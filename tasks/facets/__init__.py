"""The interfaces of a task's facets; see tasks/task.py."""
