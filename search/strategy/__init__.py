"""What is evaluated next: the initial sample, the surrogate's choices, the confirmation, and which one is the best."""
