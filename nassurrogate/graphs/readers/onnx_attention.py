"""Takes scaled dot-product attention, which newer ONNX has as one operator, apart into its products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nassurrogate.graphs.operator_costs import matmul_flops
from nassurrogate.graphs.operator_graph import Shape, size_of
from nassurrogate.graphs.readers.onnx_draft import Draft
from nassurrogate.graphs.readers.onnx_tensors import Tensor


def add_attention(draft: Draft, attributes: Mapping[str, Any], inputs: Sequence[Tensor | None], output: Shape) -> int:
    """Add query @ key^T, the mask, Softmax and the product with the values: the position of the last operator.

    Args:
        draft: where to add them.
        attributes: of the operator, with the numbers of heads if its inputs have three axes.
        inputs: query, key, values, each (batch, heads, length, features) or (batch, length, heads * features), and
            perhaps a mask.
        output: shape of the result.

    Raises `ValueError` or `LookupError` for inputs that are no such tensors.
    """
    heads = (attributes.get("q_num_heads"), attributes.get("kv_num_heads"), attributes.get("kv_num_heads"))
    query, key, values = (_by_head(draft, x, n) for x, n in zip(inputs[:3], heads, strict=True))
    mask = inputs[3] if len(inputs) > 3 else None
    batch, n_heads, length, features = query.shape
    n_keys = key.shape[2]
    permuted = (*key.shape[:2], features, n_keys)
    turned = _added(draft, "Transpose", [key], permuted, values=(0, 1, 3, 2))
    weights = (batch, n_heads, length, n_keys)
    product = _added(draft, "MatMul", [query, turned], weights, flops=matmul_flops(weights, features))
    if mask is not None:
        params = mask.learned if size_of(mask.shape) > 1 else 0
        product = _added(draft, "Add", [product, mask], weights, params=params)
    shares = _added(draft, "Softmax", [product], weights)
    mixed = (batch, n_heads, length, values.shape[3])
    result = _added(draft, "MatMul", [shares, values], mixed, flops=matmul_flops(mixed, n_keys))
    if len(output) == 3:
        by_token = (batch, length, n_heads, values.shape[3])
        result = _added(draft, "Transpose", [result], by_token, values=(0, 2, 1, 3))
        result = _added(draft, "Reshape", [result], output)
    assert result.operator is not None
    return result.operator


def _by_head(draft: Draft, tensor: Tensor | None, n_heads: int | None) -> Tensor:
    """A tensor as (batch, heads, length, features)."""
    if tensor is None or len(tensor.shape) not in (3, 4):
        raise ValueError("attention needs query, key and values of three or four axes")
    if len(tensor.shape) == 4:
        return tensor
    if not n_heads:
        raise ValueError("attention over three axes needs numbers of heads")
    batch, length, features = tensor.shape
    by_head = _added(draft, "Reshape", [tensor], (batch, length, n_heads, features // n_heads))
    turned = (batch, n_heads, length, features // n_heads)
    return _added(draft, "Transpose", [by_head], turned, values=(0, 2, 1, 3))


def _added(draft: Draft, kind: str, inputs: Sequence[Tensor], shape: Shape, **fields: Any) -> Tensor:
    return Tensor(shape, operator=draft.add(kind, inputs, (shape,), **fields))
