"""What stands before an XML document's first element: no spreadsheet program writes a DOCTYPE."""

from __future__ import annotations

from typing import IO
from xml.parsers import expat

_PIECE = 1 << 16
#: Programs write a line or two; who writes more before the first element hides something.
_LONGEST = 1 << 20


class _Found(Exception):
    """The first element, or a DOCTYPE before it."""


def declares_doctype(stream: IO[bytes]) -> bool:
    """Say whether XML declares a DOCTYPE, in whatever encoding; nothing behind it is read.

    What is no XML is left for its parser to tell. Raises what the stream raises.
    """
    parser = expat.ParserCreate()
    declared = False

    def element(*_: object) -> None:
        raise _Found

    def doctype(*_: object) -> None:
        nonlocal declared
        declared = True
        raise _Found

    parser.StartElementHandler = element
    parser.StartDoctypeDeclHandler = doctype
    read = 0
    try:
        while piece := stream.read(_PIECE):
            read += len(piece)
            parser.Parse(piece, False)
            if read > _LONGEST:
                return True
    except (_Found, expat.ExpatError, LookupError, ValueError):
        pass
    return declared
