"""Sizes of inputs: declared, open, given, and wrong."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from onnx import TensorProto, helper

from nassurrogate.errors import InputError
from nassurrogate.graphs.readers.onnx_reader import read_onnx
from tests.graphs.readers.onnx_models import Sizes, integers, model, node, weight

ALL_SIZES = "give all, for example input_shapes={'x': (1, 3, 224, 224)} or --input-shape 1,3,224,224"
ALL_SIZES_OF_ROWS = "give all, for example input_shapes={'x': (1, 128, 16)} or --input-shape 1,128,16"


def relu(**inputs: Sizes) -> Any:
    """A model of one operator that reads its first input."""
    return model([node("Relu", next(iter(inputs)))], inputs)


def message(source: Any, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        read_onnx(source, **options)
    return str(error.value)


def test_given_sizes_fill_open_ones() -> None:
    open_model = relu(x=("N", 3, "H", None))
    by_name = read_onnx(open_model, input_shapes={"x": (2, 3, 16, 12)})
    assert by_name.operators[0].output_shape == (2, 3, 16, 12)
    assert by_name == read_onnx(open_model, input_shapes=[2, 3, 16, 12])


def test_a_batch_of_unknown_size_is_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        graph = read_onnx(relu(x=("batch", 3, 8, 8)))
    assert graph.operators[0].output_shape == (1, 3, 8, 8)
    assert caplog.messages == ["net: the open batch size of the input 'x' is taken as 1"]


def test_known_sizes_are_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read_onnx(relu(x=(2, 3)))
        read_onnx(relu(x=("N", 3)), input_shapes=(4, 3))
    assert caplog.messages == []


def test_a_name_stands_for_one_size() -> None:
    sequences = model([node("Add", "x z")], {"x": ("N", 3), "z": ("N", 3)})
    graph = read_onnx(sequences, input_shapes={"x": (5, 3)})
    assert [operator.output_shape for operator in graph.operators] == [(5, 3)] * 3
    assert message(sequences, input_shapes={"x": (5, 3), "z": (4, 3)}) == (
        "the input 'z' of net has the shape (N, 3) with N=5, which (4, 3) does not fit"
    )


def test_a_weight_among_the_inputs_is_none() -> None:
    """Old exporters list all initializers as inputs."""
    old = model([node("MatMul", "x w")], {"x": (1, 3), "w": (3, 2)}, [weight("w", 3, 2)])
    assert [operator.kind for operator in read_onnx(old).operators] == ["Input", "Gemm"]


def test_unread_inputs_count() -> None:
    assert [operator.kind for operator in read_onnx(relu(x=(1, 3), mask=(1, 2))).operators] == [
        "Input",
        "Input",
        "Relu",
    ]


def test_shapes_that_are_computed_from_an_input_are_known() -> None:
    """The chain of Shape, Gather, Concat and Reshape that exporters write for `x.view(len(x), -1)`."""
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "length", axis=0),
        node("Unsqueeze", "length axes", "first"),
        node("Concat", "first rest", "target", axis=0),
        node("Relu", "x", "r"),
        node("Reshape", "r target"),
    ]
    zero = helper.make_tensor("zero", TensorProto.INT64, [], [0])
    view = model(nodes, {"x": ("N", 3, 4)}, [zero, integers("axes", 0), integers("rest", -1)])
    reshape = read_onnx(view, input_shapes=(6, 3, 4)).operators[-1]
    assert (reshape.kind, reshape.output_shape) == ("Reshape", (6, 12))


@pytest.mark.parametrize(
    ("inputs", "given", "expected"),
    [
        (
            {"x": ("N", 3, "H", "W")},
            None,
            f"the input 'x' of net has open sizes in its shape (N, 3, H, W): {ALL_SIZES}",
        ),
        (
            {"x": (None, None, 16)},
            None,
            f"the input 'x' of net has open sizes in its shape (?, ?, 16): {ALL_SIZES_OF_ROWS}",
        ),
        (
            {"x": None},
            None,
            f"the input 'x' of net has no declared shape: {ALL_SIZES}",
        ),
        ({"x": (1, 0, 4)}, None, "the input 'x' of net is empty: its shape is (1, 0, 4)"),
        ({"x": (1, 3)}, (1, 4), "the input 'x' of net has the shape (1, 3), which (1, 4) does not fit"),
        ({"x": (1, 3)}, (1, 3, 1), "the input 'x' of net has the shape (1, 3), which (1, 3, 1) does not fit"),
        ({"x": (None, 3)}, (0, 3), "the shape of the input 'x' must be positive sizes, got (0, 3)"),
        ({"x": (None, 3)}, (1.5, 3), "the shape of the input 'x' must be positive sizes, got (1.5, 3)"),
        ({"x": (None, 3)}, {"x": "1,3"}, "the shape of the input 'x' must be positive sizes, got '1,3'"),
        (
            {"image": (None, 3)},
            {"imgae": (1, 3)},
            "unknown input 'imgae' of net; known: image; did you mean 'image'?",
        ),
        ({"x": (1, 3), "z": (1, 3)}, (1, 3), "net has 2 inputs, x, z: give a shape for each by its name"),
        ({}, None, "net has no inputs"),
    ],
)
def test_wrong_sizes(inputs: dict[str, Sizes], given: Any, expected: str) -> None:
    source = model([node("Relu", next(iter(inputs), "w"))], inputs, [] if inputs else [weight("w", 3)])
    assert message(source, input_shapes=given) == expected


def test_inputs_that_are_no_tensors() -> None:
    sequence = model([node("SequenceLength", "s")], {})
    value = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, (1, 3))
    sequence.graph.input.append(value)
    assert message(sequence) == "the input 's' of net is no tensor but a value of type sequence"
