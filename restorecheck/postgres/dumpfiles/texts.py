"""Texts of a dump, which may be of any encoding: kept byte for byte, and shown as well as can be."""


def kept(data: bytes) -> str:
    """Text that `raw` gives back to the byte."""
    return data.decode(errors="surrogateescape")


def raw(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def shown(text: str) -> str:
    """For a person. UTF-8 almost always; Latin 1 takes whatever is not."""
    data = raw(text)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def identifier(name: str) -> bytes:
    """As SQL quotes a name."""
    return b'"' + raw(name).replace(b'"', b'""') + b'"'
