"""What this machine has: torch devices, threads, optional libraries and their versions, plug-ins of other packages."""
