"""How networks are trained and run: ensembles, losses, checkpoints, devices, threads."""
