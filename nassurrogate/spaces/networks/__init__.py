"""The open space of whole networks: any ONNX model, PyTorch module or graph of operators."""

from nassurrogate.spaces.networks.network import Network
from nassurrogate.spaces.networks.space import Networks

__all__ = ["Network", "Networks"]
