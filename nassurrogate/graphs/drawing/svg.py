"""The drawing of a network as SVG: layers from top to bottom, repeated blocks drawn once."""

from __future__ import annotations

from collections.abc import Sequence

from nassurrogate.display.markup import Markup, element, joined
from nassurrogate.graphs.drawing.boxes import Box, boxes_of
from nassurrogate.graphs.drawing.layers import LAYER_GAP
from nassurrogate.graphs.drawing.repeats import Item, Repeat, folded, n_drawn
from nassurrogate.graphs.drawing.scene import (
    INSIDE,
    LABEL_OFFSET,
    Node,
    Scene,
    compose,
    details_of,
    label_of,
    pill_width,
    times_of,
)
from nassurrogate.graphs.drawing.style import STYLE, style_class
from nassurrogate.graphs.operator_graph import OperatorGraph

_MARGIN = 14.0
_MOST_SEARCHED = 3000
"""Boxes among which repeated blocks are looked for."""
_MOST_DRAWN = 400
_MOST_READ = 4
"""Edges into what stands for the boxes left out."""


def draw_svg(graph: OperatorGraph, *, fold: bool = True) -> str:
    """A drawing of a network as SVG, complete in itself: no scripts, no fonts, nothing to load.

    Operators are drawn in layers from top to bottom, each in one box with its activation and normalisation. A block
    that comes several times in a row is drawn once, marked with the number of times. Edges show the shapes where they
    change, as channels × height × width. The colours say what an operator does, and follow the reader's light or dark
    theme. If more than 400 boxes are left, those in the middle are left out.

    Args:
        graph: the network.
        fold: whether repeated blocks are drawn once.

    >>> from nassurrogate.spaces import get_space
    >>> space = get_space("macro")
    >>> drawing = draw_svg(space.operator_graph(space.parse("01201210")))
    >>> drawing[:4], "Depthwise conv 5×5" in drawing, "3 × 32 × 32" in drawing
    ('<svg', True, True)
    """
    boxes = boxes_of(graph)
    items: Sequence[Item] = folded(boxes) if fold and len(boxes) <= _MOST_SEARCHED else range(len(boxes))
    about = f"{graph.name}: {graph.n_operators:,} operators"
    if n_drawn(items) > _MOST_DRAWN:
        boxes, n_left_out = _without_middle(boxes), len(boxes) - _MOST_DRAWN
        items = range(len(boxes))
        about += f"; {n_left_out:,} boxes in the middle are not drawn"
    scene = compose(boxes, items)
    width, height = scene.width + 2 * _MARGIN, scene.layout.height + 2 * _MARGIN
    return element(
        "svg",
        element("title", about),
        element("style", Markup(STYLE)),
        element("g", _drawn(scene), transform=f"translate({_MARGIN:g} {_MARGIN:g})"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
        class_="network-drawing",
    )


def _without_middle(boxes: Sequence[Box]) -> list[Box]:
    """The first and the last boxes, with one box in place of those between them."""
    half = _MOST_DRAWN // 2
    gone = range(half, len(boxes) - half)
    read = sorted({x for position in gone for x in boxes[position].inputs if x < half})[-_MOST_READ:]
    gap = Box(f"{len(gone):,} boxes not drawn", "", "unknown", tuple(read), 0, boxes[gone[-1]].shapes, 0, 0)
    tail = [
        box._replace(inputs=tuple(x if x < half else max(half, x - len(gone) + 1) for x in box.inputs))
        for box in boxes[gone.stop :]
    ]
    return [*boxes[:half], gap, *tail]


def _drawn(scene: Scene) -> Markup:
    nodes, layout = scene.nodes, scene.layout
    routed = zip(scene.edges, layout.routes, strict=True)
    lines = [_line(points, arrow=nodes[edge.end].box is not None) for edge, points in routed]
    placed = list(zip(nodes, layout.centres, strict=True))
    shapes = [_node(node, x, y) for node, (x, y) in placed]
    arriving: dict[int, set[str]] = {}
    for edge, label in scene.edges.items():
        arriving.setdefault(edge.end, set()).add(label)
    leaving = {edge.start for edge in scene.edges}
    labels = [
        _text(label_of(node.box), x + LABEL_OFFSET, y + (node.size.height + LAYER_GAP) / 2 + 1, "shape")
        for at, (node, (x, y)) in enumerate(placed)
        if node.box is not None and at in leaving and arriving.get(at) != {label_of(node.box)}
    ]
    return joined(*lines, *shapes, *labels)


def _node(node: Node, x: float, y: float) -> Markup:
    if node.block is not None:
        return _block(*node.block, node, x, y)
    if node.box is None:
        return Markup()
    box, (width, height) = node.box, node.size
    details = details_of(box)
    return element(
        "g",
        element("title", _about(box)),
        element("rect", x=x - width / 2, y=y - height / 2, width=width, height=height, rx=6),
        _text(box.title, x, y + (-3.0 if details else 4.0), "name"),
        _text(details, x, y + 12.0, "details") if details else None,
        class_=f"box {style_class(box.group)}",
    )


def _block(repeat: Repeat, scene: Scene, node: Node, x: float, y: float) -> Markup:
    width, height = node.size
    left, top = x - width / 2, y - height / 2
    text = times_of(repeat)
    pill = pill_width(text)
    return element(
        "g",
        element("rect", x=left, y=top, width=width, height=height, rx=10, class_="frame"),
        element("g", _drawn(scene), transform=f"translate({left + INSIDE:.2f} {top:.2f})"),
        element("rect", x=left + width - pill - 8, y=top - 10, width=pill, height=20, rx=10, class_="pill"),
        _text(text, left + width - pill / 2 - 8, top + 4, "times"),
    )


def _about(box: Box) -> str:
    parts = [box.title, *([details_of(box)] if details_of(box) else []), f"output {label_of(box)}"]
    parts += [f"{box.params:,} parameters"] if box.params else []
    parts += [f"{box.flops / 1e6:,.3g} MFLOPs"] if box.flops else []
    return ", ".join(parts)


def _line(points: Sequence[tuple[float, float]], *, arrow: bool) -> Markup:
    """A smooth line that is vertical wherever it meets a layer."""
    (x, y), *rest = points
    path = [f"M{x:.1f} {y:.1f}"]
    for nx, ny in rest:
        if abs(nx - x) >= 0.05:
            bend = (ny - y) * 0.55
            path.append(f"C{x:.1f} {y + bend:.1f} {nx:.1f} {ny - bend:.1f} {nx:.1f} {ny:.1f}")
        elif abs(ny - y) >= 0.05:
            path.append(f"V{ny:.1f}")
        x, y = nx, ny
    line = element("path", d="".join(path), class_="edge")
    head = element("path", d=f"M{x - 3.5:.1f} {y - 6:.1f}L{x:.1f} {y:.1f}L{x + 3.5:.1f} {y - 6:.1f}z", class_="head")
    return joined(line, head if arrow else None)


def _text(text: str, x: float, y: float, kind: str) -> Markup:
    return element("text", text, x=x, y=y, class_=kind)
