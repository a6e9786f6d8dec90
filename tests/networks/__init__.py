"""Networks like torchvision's, built from their papers with fresh weights, which tests and measurements share."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from tests.networks.convnext import convnext_tiny
from tests.networks.densenet import densenet121
from tests.networks.googlenet import googlenet
from tests.networks.mobile import mnasnet, mobilenet_v2
from tests.networks.plain import alexnet, vgg11_bn
from tests.networks.resnet import resnet18, resnet50
from tests.networks.searched import efficientnet_b0, mobilenet_v3_large
from tests.networks.shufflenet import shufflenet_v2
from tests.networks.squeezenet import squeezenet
from tests.networks.vit import vit_b16, vit_multihead, vit_tiny

IMAGE = (1, 3, 224, 224)
"""The input shape of all networks here."""
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "alexnet": alexnet,
    "convnext_tiny": convnext_tiny,
    "densenet121": densenet121,
    "efficientnet_b0": efficientnet_b0,
    "googlenet": googlenet,
    "mnasnet": mnasnet,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "shufflenet_v2": shufflenet_v2,
    "squeezenet": squeezenet,
    "vgg11_bn": vgg11_bn,
    "vit_b16": vit_b16,
    "vit_multihead": vit_multihead,
    "vit_tiny": vit_tiny,
}
"""Constructors by name; `with torch.device("meta")` builds one without memory for its weights."""
