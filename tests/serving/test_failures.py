import pytest

from serving.gateway import upstream
from serving.triton import failures

F = failures.Failure


@pytest.mark.parametrize(
    ("message", "failure"),
    [
        ("Request for unknown model: 'other' is not found", F.NOT_SERVED),
        ("Request for unknown model: 'm' version 9 is not at ready state", F.NOT_SERVED),
        ("there is no signature 'none'; there are embed, contract", F.NO_SIGNATURE),
        ("there is no signature 'unknown model'; there are embed", F.NO_SIGNATURE),
        ("the model failed: Stub process is not healthy", F.MODEL_FAILED),
        ("Stub process 'm_0_1' is not healthy.", F.WORKER_LOST),
        ("Failed to process the request(s): Stub process is not healthy.", F.WORKER_LOST),
        ("Exceeds maximum queue size", F.OTHER),
        ("", F.OTHER),
    ],
)
def test_messages_have_a_code(message, failure):
    assert failures.of(message) is failure


def test_the_worker_that_was_silent_is_named():
    assert failures.silent_instance("Stub process 'm_0_1' is not healthy.") == "m_0_1"
    assert failures.silent_instance("Stub process is not healthy.") is None
    assert failures.silent_instance("the model failed: Stub process 'm' is not healthy") is None


def test_what_a_client_names_decides_no_status():
    content = b'{"error": "there is no signature \'unknown version\'; there are embed"}'
    answer = upstream.failure(400, content)
    assert (answer.status, answer.failure) == (400, F.NO_SIGNATURE)
