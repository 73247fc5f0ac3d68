"""Names of classes and groups, in the one form in which they are compared."""

import unicodedata


def nfc(name: str) -> str:
    """Returns a name in Unicode NFC: macOS writes names in NFD, which look the same and are other text."""
    return unicodedata.normalize("NFC", name)
