"""What a person presses."""
