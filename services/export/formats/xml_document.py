"""XML documents as bytes."""

from xml.etree import ElementTree as ET


def xml_bytes(root: ET.Element, *, indent: str = "  ") -> bytes:
    """Return a document in UTF-8 with its declaration, indented; `root` gets the white space."""
    ET.indent(root, indent)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
