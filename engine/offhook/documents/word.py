"""Word documents (.docx)."""

from __future__ import annotations

import io
import zipfile

from offhook.documents.blocks import Document
from offhook.documents.html import read_html
from offhook.documents.needed import needed
from offhook.errors import DocumentError

MAX_UNPACKED_BYTES = 200_000_000
_STYLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"


def read_word(content: bytes, title: str) -> Document:
    """Raises DocumentError when it is none."""
    mammoth = needed("mammoth")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise DocumentError("it unpacks to more than 200 MB: save the text alone")
        page = mammoth.convert_to_html(io.BytesIO(content), style_map=_STYLES).value
    except DocumentError:
        raise
    except Exception as error:  # whatever a broken archive makes the library stumble over
        raise DocumentError(
            "is no Word document (.docx) that can be read: save it again, or as PDF or text"
        ) from error
    return read_html(page, title)
