"""A small client of 9P2000.L, for what diod's tools can't do."""

import socket
import struct

NONE = 0xFFFFFFFF


class P9Error(OSError):
    pass


def text(value):
    value = value.encode()
    return struct.pack("<H", len(value)) + value


class Client:
    def __init__(self, path, uid=NONE):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.fids = 0
        self.call(100, struct.pack("<I", 65536) + text("9P2000.L"))
        self.call(104, struct.pack("<II", 0, NONE) + text("") + text("/") + struct.pack("<I", uid))

    def close(self):
        self.socket.close()

    def receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def call(self, kind, body):
        self.socket.sendall(struct.pack("<IBH", 7 + len(body), kind, 1) + body)
        size, answer, _ = struct.unpack("<IBH", self.receive(7))
        data = self.receive(size - 7)
        if answer == 7:
            raise P9Error(struct.unpack("<I", data)[0], "Rlerror")
        assert answer == kind + 1
        return data

    def walk(self, path, fid=0):
        """A new fid; every name of the path as it is."""
        names = [name for name in path.split("/") if name]
        self.fids += 1
        data = self.call(110, struct.pack("<IIH", fid, self.fids, len(names)) + b"".join(map(text, names)))
        if struct.unpack("<H", data[:2])[0] != len(names):
            raise P9Error(2, "walked only half")
        return self.fids

    def clunk(self, fid):
        self.call(120, struct.pack("<I", fid))

    def open(self, path, flags=0):
        fid = self.walk(path)
        self.call(12, struct.pack("<II", fid, flags))
        return fid

    def create(self, folder, name, mode, gid=0):
        fid = self.walk(folder)
        self.call(14, struct.pack("<I", fid) + text(name) + struct.pack("<III", 0o102, mode, gid))
        return fid

    def read(self, fid, offset=0, count=4096, kind=116):
        data = self.call(kind, struct.pack("<IQI", fid, offset, count))
        return data[4:]

    def write(self, fid, data, offset=0):
        return struct.unpack("<I", self.call(118, struct.pack("<IQI", fid, offset, len(data)) + data))[0]

    def names(self, path):
        fid = self.open(path, 0o200000)
        found, offset = [], 0
        while True:
            data = self.read(fid, offset, kind=40)
            if not data:
                self.clunk(fid)
                return sorted(found)
            while data:
                offset, _, size = struct.unpack("<QBH", data[13:24])
                found.append(data[24:24 + size].decode())
                data = data[24 + size:]

    def stat(self, path):
        """(mode, uid, gid, rdev, size)."""
        fid = self.walk(path)
        data = self.call(24, struct.pack("<IQ", fid, 0x7FF))
        self.clunk(fid)
        mode, uid, gid, _, rdev, size = struct.unpack("<IIIQQQ", data[21:57])
        return mode, uid, gid, rdev, size
