"""What a graph of operations computes, whatever space it comes from: its canonical form, and graphs as arrays."""
