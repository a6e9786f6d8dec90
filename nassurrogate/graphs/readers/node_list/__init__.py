"""Reads networks as nn-Meter's benchmark lists them: nodes with TensorFlow's names, shapes and padding.

A node is `[op, input ids, output shape, attributes]`; the id of a node is its place in the list. Images are (batch,
height, width, channels). The attributes of convolutions and pools are `k` (kernel), `s` (stride), `p` (padding: `SAME`
or `VALID`), those of convolutions and dense layers `cin` (input channels).

In the graph, images are (batch, channels, height, width), and the padding is numbers, an odd one at the end as in
TensorFlow. A batch norm is part of the convolution before it if nothing else reads that. All `Split` nodes of one
tensor are the outputs of one operator, in order. The lists leave constants out; an `add`, a `Relu6` and a `mul` in a
row, of one input each, are the hard sigmoid of that generator, and a `Transpose` that swaps two axes is its channel
shuffle. Files may come from anywhere: sizes are bounded and every node is checked.
"""

from nassurrogate.graphs.readers.node_list.files import iterate_node_lists, read_node_lists
from nassurrogate.graphs.readers.node_list.nodes import NodeListReader

__all__ = ["NodeListReader", "iterate_node_lists", "read_node_lists"]
