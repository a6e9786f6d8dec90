"""A problem: a space of networks, and how one of them is trained.

    nassurrogate search --problem problem.py --budget 30

This file is your own code. It is run as such: once where the search runs, which needs `space`, and once in every
process that trains. As it stands, it trains small networks to read letters in fonts that they have not seen, a second
or two each. Replace the parts marked 1 to 4 with your own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn

from nassurrogate import Architecture
from nassurrogate.spaces import CategoricalSpace, Slot

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FONTS = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmb", "cmr", "cmss", "cmt")  # those that Matplotlib brings
SIDE = 20  # pixels


# 1. The network. `arch.choices` holds the value of every active slot; the batch comes first in the input of the module.
def build(arch: Architecture) -> nn.Module:
    choices = arch.choices
    layers: list[nn.Module] = []
    channels = 1
    for block in range(choices["blocks"]):
        width = choices["width"] * 2**block
        layers.append(nn.Conv2d(channels, width, choices["kernel"], padding=choices["kernel"] // 2))
        if choices["norm"]:
            layers.append(nn.BatchNorm2d(width))
        layers += [nn.ReLU(), nn.MaxPool2d(2) if choices["pool"] == "max" else nn.AvgPool2d(2)]
        channels = width
    layers += [nn.AdaptiveAvgPool2d(choices["grid"]), nn.Flatten()]
    features = channels * choices["grid"] ** 2
    if choices["head"] == "mlp":
        layers += [nn.Linear(features, choices["hidden"]), nn.ReLU()]
        features = choices["hidden"]
    return nn.Sequential(*layers, nn.Linear(features, len(LETTERS)))


# 2. The choices. A slot with `when` is active only where it holds. From `build` follow the exact costs, which a search
#    can bound: `--constraint "params_m<=0.05"`.
space = CategoricalSpace(
    "letters",
    {
        "blocks": [2, 3],
        "width": [8, 12, 16],
        "kernel": [3, 5],
        "norm": [True, False],
        "pool": ["max", "average"],
        "grid": [1, 2],
        "head": ["linear", "mlp"],
        "hidden": Slot([32, 64, 128], when={"head": "mlp"}),
    },
    build=build,
    input_shape=(1, SIDE, SIDE),
)
dataset = "letters"  # its name in reports


# 3. The data, kept by `cache` for all trainings of a process: images (N, 1, SIDE, SIDE) and classes (N,).
@cache
def data(is_validation: bool) -> tuple[torch.Tensor, torch.Tensor]:
    files = sorted(Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf"))
    fonts = [file for file in files if file.name.startswith(FONTS) and "Display" not in file.name]
    rng = np.random.default_rng(is_validation)
    images, classes = [], []
    for font in fonts[::4] if is_validation else [font for i, font in enumerate(fonts) if i % 4]:
        face = ImageFont.truetype(str(font), 16)
        for which, letter in enumerate(LETTERS):
            for _ in range(3):
                image = Image.new("L", (SIDE, SIDE))
                x, y = SIDE / 2 + rng.uniform(-2, 2, 2)
                ImageDraw.Draw(image).text((x, y), letter, 255, face, anchor="mm")
                images.append(np.asarray(image.rotate(rng.uniform(-20, 20))))
                classes.append(which)
    pixels = torch.tensor(np.stack(images), dtype=torch.float32)
    return pixels[:, None] / 255 - 0.2, torch.tensor(classes)


# 4. The training. It returns the validation accuracy in percent, or a dict of several metrics with `val_accuracy_pct`
#    among them (`objective = "val_loss"` in this file makes another one the objective). `fidelity`, here the number of
#    epochs, is None unless the search is asked for one. What it prints is kept in the run folder.
def evaluate(arch: Architecture, seed: int = 0, fidelity: int | None = None) -> dict[str, float]:
    torch.set_num_threads(1)  # trainings may run side by side: `--workers 4`
    torch.manual_seed(seed)
    network = build(arch)
    images, classes = data(is_validation=False)
    epochs, batch = fidelity or 8, 64
    n_steps = epochs * -(-len(images) // batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=n_steps)
    network.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(batch):
            loss = nn.functional.cross_entropy(network(images[rows]), classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    images, classes = data(is_validation=True)
    with torch.no_grad():
        scores = network(images)
    correct = (scores.argmax(dim=1) == classes).float().mean()
    return {
        "val_accuracy_pct": 100 * correct.item(),
        "val_loss": nn.functional.cross_entropy(scores, classes).item(),
    }
