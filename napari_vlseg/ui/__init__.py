"""The dock widget; the only layer that knows napari and Qt."""
