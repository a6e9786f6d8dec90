"""Search spaces declared by their choices."""

from nassurrogate.renamed import moved_names
from nassurrogate.spaces.categorical.codes import ABSENT
from nassurrogate.spaces.categorical.enumerable import EnumerableCategoricalSpace
from nassurrogate.spaces.categorical.network_space import (
    CategoricalNetworkSpace,
    EnumerableCategoricalNetworkSpace,
)
from nassurrogate.spaces.categorical.slots import Slot, Value
from nassurrogate.spaces.categorical.space import CategoricalSpace

__all__ = [
    "ABSENT",
    "CategoricalNetworkSpace",
    "CategoricalSpace",
    "EnumerableCategoricalNetworkSpace",
    "EnumerableCategoricalSpace",
    "Slot",
    "Value",
]
__getattr__ = moved_names(__name__, ["space"])
