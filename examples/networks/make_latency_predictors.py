"""Makes the models of phones that ship, `nassurrogate/devices/data/*.safetensors`, from nn-Meter's measurements.

    python examples/networks/make_latency_predictors.py FOLDER

FOLDER has `measured.csv` and `graphs/FAMILY.json.gz`; see `benchmarks.networks.read_measured`. The models are fitted to
all networks, with the default predictor and seed 0. The figures that it prints are of another fit, which did not see a
random tenth of the networks. The same data and package versions give the same models.

The measurements are © Microsoft under the MIT licence, which the notice beside the models repeats:
`nassurrogate/devices/data/NOTICE.txt`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nassurrogate.benchmarks.evaluation.networks.held_out import held_out_error
from nassurrogate.benchmarks.networks import MeasuredNetworks, read_measured
from nassurrogate.devices.latency_models import SHIPPED_FOLDER, latency_metric
from nassurrogate.surrogate import Surrogate

DEVICES = {"cortexA76_cpu": "cortexA76_cpu_tflite21", "adreno640_gpu": "adreno640_gpu_tflite21"}
"""What each device is called here, and in the measurements."""
SEED = 0


def fitted(device: str, networks: MeasuredNetworks) -> Surrogate:
    """The default predictor, fitted on the CPU, whose results are the same everywhere."""
    surrogate = Surrogate("networks", metric=latency_metric(device), seed=SEED, device="cpu")
    return surrogate.fit(networks.graphs, networks.latency_ms)


def make(device: str, networks: MeasuredNetworks, folder: Path) -> Path:
    """Fit one device's model, write it without its labels, and print what it is worth."""
    path = fitted(device, networks).save(folder / f"{device}.safetensors", keep_labels=False)
    print(
        f"{path}: {path.stat().st_size / 1e3:.0f} kB, {len(networks)} networks, {len(networks.family_names)} families"
    )
    error = held_out_error(networks, lambda some: fitted(device, some), seed=SEED)
    if error is not None:
        print(
            f"  {error.n_networks} networks held out: MAPE {error.mape_pct:.2f} %, {error.within_10_pct:.1f} % within "
            f"10 %, Spearman's rho {error.spearman:.4f}"
        )
    return path


def main() -> None:
    """Make both models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="nn-Meter's measurements")
    parser.add_argument("--out", type=Path, default=SHIPPED_FOLDER, help="folder of the models (default: the package)")
    args = parser.parse_args()
    for device, name in DEVICES.items():
        make(device, read_measured(args.folder, name), args.out)


if __name__ == "__main__":
    main()
