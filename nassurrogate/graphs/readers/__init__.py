"""Networks as graphs of operators, read from ONNX files and from torch modules."""
