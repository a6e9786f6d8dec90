"""Search spaces declared by their choices."""

from nassurrogate.spaces.categorical.enumerable import EnumerableCategoricalSpace
from nassurrogate.spaces.categorical.slots import Slot
from nassurrogate.spaces.categorical.space import CategoricalSpace

__all__ = ["CategoricalSpace", "EnumerableCategoricalSpace", "Slot"]
