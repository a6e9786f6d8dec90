"""The command line. `main` is its entry point; the commands are in `commands`, one file each."""

from nassurrogate.cli.app import main
from nassurrogate.renamed import moved_names

__all__ = ["main"]
__getattr__ = moved_names(__name__, ["app"])
