"""The nodes of an ONNX graph that its outputs need, in topological order, and their attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nassurrogate.errors import InputError, brief, nearest, one_line

if TYPE_CHECKING:
    import onnx


def label(node: onnx.NodeProto) -> str:
    """What to call a node in a message: its operator, and its own name or that of its first output."""
    return f"{node.op_type} {brief(node.name or next(iter(node.output), ''))}"


def attributes_of(node: onnx.NodeProto, where: str) -> dict[str, Any]:
    """The attributes of a node by name, with texts as `str`.

    Raises `InputError` for an operator with graphs of its own, such as If and Loop, and for damaged attributes.
    """
    from onnx import AttributeProto, helper

    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            raise InputError(
                f"{where} has the operator {label(node)}, which has a graph of its own: control flow is not supported; "
                "export the network without it"
            )
        try:
            value = helper.get_attribute_value(attribute)
            found[attribute.name] = value.decode() if isinstance(value, bytes) else value
        except UnicodeDecodeError:
            found[attribute.name] = value
        except ValueError as error:
            raise InputError(f"the operator {label(node)} of {where} is damaged: {one_line(error)}") from None
        if found[attribute.name] is None:
            raise InputError(f"the operator {label(node)} of {where} has no value for {brief(attribute.name)}")
    return found


def needed_nodes(graph: onnx.GraphProto, where: str) -> list[onnx.NodeProto]:
    """The nodes that the outputs of the graph depend on, each after all that it reads.

    Raises `InputError` for a graph without nodes or outputs, with a cycle, with a tensor that two nodes compute, or
    one that none does.
    """
    if not graph.node:
        raise InputError(f"{where} is empty: its graph has no operators")
    if not graph.output:
        raise InputError(f"{where} has no outputs")
    given = {value.name for value in (*graph.input, *graph.initializer)}
    given.update(sparse.values.name for sparse in graph.sparse_initializer)
    producers = _producers(graph, given, where)
    ordered: list[onnx.NodeProto] = []
    done: set[int] = set()
    open_nodes: set[int] = set()

    def source(name: str, reader: str) -> int | None:
        """Which node computes a tensor; None if it is given."""
        if name in producers:
            return producers[name]
        if name in given:
            return None
        close = nearest(name, (*producers, *given))
        hint = f"; did you mean {close!r}?" if close else ""
        raise InputError(f"{reader} of {where} reads {brief(name)}, which nothing computes{hint}")

    def sources(position: int) -> Iterator[int]:
        node = graph.node[position]
        found = (source(name, f"the operator {label(node)}") for name in node.input if name)
        return (x for x in found if x is not None)

    for value in graph.output:
        root = source(value.name, "an output")
        stack = [] if root is None or root in done else [(root, sources(root))]
        open_nodes.update(position for position, _ in stack)
        while stack:
            position, left = stack[-1]
            following = next((x for x in left if x not in done), None)
            if following is None:
                stack.pop()
                open_nodes.discard(position)
                done.add(position)
                ordered.append(graph.node[position])
            elif following in open_nodes:
                raise InputError(
                    f"{where} has a cycle: the operator {label(graph.node[following])} reads its own output"
                )
            else:
                open_nodes.add(following)
                stack.append((following, sources(following)))
    return ordered


def _producers(graph: onnx.GraphProto, given: set[str], where: str) -> dict[str, int]:
    """Which node computes each tensor."""
    producers: dict[str, int] = {}
    for position, node in enumerate(graph.node):
        if not node.output:
            raise InputError(f"the operator {label(node)} of {where} has no outputs")
        for name in node.output:
            if name in producers or name in given:
                raise InputError(f"the tensor {brief(name)} of {where} is defined twice")
            if name:
                producers[name] = position
    return producers
