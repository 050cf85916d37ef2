"""ONNX Runtime, imported so that it reports nothing: wheels from 1.32 on tell their maker of each process that uses them."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read once, at the import

import onnxruntime

__all__ = ["onnxruntime"]
