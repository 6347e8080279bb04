"""What a recorded trace says about the process behind it. Pure."""
