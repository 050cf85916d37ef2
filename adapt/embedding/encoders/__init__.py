"""The shipped encoders on ONNX Runtime: their weights as packages have them, their graphs, their batches."""
