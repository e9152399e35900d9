"""Beam's pool of Python workers, for a machine that plays several.

Each JVM that asks for workers counts them from 1, and names the one to stop by that number: in a
pool that serves two, each stops the other's. Here nobody stops any; a worker ends by itself when
the JVM that it works for is gone.
"""

import sys
import time

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker import worker_pool_main


class Pool(worker_pool_main.BeamFnExternalWorkerPoolServicer):
    def StopWorker(self, stop_worker_request, unused_context):
        return beam_fn_api_pb2.StopWorkerResponse()


if __name__ == "__main__":
    address, server = Pool.start(use_process=True, port=int(sys.argv[1]))
    print(address, flush=True)
    while True:
        time.sleep(3600)
