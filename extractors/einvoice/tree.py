"""A small XML tree for e-invoices, parsed by expat under limits.

Names are local names: prefixes and versions of namespaces change between
editions of a syntax, the element names do not. A document type declaration is
refused as soon as it appears, so no entity is ever declared, expanded or
fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

#: Limits no invoice reaches: nesting, elements, characters of one text.
MAX_DEPTH = 64
MAX_ELEMENTS = 2_000_000
#: An attachment inside the XML (base64) is longer than this; its text is not kept.
MAX_TEXT = 100_000

_NO_ELEMENT = expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]


class XmlRefused(Exception):
    """The bytes are not acceptable XML. `code` is a key of the findings catalogue."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the message."""
        super().__init__(message)
        self.code = code


class Node:
    """One element: local name, namespace, attributes by local name, children, own text."""

    __slots__ = ("_xpath", "attributes", "children", "name", "parent", "space", "text")

    def __init__(
        self, name: str, space: str, attributes: dict[str, str], parent: Node | None
    ) -> None:
        """Make an element without children."""
        self.name = name
        self.space = space
        self.attributes = attributes
        self.parent = parent
        self.children: list[Node] = []
        self.text = ""
        self._xpath = ""

    def all(self, path: str) -> Iterator[Node]:
        """Yield every descendant on `path` (`A/B|C/D`: a bar separates alternatives)."""
        return self._walk(path.split("/"), 0)

    def _walk(self, steps: list[str], at: int) -> Iterator[Node]:
        names = steps[at].split("|")
        last = at + 1 == len(steps)
        for child in self.children:
            if child.name in names:
                if last:
                    yield child
                else:
                    yield from child._walk(steps, at + 1)

    def one(self, path: str) -> Node | None:
        """Return the first descendant on `path`."""
        return next(self.all(path), None)

    def at(self, xpath: str) -> Node | None:
        """Return the element at an absolute path of local names (`/Invoice/Line[2]/ID`)."""
        node: Node | None = None
        for step in xpath.strip("/").split("/"):
            name, _, position = step.rstrip("]").partition("[")
            siblings = [self] if node is None else node.children
            same = [child for child in siblings if child.name == name]
            at = int(position or 1) - 1 if (position or "1").isdigit() else -1
            if not 0 <= at < len(same):
                return None
            node = same[at]
        return node

    def value(self, path: str) -> str | None:
        """Return the text of the first descendant on `path` that has any."""
        for node in self.all(path):
            if node.text:
                return node.text
        return None

    @property
    def xpath(self) -> str:
        """The place as a path of local names, with positions among same-named siblings."""
        if not self._xpath:
            if self.parent is None:
                self._xpath = f"/{self.name}"
            else:
                self.parent._name_children()
        return self._xpath

    def _name_children(self) -> None:
        """Give every child its path at once: one by one would be slow among thousands of lines."""
        above = self.xpath
        several = Counter(child.name for child in self.children)
        seen: Counter[str] = Counter()
        for child in self.children:
            name = child.name
            if several[name] == 1:
                child._xpath = f"{above}/{name}"
            else:
                seen[name] += 1
                child._xpath = f"{above}/{name}[{seen[name]}]"


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._texts: list[list[str]] = []
        self._lengths: list[int] = []
        self._elements = 0

    @property
    def only_root_is_open(self) -> bool:
        """Say whether nothing but the root element waits for its end."""
        return len(self._open) == 1

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) >= MAX_DEPTH:
            raise XmlRefused("hostile", f"elements are nested deeper than {MAX_DEPTH}")
        if self._elements > MAX_ELEMENTS:
            raise XmlRefused("too_large", f"the XML has more than {MAX_ELEMENTS:,} elements")
        space, _, name = tag.rpartition(" ")
        parent = self._open[-1] if self._open else None
        node = Node(name, space, {k.rpartition(" ")[2]: v for k, v in attributes.items()}, parent)
        if parent is None:
            self.root = node
        else:
            parent.children.append(node)
        self._open.append(node)
        self._texts.append([])
        self._lengths.append(0)

    def text(self, data: str) -> None:
        if self._lengths[-1] <= MAX_TEXT:
            self._texts[-1].append(data)
            self._lengths[-1] += len(data)

    def end(self, _tag: str) -> None:
        node = self._open.pop()
        node.text = "".join(self._texts.pop()).strip()[:MAX_TEXT]
        self._lengths.pop()

    def doctype(self, name: str, *_: object) -> None:
        raise XmlRefused("hostile", f"the XML declares a document type ({name[:40]})")


@dataclass(frozen=True, slots=True)
class Parsed:
    """The tree, and what is wrong with the file although it could be read."""

    root: Node
    problem: str | None = None


def parse(data: bytes) -> Parsed:
    """Parse `data`; raise XmlRefused when it is malformed, hostile or beyond the limits.

    A file that merely ends before its root is closed, everything inside being
    complete, is read and reported.
    """
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.buffer_size = 65536
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as failure:
        if failure.code == _NO_ELEMENT and builder.root is not None and builder.only_root_is_open:
            return Parsed(builder.root, "the file ends before its root element is closed")
        raise XmlRefused("damaged", f"malformed XML: {failure}") from None
    except (LookupError, ValueError) as failure:  # an encoding Python does not know
        raise XmlRefused("damaged", f"unreadable XML encoding: {failure}") from None
    if builder.root is None:
        raise XmlRefused("damaged", "the XML has no root element")
    return Parsed(builder.root)
