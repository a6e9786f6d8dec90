"""NAR-Former V2 (Yi et al., NeurIPS 2023, arXiv 2306.10792): a transformer whose attention runs along the graph."""

from nassurrogate.predictors.nar_former_v2.config import PAPER, V2Config
from nassurrogate.predictors.nar_former_v2.network import NarFormerV2Net
from nassurrogate.predictors.nar_former_v2.predictor import NarFormerV2
from nassurrogate.renamed import moved_names

__all__ = ["PAPER", "NarFormerV2", "NarFormerV2Net", "V2Config"]
__getattr__ = moved_names(__name__, ["network", "layers", "config", "predictor"])
