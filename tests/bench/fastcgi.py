"""A FastCGI client, for what is asked of a worker without nginx."""

import socket
import struct

BEGIN_REQUEST, PARAMS, STDIN, STDOUT = 1, 4, 5, 6
RESPONDER = struct.pack(">HB5x", 1, 0)  # and close the connection


def request(params, body=b""):
    """All of its records, in the order in which nginx sends them, for one write."""
    pairs = b"".join(_length(name) + _length(value) + name.encode() + value.encode()
                     for name, value in params.items())
    records = _record(BEGIN_REQUEST, RESPONDER) + _record(PARAMS, pairs) + _record(PARAMS, b"")
    return records + (_record(STDIN, body) if body else b"") + _record(STDIN, b"")


def ask(path, records):
    """The answer, head and body, of the server that listens at `path`; empty if it gave none."""
    received = bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(records)
        while chunk := connection.recv(65536):
            received += chunk
    answer, at = bytearray(), 0
    while at + 8 <= len(received):
        kind, size, padding = struct.unpack_from(">xB2xHBx", received, at)
        if kind == STDOUT:
            answer += received[at + 8:at + 8 + size]
        at += 8 + size + padding
    return bytes(answer)


def _length(text):
    size = len(text.encode())
    return struct.pack(">B", size) if size < 128 else struct.pack(">I", size | 1 << 31)


def _record(kind, content):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content
