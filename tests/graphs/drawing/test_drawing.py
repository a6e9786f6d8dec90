"""The drawing of a network: complete, without overlaps, and safe to put into a page."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.graphs.drawing import draw_svg
from nassurrogate.graphs.drawing.boxes import boxes_of, shape_text
from nassurrogate.graphs.drawing.repeats import Repeat, folded, n_drawn
from nassurrogate.graphs.operator_graph import INPUT, Operator, OperatorGraph
from nassurrogate.spaces import get_space

SVG = "{http://www.w3.org/2000/svg}"
IMAGE = (1, 8, 16, 16)
CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
KINDS = ("Conv", "Add", "Relu", "MaxPool", "Concat", "Split", "LayerNormalization", "my.ops.<b>", "]]>&\x1b[31m")


def conv(*inputs: int, channels: int = 8, window: int = 3) -> Operator:
    return Operator("Conv", inputs, ((1, channels, 16, 16),), kernel=(window, window), stride=(1, 1))


def network(*operators: Operator) -> OperatorGraph:
    return OperatorGraph([Operator(INPUT, (), (IMAGE,)), *operators])


def texts(drawing: str, kind: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(drawing).iter(f"{SVG}text") if node.get("class") == kind]


@st.composite
def networks(draw: st.DrawFn) -> OperatorGraph:
    operators = [Operator(INPUT, (), (IMAGE,))]
    for position in range(1, draw(st.integers(2, 24))):
        kind = draw(st.sampled_from(KINDS))
        inputs = tuple(draw(st.lists(st.integers(0, position - 1), min_size=kind != "Split", max_size=6)))
        operators.append(Operator(kind, inputs, (IMAGE,) * draw(st.integers(1, 2))))
    return OperatorGraph(operators, name=draw(st.text(max_size=8)))


@given(networks(), st.booleans())
def test_every_drawing_is_xml_with_all_its_boxes(graph, fold):
    boxes = boxes_of(graph)
    drawing = draw_svg(graph, fold=fold)
    root = ET.fromstring(drawing)
    assert len(texts(drawing, "name")) == (n_drawn(folded(boxes)) if fold else len(boxes))
    drawn = {node.tag.removeprefix(SVG) for node in root.iter()}
    assert drawn <= {"svg", "title", "style", "g", "rect", "text", "path"}
    width, height = (float(root.get(side) or 0) for side in ("width", "height"))
    for left, top, right, bottom in rectangles(root):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


@given(networks())
def test_boxes_do_not_overlap(graph):
    root = ET.fromstring(draw_svg(graph, fold=False))
    for (left, top, right, bottom), (other_left, other_top, other_right, other_bottom) in itertools.combinations(
        rectangles(root), 2
    ):
        assert right < other_left or other_right < left or bottom < other_top or other_bottom < top


def rectangles(root: ET.Element, x: float = 0.0, y: float = 0.0) -> list[tuple[float, float, float, float]]:
    """(left, top, right, bottom) of all boxes, on the whole drawing."""
    found = []
    for node in root:
        move = (node.get("transform") or "translate(0 0)").removeprefix("translate(").removesuffix(")").split()
        dx, dy = (float(part) for part in move)
        if node.get("class", "").startswith("box "):
            rect = node.find(f"{SVG}rect")
            assert rect is not None
            left, top, width, height = (float(rect.get(side) or 0) for side in ("x", "y", "width", "height"))
            found.append((x + left, y + top, x + left + width, y + top + height))
        else:
            found += rectangles(node, x + dx, y + dy)
    return found


@given(networks())
def test_an_operator_is_drawn_below_all_that_it_reads(graph):
    boxes = boxes_of(graph)
    tops = [top for _, top, _, _ in rectangles(ET.fromstring(draw_svg(graph, fold=False)))]
    for box, top in zip(boxes, tops, strict=True):
        assert all(tops[x] < top for x in box.inputs)


def test_activations_share_the_box_of_what_they_follow():
    graph = network(conv(0), Operator("Relu", (1,), (IMAGE,)), conv(2), Operator("Add", (2, 3), (IMAGE,)))
    assert [(box.title, box.details) for box in boxes_of(graph)] == [
        ("Input", ""), ("Conv 3×3", "ReLU"), ("Conv 3×3", ""), ("Add", ""),
    ]  # fmt: skip
    apart = network(conv(0), Operator("Relu", (1,), (IMAGE,)), Operator("Add", (1, 2), (IMAGE,)))
    assert "ReLU" in [box.title for box in boxes_of(apart)]


def test_the_cells_of_a_stage_are_drawn_once():
    space = get_space("nb201")
    drawing = draw_svg(space.operator_graph(space.parse(CELL)))
    assert texts(drawing, "times") == ["× 5"] * 3
    assert len(texts(draw_svg(space.operator_graph(space.parse(CELL)), fold=False), "name")) > 3 * 5 * 8
    assert "3 × 32 × 32" in texts(drawing, "shape")


def test_blocks_that_differ_in_their_channels_say_so():
    stages = [conv(0, channels=4)]
    for channels in range(8, 8 + 8 * 70, 8):
        stages.append(conv(len(stages), channels=channels))
    assert texts(draw_svg(network(*stages)), "times") == ["× 71, sizes differ"]


def test_a_copy_that_is_read_from_outside_is_not_folded_away():
    chain = [conv(position) for position in range(8)]
    graph = network(*chain, Operator("Add", (3, 8), (IMAGE,)))
    items = folded(boxes_of(graph))
    drawn = {position for item in items if isinstance(item, int) for position in [item]}
    lasts = {item.stop - 1 for item in items if isinstance(item, Repeat)}
    assert 3 in drawn | lasts


@given(st.integers(1, 5), st.integers(4, 9))
def test_folding_loses_nothing(length, times):
    """A block of some convolutions, repeated: whatever is folded, every box stands for exactly its own place."""
    windows = [1 + position % length for position in range(length * times)]
    graph = network(*(conv(position, window=window) for position, window in enumerate(windows)))
    boxes = boxes_of(graph)
    covered = []
    for item in folded(boxes):
        covered += [item] if isinstance(item, int) else range(item.start, item.stop)
        if isinstance(item, Repeat):
            for position in range(item.start, item.stop):
                assert boxes[position].title == boxes[item.in_first_copy(position)].title
    assert covered == list(range(len(boxes)))


def test_a_network_of_thousands_of_operators_is_cut_in_the_middle():
    sizes = [conv(position, channels=1 + position % 977, window=1 + position % 89) for position in range(3500)]
    drawing = draw_svg(network(*sizes))
    assert len(texts(drawing, "name")) == 401
    assert "3101 boxes not drawn" in [text.replace(",", "") for text in texts(drawing, "name")]


def test_of_very_many_inputs_the_nearest_are_drawn():
    parts = [conv(0) for _ in range(9)]
    graph = network(*parts, Operator("Concat", tuple(range(1, 10)), ((1, 72, 16, 16),)))
    assert "9 inputs" in texts(draw_svg(graph), "details")


def test_the_drawing_is_complete_in_itself_and_the_same_every_time():
    space = get_space("macro")
    graph = space.operator_graph(space.parse("01201210"))
    drawing = draw_svg(graph)
    assert drawing == draw_svg(graph)
    assert "prefers-color-scheme:dark" in drawing
    assert "url(" not in drawing
    assert "href" not in drawing
    assert "<script" not in drawing


@pytest.mark.parametrize(
    ("shape", "text"), [((1, 3, 32, 32), "3 × 32 × 32"), ((4, 3, 8, 8), "4 × 3 × 8 × 8"), ((1,), "1"), ((), "scalar")]
)
def test_shapes(shape, text):
    assert shape_text(shape) == text
