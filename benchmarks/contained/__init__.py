"""Programs in process groups of their own: what they print is kept, and none of them outlives this process."""
