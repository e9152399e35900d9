"""Clusters of this machine's own processes: a master, workers, and a pool of Beam's workers."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 180
FLINK_SETTINGS = """
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.bind-host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: 1
taskmanager.cpu.cores: 1.0
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.framework.heap.size: 64m
taskmanager.memory.framework.off-heap.size: 64m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
taskmanager.memory.managed.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
heartbeat.interval: 1000
heartbeat.timeout: 8000
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """A process group that ends with the context."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield started
    finally:
        kill(started)


def kill(started: subprocess.Popen) -> None:
    """Ends a process and all that it started, as a power cut would."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def until(there: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} within {seconds} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False


@contextlib.contextmanager
def worker_pool(folder: Path) -> Iterator[str]:
    """Starts Beam's Python workers on demand; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "tests.clusters.pool", str(port)]
    with process(command, folder / "pool.log"):
        until(lambda: listens(port), "the worker pool listens")
        yield f"localhost:{port}"


@contextlib.contextmanager
def spark(jar: Path, folder: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A master and two workers of one core each; yields its address and the workers."""
    home = folder / "spark"
    home.mkdir()
    (home / "jars").symlink_to(jar.parent / "lib")
    port, page = free_port(), free_port()
    environment = {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": HOST,
        "SPARK_SCALA_VERSION": "2.12",
        "SPARK_WORKER_DIR": str(folder / "work"),
    }
    java = ["java", "-Xmx512m", "-cp", f"{home}/jars/*"]
    master = [*java, "org.apache.spark.deploy.master.Master", "--host", HOST, "--port", str(port)]
    address = f"spark://{HOST}:{port}"
    worker = [*java, "org.apache.spark.deploy.worker.Worker", "--host", HOST, "--webui-port", "0"]
    worker = [*worker, "--cores", "1", "--memory", "1g", address]
    with contextlib.ExitStack() as stack:
        log = folder / "master.log"
        stack.enter_context(process([*master, "--webui-port", str(page)], log, **environment))
        until(lambda: listens(port), "the Spark master listens")
        workers = [
            stack.enter_context(process(worker, folder / f"worker-{i}.log", **environment))
            for i in range(2)
        ]
        until(lambda: b'"aliveworkers" : 2' in get(page, "/json/"), "two Spark workers are there")
        yield address, workers


@contextlib.contextmanager
def flink(jar: Path, folder: Path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A JobManager and two TaskManagers of one slot each; yields its address and the latter."""
    conf = folder / "conf"
    conf.mkdir()
    rest = free_port()
    (conf / "flink-conf.yaml").write_text(FLINK_SETTINGS.format(rpc=free_port(), rest=rest))
    java = ["java", "-Xmx768m", "-cp", f"{jar.parent}/lib/*"]
    opens = ["java.lang", "java.net", "java.io", "java.nio", "java.util", "java.time"]
    java += [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in [*opens, "sun.nio.ch"]]
    entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    runner = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    with contextlib.ExitStack() as stack:
        log = folder / "jobmanager.log"
        stack.enter_context(process([*java, entry, f"--configDir={conf}"], log))
        until(lambda: listens(rest), "the Flink JobManager listens")
        workers = [
            stack.enter_context(
                process([*java, runner, f"--configDir={conf}"], folder / f"taskmanager-{i}.log")
            )
            for i in range(2)
        ]
        until(lambda: b'"taskmanagers":2' in get(rest, "/overview"), "two TaskManagers are there")
        yield f"{HOST}:{rest}", workers


def get(port: int, path: str) -> bytes:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://{HOST}:{port}{path}") as page,
    ):
        return page.read()
    return b""
