"""The parts of the dock widget: they report what a person does and show what they are told."""
