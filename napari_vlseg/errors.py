"""Every error a person may see: each names the fact and the remedy in one sentence."""

from __future__ import annotations


class VlsegError(Exception):
    """Base of all errors that the package raises on purpose.

    The text is shown to the person as it stands (a notification in the window,
    one line on the command line), so it says what is wrong and what to do.
    """


class ImageError(VlsegError):
    """An image can't be read, or has a shape or content that can't be segmented."""


class PromptError(VlsegError):
    """A prompt is empty, or does not fit its image."""


class SettingsError(VlsegError):
    """A setting has a value outside its range; the message lists what is valid."""


class ModelError(VlsegError):
    """A model is unknown, absent, corrupt, unsafe to load, or does not fit the device."""


class ProjectError(VlsegError):
    """A project folder can't be created, read or written."""


class ConflictError(ProjectError):
    """Another program or window wrote what is about to be saved over; forcing keeps both."""


class LedgerError(ProjectError):
    """An edit does not fit the labels or the objects that it is to be applied to."""


class CacheError(VlsegError):
    """A stored embedding can't be written, or can't be used."""


class ClusterError(VlsegError):
    """A cluster can't be reached, or its workers can't do the work."""


class ExportError(VlsegError):
    """A data set can't be exported."""


class VlsegWarning(UserWarning):
    """Something a person should know although the work went on."""
