"""Teaching the model what a person corrected, from the window."""
