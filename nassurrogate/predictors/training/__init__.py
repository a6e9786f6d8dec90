"""Training and running networks: ensembles, losses, checkpoints, devices, threads."""
