"""Decoding without a process of its own, for tests of what comes before and after it."""

import json
import warnings
from collections.abc import Iterable, Iterator

from data import decoder, decoder_pool


class InProcess(decoder_pool.DecoderPool):
    """Answers as :class:`data.decoder_pool.DecoderPool` does, its JSON and bytes included.

    Starting a decoder takes a second of processor time, and a whole ingest starts four.
    """

    def decode(
        self, requests: Iterable[decoder.Request]
    ) -> Iterator[tuple[decoder.Request, decoder.Answer]]:
        for one in requests:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = decoder.answer(
                    self._root, one.path, self._config, one.reencode, self._scale
                )
            head, encoded, samples = decoder.pack(found)
            yield one, decoder.unpack(json.loads(head), encoded, samples)
