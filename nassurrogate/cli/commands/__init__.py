"""The commands, one file each: `add_to(commands)` declares its options, `run(args, console)` returns the exit code."""
