import pytest

from tests.tasks.similarity import made


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    return made.exported(tmp_path_factory)
