"""The settings of the Beam engine, and the arguments of Beam's command line that they imply.

Does not import Beam, so that mistakes are reported at once.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

SETUP_FILE = Path(__file__).resolve().parents[2] / "setup.py"
# Beam's own cache of job servers; scripts/fetch_jars puts them there.
JARS = Path.home() / ".apache_beam" / "cache" / "jars"
JOB_SERVERS = {
    "flink": "beam-runners-flink-1.19-job-server",
    "spark": "beam-runners-spark-3-job-server",
}
_KEPT_MS = 30_000
Engine = Literal["local", "local-workers", "flink", "spark", "dataflow"]


class BeamConfig(BaseModel):
    """The settings of the engine for the Beam steps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: Engine = Field(
        "local",
        description="engine of the Beam steps: in memory, in local processes, or on a cluster",
    )
    workers: int = Field(
        0,
        ge=0,
        description="number of worker processes; 0: in memory, faster below a million images",
    )
    options: list[str] = Field(
        default_factory=list,
        description="Beam's own arguments, such as '[\"--flink_master=host:8081\"]'; take priority",
    )

    @field_validator("options")
    @classmethod
    def _are_arguments(cls, options: list[str]) -> list[str]:
        stray = [option for option in options if not option.startswith("--")]
        if stray:
            raise ValueError(f"every option must read --name=value; {stray[0]!r} does not")
        return options

    def arguments(self) -> list[str]:
        """Returns the arguments of Beam's command line; the last of a repeated argument applies."""
        profiles = {
            "local": self._in_memory,
            "local-workers": self._in_processes,
            "flink": self._flink,
            "spark": self._spark,
            "dataflow": self._dataflow,
        }
        # Older configurations have only a number of workers and no engine.
        engine = "local-workers" if self.engine == "local" and self.workers else self.engine
        return [*profiles[engine](), *self.options]

    def option(self, name: str) -> str | None:
        """Returns the value of an argument in ``options``; None if it is not there."""
        return _last(self.options, name)

    def value(self, name: str) -> str | None:
        """Returns the value of an argument, by ``options`` or by the engine's profile."""
        return _last(self.arguments(), name)

    def problems(self) -> list[str]:
        """Returns what this machine or the settings lack for the engine, one sentence each."""
        if self.engine in JOB_SERVERS and self.option("job_endpoint") is None:
            return self._without_job_server()
        if self.engine == "dataflow":
            return self._without_place()
        return []

    def _in_memory(self) -> list[str]:
        # The DirectRunner of newer Beam first tries to download another runner: name this one.
        return ["--runner=FnApiRunner", "--direct_running_mode=in_memory", *_project()]

    def _in_processes(self) -> list[str]:
        return [
            "--runner=FnApiRunner",
            "--direct_running_mode=multi_processing",
            f"--direct_num_workers={self._worker_count()}",
            *_project(),
        ]

    def _flink(self) -> list[str]:
        return [
            "--runner=FlinkRunner",
            "--flink_version=1.19",
            "--flink_master=[local]",
            f"--parallelism={self._worker_count()}",
            *self._job_server(),
        ]

    def _spark(self) -> list[str]:
        return [
            "--runner=SparkRunner",
            f"--spark_master_url=local[{self._worker_count()}]",
            *self._job_server(),
        ]

    def _dataflow(self) -> list[str]:
        count = [f"--num_workers={self.workers}"] if self.workers else []
        return ["--runner=DataflowRunner", *count, *_project()]

    def _worker_count(self) -> int:
        return self.workers or os.cpu_count() or 1

    def _job_server(self) -> list[str]:
        """Returns the arguments for the job server and its workers: on this machine by default."""
        jar = job_server_jar(self.engine)
        found = [f"--{self.engine}_job_server_jar={jar}"] if jar else []
        where = self.option("environment_type")
        if where not in (None, "LOOPBACK", "EXTERNAL"):
            return [*found, *_project()]
        # Such workers have the project. Without this, TFX would package itself, and Beam the
        # project, for each pipeline.
        arguments = [*found, "--environment_type=LOOPBACK", "--sdk_container_image=none"]
        # Otherwise each stage of a job would start new workers, with all their imports.
        arguments.append(f"--environment_cache_millis={_KEPT_MS}")
        if self.workers and where != "EXTERNAL":
            # Else threads of the run's own process: no start-up, but one lock for all.
            arguments.append("--experiments=use_loopback_process_worker")
            arguments.append(f"--sdk_worker_parallelism={self.workers}")
        return arguments

    def _without_job_server(self) -> list[str]:
        problems = []
        name = f"{self.engine}_job_server_jar"
        given = self.option(name)
        java = self.option("job_server_java_launcher") or "java"
        if not shutil.which(java):
            problems.append(
                f"--beam.engine {self.engine} needs Java 11 or 17, and {java} is not on the PATH."
                " Debian's package is openjdk-17-jre-headless."
            )
        if given and "://" not in given and not Path(given).is_file():
            problems.append(f"--{name}={given} in beam.options does not exist.")
        if not given and job_server_jar(self.engine) is None:
            problems.append(
                f"--beam.engine {self.engine} needs Beam's job server, and there is none in {JARS}."
                f" scripts/fetch_jars {self.engine} gets it from Maven Central; or name one with"
                f" --beam.options '[\"--{name}=PATH\"]'."
            )
        return problems

    def _without_place(self) -> list[str]:
        missing = [
            name for name in ("project", "region", "temp_location") if self.option(name) is None
        ]
        if not missing:
            return []
        wanted = ", ".join(f'"--{name}=…"' for name in missing)
        return [f"--beam.engine dataflow needs --beam.options '[{wanted}]' besides."]


def job_server_jar(engine: str) -> Path | None:
    """Returns an engine's job server that scripts/fetch_jars or Beam itself has downloaded."""
    name = JOB_SERVERS[engine]
    found = [*sorted(JARS.glob(f"{name}-*.jar")), JARS / name / "job-server.jar"]
    return next((path for path in found if path.is_file()), None)


def _last(arguments: Sequence[str], name: str) -> str | None:
    pairs = [argument.partition("=") for argument in arguments]
    return next((value for flag, _, value in reversed(pairs) if flag == f"--{name}"), None)


def _project() -> Sequence[str]:
    # Remote workers get the project by it; without it, TFX packages itself for each step.
    return [f"--setup_file={SETUP_FILE}"]
