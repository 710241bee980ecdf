"""Texts of a dump in any encoding: kept byte for byte, and shown as well as possible."""


def kept(data: bytes) -> str:
    """Text from which `raw` restores every byte."""
    return data.decode(errors="surrogateescape")


def raw(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def shown(text: str) -> str:
    """Text for a person: UTF-8 if valid, else Latin 1."""
    data = raw(text)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def identifier(name: str) -> bytes:
    """The quoted SQL identifier."""
    return b'"' + raw(name).replace(b'"', b'""') + b'"'
