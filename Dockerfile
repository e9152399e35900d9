# The image of the pipeline's steps: on Kubeflow Pipelines each runs in a container of it.
#
#   docker build --tag registry.example.com/image-pipeline:1.0 .
#   docker build --build-arg EXTRAS=kubeflow,serve,gpu --tag registry.example.com/image-pipeline:1.0-gpu .
#
# The lock file pins every version by its hash, so a build repeats and nothing else gets in.

ARG PYTHON=3.12-slim-trixie

FROM python:${PYTHON} AS build
ARG EXTRAS=kubeflow,serve
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1
# Some packages come as source; the compiler's version does not matter.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv==0.13.9 && uv venv /venv
WORKDIR /app
COPY requirements/py312.lock requirements/py312.lock
COPY setup.py pyproject.toml ./
COPY data data
COPY tasks tasks
COPY components components
COPY pipeline pipeline
COPY serving serving
# Editable, so that /app alone holds the project: --kubeflow.project-dir.
RUN uv pip install --python /venv/bin/python --constraint requirements/py312.lock \
    --editable ".[${EXTRAS}]"

# The same base, so that the environment finds its Python; nothing else is installed.
FROM python:${PYTHON}
# The launcher of Kubeflow Pipelines downloads and uploads by these folders, as this user.
RUN useradd --uid 1000 --create-home pipeline \
    && mkdir -p /gcs /s3 /minio \
    && chown pipeline /gcs /s3 /minio
COPY --from=build /venv /venv
COPY --from=build --chown=pipeline /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=1 TF_ENABLE_ONEDNN_OPTS=1
USER 1000
ENTRYPOINT ["python", "-m", "pipeline.kubeflow.entrypoint"]
