"""Networks as files: plain PyTorch source, a program of `torch.export`, ONNX."""

from nassurrogate.export.checked_network import FORMS
from nassurrogate.export.network import Exported, export_network, network_source
from nassurrogate.export.weights import load_weights

__all__ = ["FORMS", "Exported", "export_network", "load_weights", "network_source"]
