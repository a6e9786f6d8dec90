"""The command line. `main` is its entry point; the commands are in `commands`, one file each."""

from nassurrogate.cli.app import main

__all__ = ["main"]
