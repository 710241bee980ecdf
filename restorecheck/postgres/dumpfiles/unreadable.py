"""The two ways in which the bytes of a file cannot be read."""

from restorecheck.errors import RestorecheckError


class DamagedLayerError(RestorecheckError):
    """The bytes of a layer are not whole; the text completes `the dump …`."""


class UnusableLayerError(RestorecheckError):
    """The layer cannot be peeled here; says nothing about the backup."""


class OthersFormatError(UnusableLayerError):
    """What others can unpack may be a dump, or anything else that people archive."""


class BaseBackupError(UnusableLayerError):
    """It is a backup of a whole server, and so no dump."""


class UnnamedFileError(UnusableLayerError):
    """A zip or tar file holds one file, which may be a dump or anything else."""


class NoDumpError(RestorecheckError):
    """A zip or tar file holds other files only."""
