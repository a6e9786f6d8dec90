"""Run a notebook from top to bottom in this Python and store its outputs, without traces of where and when it ran.

    pip install "nassurrogate[test]"
    python examples/execute.py examples/search_nb201.ipynb

The notebook runs in a temporary folder, so that files it writes do not stay. Nothing is written if a cell fails.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--out", type=Path, help="where the executed notebook goes (default: in place)")
    parser.add_argument("--timeout", type=int, default=300, metavar="SECONDS", help="for one cell (default: 300)")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        # Before Jupyter is imported: this Python's own kernel, even if the user has another one of that name, and no
        # start-up files of the user's.
        os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
        os.environ["IPYTHONDIR"] = str(Path(folder, "ipython"))
        # Scripts beside the notebook can be imported, as where Jupyter is started in their folder.
        beside = [str(args.notebook.resolve().parent), os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, beside))
        import nbformat
        from nbclient import NotebookClient

        work = Path(folder, "work")
        work.mkdir()
        notebook = nbformat.read(args.notebook, as_version=4)
        client = NotebookClient(
            notebook,
            timeout=args.timeout,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(work)}},
        )
        client.execute()

    notebook.metadata.language_info = {"name": "python"}
    out = args.out or args.notebook
    fresh = out.with_name(f".{out.name}.new")
    nbformat.write(notebook, fresh)
    fresh.replace(out)


if __name__ == "__main__":
    main()
