"""Objects of a stack followed from the window, linked through planes, and shown as tracks."""
