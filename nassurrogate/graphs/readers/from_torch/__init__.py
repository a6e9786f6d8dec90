"""Torch modules as lists of operators: recorded on tensors without data, then put into ONNX's terms."""
