"""Decoding without a process of its own, for tests of what comes before and after it."""

import json
import warnings
from collections.abc import Iterable, Iterator

from data.images import decoder_pool, decoder_process


class InProcess(decoder_pool.DecoderPool):
    """Answers as :class:`data.images.decoder_pool.DecoderPool` does, its JSON and bytes included.

    Starting a decoder takes a second of processor time, and a whole ingest starts four.
    """

    def decode(
        self, requests: Iterable[decoder_process.Request]
    ) -> Iterator[tuple[decoder_process.Request, decoder_process.Answer]]:
        for one in requests:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = decoder_process.answer(
                    self._root, one.path, self._config, one.reencode, self._scale
                )
            head, encoded, samples = decoder_process.pack(found)
            yield one, decoder_process.unpack(json.loads(head), encoded, samples)
