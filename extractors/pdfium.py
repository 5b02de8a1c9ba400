"""PDFium as often as it must be asked: files held open, and calls a word or a stroke.

Opening a file and loading its pages costs as much as reading them, so both happen once.
What is asked for every character and every object a page draws is called here
without the conversions of `pypdfium2.raw`, in half of its time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import pypdfium2
import pypdfium2.raw as raw

#: Pages that stay loaded, and how much each may draw for that.
_KEPT_PAGES = 8
_KEPT_OBJECTS = 4000


class PdfFile:
    """A PDF that is opened when first asked for a page, and stays open until the end.

    Use it as a context. PDFium does not say what is wrong with bad bytes in other
    ways than by `pypdfium2.PdfiumError`, which everything here can raise.
    """

    def __init__(self, content: bytes) -> None:
        """Take the bytes of the file; nothing is opened yet."""
        self.content = content
        self._document: Any = None
        self._pages: dict[int, Any] = {}

    def __enter__(self) -> PdfFile:
        """Hold the file open as long as the context lasts."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close pages and file."""
        for page in self._pages.values():
            page.close()
        self._pages.clear()
        if self._document is not None:
            self._document.close()
            self._document = None

    def __len__(self) -> int:
        """Return the number of pages."""
        return len(self._opened())

    @contextmanager
    def page(self, number: int) -> Iterator[Any]:
        """Lend a page of pypdfium2, counted from 1."""
        page = self._pages.get(number)
        if page is None:
            page = self._opened()[number - 1]
            small = len(self._pages) < _KEPT_PAGES
            if small and raw.FPDFPage_CountObjects(page) <= _KEPT_OBJECTS:
                self._pages[number] = page
        try:
            yield page
        finally:
            if number not in self._pages:
                page.close()

    def _opened(self) -> Any:
        if self._document is None:
            self._document = pypdfium2.PdfDocument(self.content)
        return self._document


# -- calls without conversions


class Handle(ctypes.c_void_p):
    """What PDFium knows a page, a text or an object by."""


def handle(owner: Any) -> Handle:
    """Return the handle of a page or a text page of pypdfium2; it does not keep them alive."""
    return Handle(ctypes.cast(owner.raw, ctypes.c_void_p).value)


def unquick(item: Handle) -> Any:
    """Return an object as the functions of `pypdfium2.raw` take it."""
    return ctypes.cast(item, raw.FPDF_PAGEOBJECT)


def _quick(function: Any, result: Any = ctypes.c_int) -> Any:
    """Return a function of PDFium that takes handles, references and small integers as they are."""
    address: Any = ctypes.cast(function, ctypes.c_void_p).value
    return ctypes.PYFUNCTYPE(result)(address)


#: (text page, index of a character, reference to FS_RECTF) -> whether it has a box
char_box = _quick(raw.FPDFText_GetLooseCharBox)
#: (page, index) -> object
page_object = _quick(raw.FPDFPage_GetObject, Handle)
#: (form object, index) -> object
form_object = _quick(raw.FPDFFormObj_GetObject, Handle)
#: (form object) -> number of objects
count_form_objects = _quick(raw.FPDFFormObj_CountObjects)
#: (object) -> kind
object_kind = _quick(raw.FPDFPageObj_GetType)
#: (object, references to left, bottom, right, top as c_float) -> whether it has bounds
object_bounds = _quick(raw.FPDFPageObj_GetBounds)
#: (object, reference to FS_MATRIX) -> whether it has one
object_matrix = _quick(raw.FPDFPageObj_GetMatrix)
#: (path) -> number of segments
count_segments = _quick(raw.FPDFPath_CountSegments)
#: (path, index) -> segment
path_segment = _quick(raw.FPDFPath_GetPathSegment, Handle)
#: (segment, references to x and y as c_float) -> whether it has a point
segment_point = _quick(raw.FPDFPathSegment_GetPoint)
#: (segment) -> kind
segment_kind = _quick(raw.FPDFPathSegment_GetType)
#: (segment) -> whether it closes the figure
segment_closes = _quick(raw.FPDFPathSegment_GetClose)
