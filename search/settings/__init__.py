"""What a search was asked for: arguments, settings, and the schedule that follows from them."""
