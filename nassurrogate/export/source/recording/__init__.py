"""What a module does, recorded part by part."""
