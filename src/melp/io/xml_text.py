"""XML as text and as elements: any encoding, no entities."""

from __future__ import annotations

import codecs
import re
from xml.etree import ElementTree

_MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be",
    b"<\0": "utf-16-le", b"\0<": "utf-16-be",
}  # fmt: skip
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_PROLOG = re.compile(r"^\s*<\?xml[^>]*\?>")
# Comments, instructions and the document type come before the root.
_BEFORE_ROOT = re.compile(r"\s*(?:<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^<>\[]*(?:\[.*?\]\s*)?>)", re.DOTALL)
# Exports do not always escape what people typed: a bare "&", characters that XML does not allow.
_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_FORBIDDEN = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:0*(?:[0-8]|1[124-9]|2\\d|3[01])|x0*(?:[0-8bcef]|1[0-9a-f]));"
)
_NAME = re.compile(r"\s*<([^\s<>/!?]{1,200})[\s/>]")


def decode(data: bytes) -> str:
    """Return bytes as text: by byte order mark, by the encoding declared in XML, else UTF-8 or Latin-1."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    declared = _DECLARED.match(data)
    # A declaration of UTF-16 that can be read as ASCII is wrong: something converted the file.
    if declared and not declared[1].lower().startswith((b"utf-16", b"utf-8", b"ucs")):
        try:
            return data.decode(declared[1].decode("ascii"), errors="replace")
        except LookupError:  # an unknown encoding
            pass
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data)  # the head may end within a character
    except UnicodeDecodeError:
        return data.decode("latin-1")


def root_name(text: str) -> str:
    """Return the name of the root element, without its namespace; "" if the text is not XML."""
    position = 0
    while match := _BEFORE_ROOT.match(text, position):
        position = match.end()
    name = _NAME.match(text, position)
    return name[1].rpartition(":")[2] if name else ""


def parse_xml(text: str) -> ElementTree.Element:
    """Parse XML; the names of elements are without their namespaces. What was not escaped is text.

    Raises:
        ValueError: it is not well-formed, or defines entities, which can expand without bounds.
    """
    if "<!ENTITY" in text:
        raise ValueError("XML that defines entities found, wanted none")
    try:
        root = ElementTree.fromstring(_BARE.sub("&amp;", _FORBIDDEN.sub("", _PROLOG.sub("", text, count=1))))
    except ElementTree.ParseError as error:
        raise ValueError(f"not well-formed XML ({error}); a damaged file") from None
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root
