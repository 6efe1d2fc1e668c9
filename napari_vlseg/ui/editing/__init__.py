"""Every change of a labels layer as one edit: journalled as it happens, undone and redone."""
