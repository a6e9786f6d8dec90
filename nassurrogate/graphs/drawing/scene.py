"""What a drawing shows and where: boxes, blocks with boxes in them, and the edges between them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from nassurrogate.graphs.drawing.boxes import Box, shape_text
from nassurrogate.graphs.drawing.layers import Edge, Layout, Size, lay_out
from nassurrogate.graphs.drawing.repeats import Item, Repeat

LETTER, SMALL_LETTER = 6.9, 6.1
"""Width of a letter of 12 px and of 10.5 px, on the generous side: the reader's font is unknown."""
INSIDE = 12.0
"""Space between a box and its text, and between a block and its boxes."""
LABEL_OFFSET = 6.0
"""Between an edge and its label."""
_PORT = Size(2.0, 0.0)


@dataclass
class Node:
    """A box; or a block; or, without either, the point where an edge crosses the border of a block.

    Args:
        size: on the drawing.
        box: of a box.
        block: of a block, with its scene.
        entries, exits: of a block, by box outside and by box inside: where an edge crosses its border, in pixels from
            its centre.
    """

    size: Size
    box: Box | None = None
    block: tuple[Repeat, Scene] | None = None
    entries: dict[int, float] = field(default_factory=dict)
    exits: dict[int, float] = field(default_factory=dict)


@dataclass
class Scene:
    """Nodes and edges with their places.

    Args:
        nodes: what is drawn.
        edges: edge → the shape that passes along it.
        layout: where.
        width: of the whole, with labels that reach beyond the boxes.
    """

    nodes: list[Node]
    edges: dict[Edge, str]
    layout: Layout
    width: float


def compose(
    boxes: Sequence[Box],
    items: Sequence[Item],
    *,
    outside: Sequence[int] = (),
    exits: Sequence[int] = (),
    start: int = 0,
) -> Scene:
    """Place the items of a drawing, or of the first copy of a block.

    Args:
        boxes: of the whole network.
        items: what is drawn.
        outside: of a block: the boxes outside that it reads.
        exits: of a block: its boxes that are read from outside.
        start: position of the first box.
    """
    nodes = [Node(_PORT) for _ in outside]
    node_of: dict[int, int] = {}
    for item in items:
        if isinstance(item, int):
            node_of[item] = len(nodes)
            nodes.append(_single(boxes[item]))
        else:
            node_of |= dict.fromkeys(range(item.start, item.stop), len(nodes))
            nodes.append(_block(boxes, item, exits))
    edges: dict[Edge, str] = {}
    for position in (box for item in items for box in _first_copy(item)):
        end = node_of[position]
        for x in boxes[position].inputs:
            first = outside.index(x) if x < start else node_of[x]
            if first != end:
                edges[Edge(first, end, _leaving(nodes[first], x), nodes[end].entries.get(x, 0.0))] = label_of(boxes[x])
    for x in exits:
        edges[Edge(node_of[x], len(nodes), _leaving(nodes[node_of[x]], x))] = label_of(boxes[x])
        nodes.append(Node(_PORT))
    aligned = (0, len(nodes) - 1) if len(outside) == len(exits) == 1 else None
    sizes = [node.size for node in nodes]
    layout = lay_out(sizes, list(edges), n_first=len(outside), n_last=len(exits), aligned=aligned)
    return Scene(nodes, edges, layout, max([layout.width, *_ends_of_labels(nodes, layout)]))


def label_of(box: Box) -> str:
    """The shape of a box's output, for the edges that leave it."""
    return shape_text(box.shapes[0]) + (f", {len(box.shapes)} outputs" if len(box.shapes) > 1 else "")


def details_of(box: Box) -> str:
    """The second line of a box; may be empty."""
    inputs = [f"{box.n_inputs} inputs"] if box.n_inputs else []
    return " · ".join([*inputs, *([box.details] if box.details else [])])


def times_of(repeat: Repeat) -> str:
    """How many times a block comes, in words."""
    return f"× {repeat.times}" + ("" if repeat.same_sizes else ", sizes differ")


def pill_width(text: str) -> float:
    """Of the mark with the number of times."""
    return len(text) * LETTER + 14


def _first_copy(item: Item) -> range:
    return range(item, item + 1) if isinstance(item, int) else range(item.start, item.start + item.period)


def _single(box: Box) -> Node:
    details = details_of(box)
    widest = max(len(box.title) * LETTER, len(details) * SMALL_LETTER)
    return Node(Size(max(64.0, widest + 2 * INSIDE), 40.0 if details else 26.0), box)


def _block(boxes: Sequence[Box], repeat: Repeat, wanted: Collection[int]) -> Node:
    """One copy of a repeated block.

    Args:
        wanted: further boxes whose outputs leave it, at positions of the first copy of the block around it.
    """
    copy = range(repeat.start, repeat.start + repeat.period)
    outside = list(dict.fromkeys(x for position in copy for x in boxes[position].inputs if x < repeat.start))
    read = {x for box in boxes[repeat.stop :] for x in box.inputs}.union(wanted)
    exits = sorted({repeat.in_first_copy(x) for x in read if repeat.start <= x < repeat.stop})
    scene = compose(boxes, repeat.children, outside=outside, exits=exits, start=repeat.start)
    width = max(scene.width + 2 * INSIDE, 2 * pill_width(times_of(repeat)) + 40)
    # The edges of the inside are in the middle of its own layout, which starts at the left border.
    x_of = [x + INSIDE - width / 2 for x, _ in scene.layout.centres]
    return Node(
        size=Size(width, scene.layout.height),
        block=(repeat, scene),
        entries={x: x_of[at] for at, x in enumerate(outside)},
        exits={x: x_of[len(x_of) - len(exits) + at] for at, x in enumerate(exits)},
    )


def _leaving(node: Node, x: int) -> float:
    """Where the edge of a box's output leaves a node, from its centre."""
    return 0.0 if node.block is None else node.exits[node.block[0].in_first_copy(x)]


def _ends_of_labels(nodes: Sequence[Node], layout: Layout) -> list[float]:
    return [
        x + LABEL_OFFSET + len(label_of(node.box)) * SMALL_LETTER
        for node, (x, _) in zip(nodes, layout.centres, strict=True)
        if node.box is not None
    ]
