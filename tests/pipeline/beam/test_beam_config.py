import pytest
from apache_beam.options import pipeline_options

from data import errors
from pipeline.beam import beam_config
from pipeline.run import preflight
from pipeline.settings import pipeline_config

PROJECT = f"--setup_file={beam_config.SETUP_FILE}"


@pytest.fixture
def jars(tmp_path, monkeypatch):
    """A folder for job servers; nothing is in it."""
    monkeypatch.setattr(beam_config, "JARS", tmp_path / "jars")
    (tmp_path / "jars").mkdir()
    return tmp_path / "jars"


def parsed(*arguments) -> beam_config.BeamConfig:
    return pipeline_config.parse([f"--beam.{argument}" for argument in arguments]).beam


def option(arguments: list[str], view: type, name: str) -> object:
    """An option as Beam itself reads it."""
    return getattr(pipeline_options.PipelineOptions(arguments).view_as(view), name)


def test_in_memory_by_default():
    assert parsed().arguments() == [
        "--runner=FnApiRunner",
        "--direct_running_mode=in_memory",
        PROJECT,
    ]


@pytest.mark.parametrize("flags", [["workers=3"], ["engine=local-workers", "workers=3"]])
def test_a_number_of_workers_means_processes(flags):
    arguments = parsed(*flags).arguments()
    assert arguments[:2] == ["--runner=FnApiRunner", "--direct_running_mode=multi_processing"]
    assert option(arguments, pipeline_options.DirectOptions, "direct_num_workers") == 3


def test_flink_runs_here_by_default(jars):
    arguments = parsed("engine=flink", "workers=2").arguments()
    flink, portable = pipeline_options.FlinkRunnerOptions, pipeline_options.PortableOptions
    assert option(arguments, pipeline_options.StandardOptions, "runner") == "FlinkRunner"
    assert option(arguments, flink, "flink_master") == "[local]"
    assert option(arguments, flink, "parallelism") == 2
    assert option(arguments, flink, "flink_job_server_jar") is None
    assert option(arguments, portable, "environment_type") == "LOOPBACK"
    assert int(option(arguments, portable, "sdk_worker_parallelism")) == 2
    assert PROJECT not in arguments


def test_spark_takes_the_job_server_that_was_fetched(jars):
    folder = jars / beam_config.JOB_SERVERS["spark"]
    folder.mkdir()
    (folder / "job-server.jar").touch()
    spark = pipeline_options.SparkRunnerOptions
    arguments = parsed("engine=spark", "workers=4").arguments()
    assert option(arguments, spark, "spark_master_url") == "local[4]"
    assert option(arguments, spark, "spark_job_server_jar") == str(folder / "job-server.jar")
    whole = jars / f"{beam_config.JOB_SERVERS['spark']}-2.67.0.jar"
    whole.touch()
    arguments = parsed("engine=spark").arguments()
    assert option(arguments, spark, "spark_job_server_jar") == str(whole)


def test_options_are_passed_through_and_win(jars):
    given = '["--flink_master=host:8081", "--environment_type=EXTERNAL", "--a_new_one=1"]'
    beam = parsed("engine=flink", "workers=16", f"options={given}")
    arguments = beam.arguments()
    flink, portable = pipeline_options.FlinkRunnerOptions, pipeline_options.PortableOptions
    assert option(arguments, flink, "flink_master") == "host:8081"
    assert option(arguments, portable, "environment_type") == "EXTERNAL"
    assert "--a_new_one=1" in arguments
    # Of all 16, and not of each machine.
    assert option(arguments, flink, "parallelism") == 16
    assert int(option(arguments, portable, "sdk_worker_parallelism")) == 1
    assert (beam.option("flink_master"), beam.option("parallelism")) == ("host:8081", None)


def test_containers_get_the_project(jars):
    beam = parsed("engine=flink", 'options=["--environment_type=DOCKER"]')
    assert PROJECT in beam.arguments()


def test_an_option_that_is_none():
    with pytest.raises(errors.ConfigError, match=r"must read --name=value; 'parallelism=2' does"):
        parsed('options=["parallelism=2"]')


def test_preflight_says_how_to_get_what_is_missing(jars, monkeypatch, tmp_path, class_folders):
    monkeypatch.setenv("PATH", str(tmp_path))
    flags = ["--data-dir", str(class_folders), "--output-dir", str(tmp_path / "out")]
    settings = pipeline_config.parse([*flags, "--beam.engine=flink"])
    preflight.prepare_output(settings)
    with pytest.raises(errors.UserError) as caught:
        preflight.check(settings, class_folders)
    assert "needs Java 11 or 17, and java is not on the PATH" in str(caught.value)
    assert "scripts/fetch_jars flink gets it from Maven Central" in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["engine=spark", 'options=["--spark_job_server_jar=gone.jar"]'],
            "--spark_job_server_jar=gone.jar in beam.options does not exist.",
        ),
        (
            ["engine=dataflow", 'options=["--project=p"]'],
            '--beam.options \'["--region=…", "--temp_location=…"]\' besides.',
        ),
    ],
)
def test_what_is_missing(jars, flags, message):
    assert message in " ".join(parsed(*flags).problems())


@pytest.mark.parametrize(
    "flags",
    [
        ["engine=flink", 'options=["--job_endpoint=localhost:8099"]'],
        ["engine=local-workers"],
        ["engine=dataflow", 'options=["--project=p","--region=r","--temp_location=gs://b/t"]'],
    ],
)
def test_nothing_is_missing(jars, flags):
    assert parsed(*flags).problems() == []
