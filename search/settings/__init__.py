"""What a search was asked for: its checked arguments, its settings, and the schedule that follows from them."""
