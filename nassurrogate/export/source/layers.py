"""Layers of `torch.nn` as calls of their constructors; checked by making them again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from nassurrogate.errors import one_line
from nassurrogate.export.source.errors import NoSourceError
from nassurrogate.export.source.expressions import Call, Literal

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_WRITTEN_OUT = (nn.Transformer, nn.TransformerEncoder, nn.TransformerDecoder)
"""Classes of `torch.nn` whose constructors take modules; their forward is written out."""
_PLAIN = (bool, int, float, str, type(None))
_ONE_FOR_ALL = ("kernel_size", "stride", "padding", "dilation", "output_padding")
"""Arguments for which one number stands for the same number on every axis."""


def is_layer(module: nn.Module) -> bool:
    """Whether it is a layer of `torch.nn`, or of a class that changes no more of it than its constructor."""
    return layer_class(module) is not None


def layer_class(module: nn.Module) -> type[nn.Module] | None:
    """The class in `torch.nn` of a layer; None for containers and for what is no layer."""
    for kind in type(module).__mro__:
        if getattr(nn, kind.__name__, None) is kind:
            is_whole = kind is not nn.Module and not issubclass(kind, _CONTAINERS + _WRITTEN_OUT)
            return kind if is_whole else None
        if any(callable(value) for name, value in vars(kind).items() if name not in ("__init__", "__annotate_func__")):
            return None
    return None


def constructor(module: nn.Module) -> Call:
    """The call that makes a layer like this one, but for its numbers. Raises `NoSourceError` if there is none."""
    kind = layer_class(module)
    assert kind is not None
    arguments = _SPECIAL.get(kind, _arguments)(module)
    parameters = inspect.signature(kind.__init__).parameters
    bare = [
        name
        for name in arguments
        if name == "p" or (name in parameters and parameters[name].default is inspect.Parameter.empty)
    ]
    _check(module, kind, arguments)
    return Call(
        f"nn.{kind.__name__}",
        [Literal(arguments[name], name) for name in bare],
        {name: Literal(value, name) for name, value in arguments.items() if name not in bare},
    )


def _arguments(module: nn.Module) -> dict[str, Any]:
    """The arguments of the constructor that differ from their defaults, as the layer keeps them."""
    kind = layer_class(module)
    assert kind is not None
    found: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(kind.__init__).parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or name in ("device", "dtype"):
            continue
        has_default = parameter.default is not parameter.empty
        value = getattr(module, name, parameter.default)
        if isinstance(value, torch.Tensor) or (value is None and isinstance(parameter.default, bool)):
            value = value is not None  # such as `bias`, which says whether there is one
        if value is parameter.empty or not _is_plain(value):
            raise NoSourceError(f"{kind.__name__} does not keep its argument {name}")
        if isinstance(value, tuple | list) and len(set(value)) == 1:
            is_one = name in _ONE_FOR_ALL or (name == "normalized_shape" and len(value) == 1)
            value = value[0] if is_one else value
        if name == "stride" and parameter.default is None and value == found.get("kernel_size"):
            continue
        if name == "bias" and False in (found.get("affine"), found.get("elementwise_affine")):
            continue  # newer than these two, which imply it
        if not (has_default and type(value) is type(parameter.default) and value == parameter.default):
            found[name] = tuple(value) if isinstance(value, list) else value
    return found


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN) or (isinstance(value, tuple | list) and all(map(_is_plain, value)))


def _given(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _attention(module: Any) -> dict[str, Any]:
    embed_dim = module.embed_dim
    values = {
        "embed_dim": embed_dim,
        "num_heads": module.num_heads,
        "dropout": module.dropout,
        "bias": module.in_proj_bias is not None,
        "add_bias_kv": module.bias_k is not None,
        "add_zero_attn": module.add_zero_attn,
        "kdim": module.kdim,
        "vdim": module.vdim,
        "batch_first": module.batch_first,
    }
    defaults = {"dropout": 0.0, "bias": True, "add_bias_kv": False, "add_zero_attn": False, "batch_first": False}
    return _given(values, {**defaults, "kdim": embed_dim, "vdim": embed_dim})


def _transformer_layer(module: Any) -> dict[str, Any]:
    activation = module.activation
    names = {F.relu: "relu", F.gelu: "gelu"}
    if isinstance(activation, nn.Module) or activation not in names:
        raise NoSourceError(f"{type(module).__name__} has an activation other than relu and gelu")
    values = {
        "d_model": module.self_attn.embed_dim,
        "nhead": module.self_attn.num_heads,
        "dim_feedforward": module.linear1.out_features,
        "dropout": module.dropout.p,
        "activation": names[activation],
        "layer_norm_eps": module.norm1.eps,
        "batch_first": module.self_attn.batch_first,
        "norm_first": module.norm_first,
        "bias": module.linear1.bias is not None,
    }
    defaults = {
        "dim_feedforward": 2048,
        "dropout": 0.1,
        "activation": "relu",
        "layer_norm_eps": 1e-5,
        "batch_first": False,
        "norm_first": False,
        "bias": True,
    }
    return _given(values, defaults)


def _recurrent(module: Any) -> dict[str, Any]:
    values = {
        "input_size": module.input_size,
        "hidden_size": module.hidden_size,
        "num_layers": module.num_layers,
        "bias": module.bias,
        "batch_first": module.batch_first,
        "dropout": module.dropout,
        "bidirectional": module.bidirectional,
        "proj_size": module.proj_size,
    }
    if isinstance(module, nn.RNN):
        values["nonlinearity"] = module.nonlinearity
    defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
    return _given(values, {**defaults, "proj_size": 0, "nonlinearity": "tanh"})


_SPECIAL: dict[type[nn.Module], Callable[[nn.Module], dict[str, Any]]] = {
    nn.MultiheadAttention: _attention,
    nn.TransformerEncoderLayer: _transformer_layer,
    nn.TransformerDecoderLayer: _transformer_layer,
    **dict.fromkeys((nn.RNN, nn.LSTM, nn.GRU), _recurrent),
    nn.Identity: lambda _: {},
}


def _check(module: nn.Module, kind: type[nn.Module], arguments: Mapping[str, Any]) -> None:
    """Raise `NoSourceError` unless a layer made with these arguments is like the given one."""
    try:
        with torch.device("meta"):
            made = kind(**arguments)
    except Exception as error:  # constructors raise whatever they like
        raise NoSourceError(f"{kind.__name__} cannot be made again: {one_line(error)}") from error
    for path, part in made.named_modules():
        other = dict(module.named_modules())[path]
        differing = [
            name
            for name, value in vars(part).items()
            if not name.startswith("_") and name != "training" and _is_plain(value) and vars(other).get(name) != value
        ]
        if differing:
            raise NoSourceError(f"{kind.__name__} cannot be made again: its {differing[0]} is no constructor argument")
    shapes = [{name: tuple(t.shape) for name, t in each.state_dict().items()} for each in (made, module)]
    if shapes[0] != shapes[1]:
        raise NoSourceError(f"{kind.__name__} cannot be made again: its parameters are not those of its constructor")
