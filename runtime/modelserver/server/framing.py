"""Where a request's head and its chunked body end, in bytes that come in arbitrary pieces (RFC 9112). No sockets."""

import re

from modelserver.errors import BodyTooLarge, HeadTooLarge, MalformedRequest

END_OF_HEAD = b"\r\n\r\n"
# Before a request line (RFC 9112 §2.2); any number, or it would matter where the network cuts the bytes. Who sends
# nothing else is as idle as who sends nothing.
EMPTY_LINES = re.compile(rb"(?:\r\n)+")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?\r\n")
LONGEST_CHUNK_LINE = 256
LARGEST_TRAILER = 8192
# Of what frames the chunks. A chunk's line, twice its data and 16 bytes more are free; what is more adds up.
MOST_OVERHEAD = 16 * 1024


def take_head(buffer: bytearray, limit: int) -> bytes | None:
    """Move the next head, with the empty line at its end, out of the buffer; None while it is not whole.

    Raises HeadTooLarge beyond `limit` bytes, and MalformedRequest as soon as it can't become a head.
    """
    if lines := EMPTY_LINES.match(buffer):
        end = lines.end()
        del lines  # a match holds the bytearray, which could then not shrink
        del buffer[:end]
    # Before the parser, which overlooks some of what may stand here: one that does not would see another request.
    if buffer and not buffer[:1].isalpha() and buffer != b"\r":
        raise MalformedRequest("This is not an HTTP/1.1 request.")
    end = buffer.find(END_OF_HEAD) + 4
    if 4 <= end <= limit:
        raw = bytes(memoryview(buffer)[:end])
        del buffer[:end]
        return raw
    if len(buffer) > limit:
        raise HeadTooLarge(f"Request line and headers are larger than {limit} bytes.")
    if b"\n\n" in buffer:
        raise MalformedRequest("This is not an HTTP/1.1 request.")
    return None


def take_body(buffer: bytearray, length: int) -> bytes | None:
    """Move a body of `length` bytes out of the buffer; None while it is not whole."""
    if len(buffer) < length:
        return None
    body = bytes(memoryview(buffer)[:length])
    del buffer[:length]
    return body


class Chunks:
    """A chunked body being read. Feed it the buffer that the rest arrives in; it takes what it has understood."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.body = bytearray()
        self._left = 0  # of the current chunk, its CRLF included
        self._last = False
        self._overhead = 0

    def take(self, buffer: bytearray) -> bool:
        """Move chunks from `buffer` to `body`; True when the body is whole. Raises MalformedRequest, BodyTooLarge."""
        while True:
            if self._left > 2:
                data = buffer[: self._left - 2]
                self.body += data
                self._left -= len(data)
                del buffer[: len(data)]
            if self._left > 2 or (self._left and len(buffer) < 2):
                return False
            if self._left:
                if buffer[:2] != b"\r\n":
                    raise MalformedRequest("A chunk of the body does not end where its size says.")
                del buffer[:2]
                self._left = 0
            if self._last:
                return self._trailers(buffer)
            if not self._size(buffer):
                return False

    def _size(self, buffer: bytearray) -> bool:
        line = CHUNK_SIZE.match(buffer, 0, LONGEST_CHUNK_LINE)
        if line is None:
            if b"\n" in buffer[:LONGEST_CHUNK_LINE] or len(buffer) >= LONGEST_CHUNK_LINE:
                raise MalformedRequest("A chunk of the body has no readable size.")
            return False
        length, end = int(line[1], 16), line.end()
        del line  # a match holds the bytearray, which could then not shrink
        if len(self.body) + length > self.limit:
            raise BodyTooLarge(f"The body is larger than the limit of {self.limit} bytes.")
        self._overhead = max(self._overhead + end - 16 - 2 * length, 0)
        if self._overhead > MOST_OVERHEAD:
            raise MalformedRequest("The body's chunks are mostly chunk extensions, which nobody reads here.")
        self._last, self._left = length == 0, length + 2 if length else 0
        del buffer[:end]
        return True

    def _trailers(self, buffer: bytearray) -> bool:
        if buffer[:2] == b"\r\n":
            del buffer[:2]
            return True
        end = buffer.find(END_OF_HEAD)
        if end < 0:
            if len(buffer) > LARGEST_TRAILER:
                raise MalformedRequest("The trailers after the body are too long.")
            return False
        del buffer[: end + len(END_OF_HEAD)]
        return True
