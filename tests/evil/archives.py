"""Archives that mean harm, and what must come of each. Headers are written byte by byte: no tool would make most of them.

    archives.py FOLDER      writes NAME for each case, and "expected", a line for each:

        NAME refused REASON[,REASON...]     any of these
        NAME tree ENTRY...                  the whole tree below the root, sorted, in both forms

ENTRY is TYPE:PATH:MODE:UID:GID, then for a file =CONTENT (#SIZE when longer than 40 bytes), for a symlink >TARGET, for a
device >MAJOR,MINOR, and +COUNT for extended attributes. TYPE is as "find -type" has it; h:PATH=FIRST is another name
of FIRST. Bytes that are no plain ASCII, and the signs that mean something here, stand as %XX.
"""

import gzip
import lzma
import pathlib
import struct
import sys

CASES = {}
CORRUPT, UNSUPPORTED, NONE = "CORRUPT_SOURCE", "UNSUPPORTED_FORMAT", "NOT_A_DISTRO"


def header(name=b"a", kind=b"0", size=0, mode=0o644, uid=0, gid=0, link=b"", magic=b"ustar\x0000", prefix=b"", mtime=0,
           major=0, minor=0, raw=None, checksum=None):
    """A block; `raw` puts bytes at offsets before the checksum is made, `checksum` stands in for that."""
    def octal(value, width):
        return value if isinstance(value, bytes) else b"%0*o\x00" % (width - 1, value)

    block = bytearray(512)

    def put(offset, width, value):
        block[offset:offset + width] = value[:width].ljust(width, b"\x00")

    put(0, 100, name)
    put(100, 8, octal(mode, 8))
    put(108, 8, octal(uid, 8))
    put(116, 8, octal(gid, 8))
    put(124, 12, octal(size, 12))
    put(136, 12, octal(mtime, 12))
    put(156, 1, kind)
    put(157, 100, link)
    put(257, 8, magic)
    put(329, 8, octal(major, 8))
    put(337, 8, octal(minor, 8))
    put(345, 155, prefix)
    for offset, value in (raw or {}).items():
        block[offset:offset + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = (b"%06o\x00 " % sum(block)) if checksum is None else checksum
    return bytes(block)


def padded(content):
    return content + b"\x00" * (-len(content) % 512)


def member(name=b"a", kind=b"0", content=b"", **fields):
    fields.setdefault("size", len(content))
    return header(name, kind, **fields) + padded(content)


def record(key, value):
    """A pax record, whose length counts itself."""
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length += 1
    return str(length).encode() + body


def pax(records, kind=b"x", name=b"pax"):
    content = records if isinstance(records, bytes) else b"".join(record(k, v) for k, v in records)
    return member(name, kind, content)


def folder(name, **fields):
    return member(name, b"5", mode=fields.pop("mode", 0o755), **fields)


def symlink(name, target):
    return member(name, b"2", link=target, mode=0o777)


def hard(name, target):
    return member(name, b"1", link=target)


END = b"\x00" * 1024
GOOD = member(b"good", content=b"good")
GOOD_ENTRY = "f:good:644:0:0=good"


def refused(name, archive, *reasons):
    CASES[name] = (archive, "refused " + ",".join(reasons or (CORRUPT,)))


def imported(name, archive, *entries):
    CASES[name] = (archive, "tree " + " ".join(sorted(entries)))


def names():
    imported("absolute-name", member(b"/etc/passwd", content=b"x") + END, "d:etc:755:0:0", "f:etc/passwd:644:0:0=x")
    imported("many-slashes", member(b"///a//b/./c", content=b"x") + END, "d:a:755:0:0", "d:a/b:755:0:0",
             "f:a/b/c:644:0:0=x")
    for i, path in enumerate((b"..", b"../a", b"a/..", b"a/../b", b"a/../../b", b"/..", b"/../a", b"./..", b"a/b/../../..",
                              b"..//a")):
        refused(f"dot-dot-{i}", GOOD + member(path, content=b"x") + END)
        refused(f"dot-dot-pax-{i}", GOOD + pax([(b"path", path)]) + member(content=b"x") + END)
        refused(f"dot-dot-gnu-{i}", GOOD + member(b"././@LongLink", b"L", path + b"\x00") + member() + END)
        refused(f"dot-dot-folder-{i}", GOOD + folder(path) + END)
        refused(f"dot-dot-link-{i}", GOOD + hard(b"l", path) + END)
    refused("dot-dot-prefix", member(b"a", prefix=b"../..") + END)
    imported("dots-that-are-names", member(b"...") + member(b"..a") + member(b"a..") + END, "f:...:644:0:0=",
             "f:..a:644:0:0=", "f:a..:644:0:0=")
    imported("windows-names", member(b"C:\\x") + member(b"a\\..\\b") + member(b"NUL") + END, "f:C%3A\\x:644:0:0=",
             "f:NUL:644:0:0=", "f:a\\..\\b:644:0:0=")
    imported("control-bytes", member(b"a\nb\x1b[31m\x7f") + END, "f:a%0Ab%1B[31m%7F:644:0:0=")
    imported("not-utf8", member(b"\xff\xfe") + pax([(b"path", b"\xc0\xaf")]) + member() + END, "f:%C0%AF:644:0:0=",
             "f:%FF%FE:644:0:0=")
    imported("whiteouts", member(b".wh.a") + member(b".wh..wh..opq") + member(b".wh...") + END, "f:.wh..wh..opq:644:0:0=",
             "f:.wh...:644:0:0=", "f:.wh.a:644:0:0=")
    imported("odd-names", member(b"-rf") + member(b"lost+found/a") + member(b"user.lxfs") + END, "d:lost%2Bfound:*",
             "f:-rf:644:0:0=", "f:lost%2Bfound/a:644:0:0=", "f:user.lxfs:644:0:0=")
    imported("nul-in-pax", pax([(b"path", b"a\x00/../../x")]) + member() + END, "f:a:644:0:0=")
    imported("nul-in-target", pax([(b"linkpath", b"a\x00b")]) + symlink(b"l", b"x") + END, "l:l:777:0:0>a")
    refused("empty-name", member(b"") + END)
    imported("empty-pax-name", pax([(b"path", b"")]) + member(b"a") + END, "f:a:644:0:0=")
    imported("name-255", pax([(b"path", b"n" * 255)]) + member() + END, "f:" + "n" * 255 + ":644:0:0=")
    refused("name-256", pax([(b"path", b"n" * 256)]) + member() + END)
    refused("deep-5000", pax([(b"path", b"d/" * 5000 + b"f")]) + member() + END, UNSUPPORTED)
    refused("deep-20000", pax([(b"path", b"d/" * 20000 + b"f")]) + member() + END)
    imported("root-again", folder(b"./") + folder(b"/") + GOOD + END, GOOD_ENTRY)
    refused("root-is-a-file", member(b"./", content=b"x") + END)
    refused("root-is-a-link", symlink(b".", b"/") + GOOD + END)
    refused("root-is-a-hard-link", GOOD + hard(b".", b"good") + END)


def links():
    imported("symlink-then-file-below", symlink(b"a", b"/etc") + member(b"a/passwd", content=b"x") + END,
             "d:etc:755:0:0", "f:etc/passwd:644:0:0=x", "l:a:777:0:0>/etc")
    imported("symlink-up-then-file-below", symlink(b"a", b"../../../..") + member(b"a/x", content=b"x") + END,
             "f:x:644:0:0=x", "l:a:777:0:0>../../../..")
    imported("symlink-inside-then-file-below", folder(b"b") + symlink(b"a", b"b") + member(b"a/x") + END, "d:b:755:0:0",
             "f:b/x:644:0:0=", "l:a:777:0:0>b")
    imported("symlink-of-symlinks-then-file-below", symlink(b"a", b"b/../../c") + symlink(b"b", b"/d/e") + symlink(b"c", b"/")
             + member(b"a/d/x") + END, "d:d:755:0:0", "f:d/x:644:0:0=", "l:a:777:0:0>b/../../c", "l:b:777:0:0>/d/e",
             "l:c:777:0:0>/")
    imported("symlink-replaced-while-below", symlink(b"a", b"/b") + member(b"a/x") + symlink(b"a", b"/c") + member(b"a/x")
             + folder(b"a") + member(b"a/x") + END, "d:a:755:0:0", "d:b:755:0:0", "d:c:755:0:0", "f:a/x:644:0:0=",
             "f:b/x:644:0:0=", "f:c/x:644:0:0=")
    imported("hard-link-to-symlink-then-file-below", symlink(b"a", b"/etc") + hard(b"b", b"a") + member(b"b/x") + END,
             "d:etc:755:0:0", "f:etc/x:644:0:0=", "h:b=a", "l:a:777:0:0>/etc")
    refused("symlink-to-file-then-file-below", GOOD + symlink(b"a", b"good") + member(b"a/x") + END)
    refused("symlink-to-itself", symlink(b"a", b"a") + member(b"a/x") + END)
    refused("symlink-circle", symlink(b"a", b"b") + symlink(b"b", b"a") + member(b"a/b/a/x") + END)
    imported("symlink-then-file-at", symlink(b"a", b"/etc/passwd") + member(b"a", content=b"x") + END, "f:a:644:0:0=x")
    imported("symlink-then-folder-at", symlink(b"a", b"/etc") + folder(b"a") + member(b"a/x") + END, "d:a:755:0:0",
             "f:a/x:644:0:0=")
    imported("symlink-last", member(b"a/x") + symlink(b"a", b"/etc") + END, "l:a:777:0:0>/etc")
    imported("symlink-outside", symlink(b"a", b"../../../../../../etc") + GOOD + END, GOOD_ENTRY,
             "l:a:777:0:0>../../../../../../etc")
    refused("symlink-empty", symlink(b"a", b"") + END)
    refused("symlink-long", pax([(b"linkpath", b"t" * 5000)]) + symlink(b"a", b"x") + END)
    imported("symlink-4095", pax([(b"linkpath", b"t" * 4095)]) + symlink(b"a", b"x") + END, "l:a:777:0:0>" + "t" * 4095)
    for i, target in enumerate((b"/etc/passwd", b"missing", b"a", b"a/b", b"/", b".", b"")):
        refused(f"hard-link-nowhere-{i}", GOOD + hard(b"a", target) + END)
    refused("hard-link-to-folder", folder(b"d") + hard(b"a", b"d") + END)
    refused("hard-link-circle", hard(b"a", b"b") + hard(b"b", b"a") + END)
    refused("hard-link-through-symlink", symlink(b"s", b"/etc") + hard(b"a", b"s/passwd") + END)
    imported("hard-link-through-symlink-within", symlink(b"s", b"/etc") + member(b"etc/file", content=b"x")
             + hard(b"a", b"s/file") + END, "d:etc:755:0:0", "f:a:644:0:0=x", "h:etc/file=a", "l:s:777:0:0>/etc")
    imported("hard-link-to-later", hard(b"a", b"b") + member(b"b", content=b"x") + END, "f:a:644:0:0=x", "h:b=a")
    imported("hard-link-chain", hard(b"a", b"b") + hard(b"b", b"c") + member(b"c", content=b"x") + END, "f:a:644:0:0=x",
             "h:b=a", "h:c=a")
    imported("hard-link-to-symlink", symlink(b"a", b"/etc/shadow") + hard(b"b", b"a") + END, "h:b=a",
             "l:a:777:0:0>/etc/shadow")
    refused("hard-link-to-replaced-by-folder", member(b"a") + hard(b"b", b"c") + folder(b"c") + END)
    imported("hard-link-then-write", member(b"a", content=b"1") + hard(b"b", b"a") + member(b"b", content=b"2") + END,
             "f:a:644:0:0=1", "f:b:644:0:0=2")
    refused("hard-links-70000", member(b"a", content=b"x") +
            b"".join(hard(b"l%d" % i, b"a") for i in range(70000)) + END, UNSUPPORTED)


def types():
    imported("devices", member(b"sda", b"4", major=8, mode=0o660, gid=6) + member(b"null", b"3", major=1, minor=3,
             mode=0o666) + member(b"fifo", b"6") + END, "b:sda:660:0:6>8,0", "c:null:666:0:0>1,3", "p:fifo:644:0:0")
    refused("device-numbers", member(b"a", b"3", major=0o7777777, minor=0o7777777) + END)
    imported("set-id", member(b"su", content=b"x", mode=0o6755) + folder(b"d", mode=0o7777, uid=1000, gid=1000) + END,
             "d:d:7777:1000:1000", "f:su:6755:0:0=x")
    imported("mode-too-large", member(b"a", mode=0o7777777) + END, "f:a:7777:0:0=")
    imported("unreadable", member(b"a", mode=0) + folder(b"d", mode=0) + member(b"d/x") + END, "d:d:0:0:0",
             "f:a:0:0:0=", "f:d/x:644:0:0=")
    imported("owners", member(b"a", uid=b"\x80" + bytes(3) + b"\xff\xff\xff\xfe") + pax([(b"uid", b"70000"),
             (b"gid", b"4294967294")]) + member(b"b") + END, "f:a:644:4294967294:0=", "f:b:644:70000:4294967294=")
    refused("uid-minus-1", member(b"a", uid=b"\xff" * 8) + END)
    refused("uid-minus-1-pax", pax([(b"uid", b"-1")]) + member(b"a") + END)
    refused("uid-32-bits", pax([(b"uid", b"4294967295")]) + member(b"a") + END)
    refused("uid-2-to-32", pax([(b"uid", b"4294967296")]) + member(b"a") + END)
    imported("uid-by-name", pax([(b"uname", b"nobody"), (b"gname", b"nogroup")]) +
             member(b"a", uid=5, raw={265: b"nobody"}) + END, "f:a:644:5:0=")
    imported("file-folder-file", member(b"a", content=b"1") + folder(b"a") + member(b"a/b") +
             member(b"a", content=b"2") + END, "f:a:644:0:0=2")
    refused("file-below-file", member(b"a") + member(b"a/b") + END)
    imported("folder-link-folder", folder(b"a") + member(b"a/x") + symlink(b"a", b"/") + folder(b"a") + END,
             "d:a:755:0:0")
    imported("same-name-of-all-types", member(b"a") + symlink(b"a", b"x") + member(b"a", b"3", major=1) +
             member(b"a", b"6") + folder(b"a") + member(b"a", content=b"last") + END, "f:a:644:0:0=last")
    imported("unknown-type", member(b"a", b"Y", content=b"x") + GOOD + END, "f:a:644:0:0=x", GOOD_ENTRY)
    # What follows a folder's header is the next header, whatever size it claims.
    refused("folder-with-content", folder(b"d", size=5)[:512] + padded(b"12345") + GOOD + END)
    imported("folder-with-size", folder(b"d", size=5)[:512] + GOOD + END, "d:d:755:0:0", GOOD_ENTRY)
    imported("times", pax([(b"mtime", b"99999999999999.5")]) + member(b"a") + pax([(b"mtime", b"-9999999999")]) +
             member(b"b") + END, "f:a:644:0:0=", "f:b:644:0:0=")


def numbers():
    refused("size-negative", GOOD + member(b"a", size=b"\xff" * 12) + END)
    refused("size-beyond-63-bits", GOOD + member(b"a", size=b"\x80" + b"\xff" * 11) + END)
    refused("size-2-to-63", GOOD + member(b"a", size=b"\x80" + bytes(3) + b"\x80" + bytes(7)) + END)
    refused("size-pax-2-to-63", GOOD + pax([(b"size", b"9223372036854775808")]) + member(b"a") + END)
    refused("size-pax-negative", GOOD + pax([(b"size", b"-5")]) + member(b"a") + END)
    refused("size-more-than-there-is", GOOD + member(b"a", size=1 << 28) + END)
    imported("size-base-256", member(b"a", content=b"12345", size=b"\x80" + bytes(10) + b"\x05") + END,
             "f:a:644:0:0=12345")
    imported("size-pax-not-header", pax([(b"size", b"5")]) + member(b"a", content=b"12345", size=3) + GOOD + END,
             "f:a:644:0:0=12345", GOOD_ENTRY)
    refused("size-too-many-digits", GOOD + member(b"a", size=b"7" * 12) + END, UNSUPPORTED)
    refused("checksum-wrong", GOOD + header(checksum=b"000001\x00 ") + END)
    refused("checksum-missing", GOOD + header(checksum=bytes(8)) + END)
    refused("checksum-wrong-first", header(checksum=b"000001\x00 ") + END, UNSUPPORTED)
    # libarchive takes what is no number for 0.
    imported("number-of-letters", GOOD + member(b"a", size=b"nonsense") + END, GOOD_ENTRY, "f:a:644:0:0=")
    refused("pax-length-too-large", pax(b"99999 path=x\n") + member(b"a") + END)
    refused("pax-length-zero", pax(b"0 path=x\n") + member(b"a") + END)
    refused("pax-length-none", pax(b"path=x\n") + member(b"a") + END)
    refused("pax-huge", header(b"pax", b"x", size=1 << 30) + b"x" * 4096)
    refused("pax-2-mib", pax([(b"comment", b"c" * (2 << 20))]) + member(b"a") + END)
    refused("long-name-huge", header(b"L", b"L", size=1 << 33) + b"x" * 4096)
    imported("pax-many-records", pax([(b"comment%d" % i, b"x") for i in range(5000)]) + member(b"a") + END,
             "f:a:644:0:0=")
    refused("pax-headers-without-end", pax([(b"comment", b"x")], b"g") * 5000 + END)


def sparse():
    def old(entries, realsize, content, extended=b"\x00"):
        fields = b"".join(b"%011o\x00%011o\x00" % e for e in entries).ljust(96, b"\x00")
        return member(b"s", b"S", content, magic=b"ustar  \x00",
                      raw={386: fields, 482: extended, 483: b"%011o\x00" % realsize})

    def v01(text, realsize, content):
        return pax([(b"GNU.sparse.size", realsize), (b"GNU.sparse.numblocks", b"%d" % (text.count(b",") // 2 + 1)),
                    (b"GNU.sparse.map", text)]) + member(b"s", content=content)

    def v00(pairs, realsize, content):
        records = [(b"GNU.sparse.size", realsize), (b"GNU.sparse.numblocks", b"%d" % len(pairs))]
        for offset, size in pairs:
            records += [(b"GNU.sparse.offset", offset), (b"GNU.sparse.numbytes", size)]
        return pax(records) + member(b"s", content=content)

    def v10(text, realsize, content):
        return pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"s"),
                    (b"GNU.sparse.realsize", realsize)]) + member(b"x", content=padded(text) + content)

    whole = "f:s:644:0:0=%00%00%00%00ab%00%00%00%00"
    imported("sparse-old", old([(4, 2), (10, 0)], 10, b"ab") + END, whole)
    imported("sparse-0.0", v00([(b"4", b"2"), (b"10", b"0")], b"10", b"ab") + END, whole)
    imported("sparse-0.1", v01(b"4,2,10,0", b"10", b"ab") + END, whole)
    imported("sparse-1.0", v10(b"2\n4\n2\n10\n0\n", b"10", b"ab") + END, whole)
    refused("sparse-overlapping-old", old([(4, 4), (2, 4)], 10, b"abcdefgh") + END)
    refused("sparse-overlapping-0.0", v00([(b"4", b"4"), (b"2", b"4")], b"10", b"abcdefgh") + END)
    refused("sparse-overlapping-0.1", v01(b"4,4,2,4", b"10", b"abcdefgh") + END)
    refused("sparse-overlapping-1.0", v10(b"2\n4\n4\n2\n4\n", b"10", b"abcdefgh") + END)
    refused("sparse-descending-1.0", v10(b"2\n6\n2\n0\n2\n", b"10", b"abcd") + END)
    refused("sparse-beyond-size", v10(b"1\n100\n4\n", b"10", b"abcd") + END)
    refused("sparse-negative-0.1", v01(b"-4,2", b"10", b"ab") + END)
    refused("sparse-negative-1.0", v10(b"1\n-4\n2\n", b"10", b"ab") + END)
    refused("sparse-huge-offset", v01(b"9223372036854775800,2", b"9223372036854775807", b"ab") + END, CORRUPT, UNSUPPORTED)
    refused("sparse-huge-size", v10(b"1\n0\n2\n", b"9223372036854775807", b"ab") + END, CORRUPT, UNSUPPORTED)
    refused("sparse-wrapping", v01(b"9223372036854775807,9223372036854775807", b"10", b"ab") + END)
    refused("sparse-map-longer-than-file", v10(b"1000000\n0\n1\n", b"10", b"a") + END)
    refused("sparse-map-no-number", v10(b"x\n", b"10", b"a") + END)
    refused("sparse-old-extension-missing", old([(0, 1)] * 4, 10, b"", b"\x01")[:512])
    refused("sparse-map-without-end", v10(b"99999999\n" + b"0\n0\n" * (5 << 18), b"10", b"") + END)


def streams():
    whole = (folder(b"d") + pax([(b"path", b"long")]) + member(b"x", content=b"c" * 600) +
             member(b"L", b"L", b"longer\x00") + member(b"y") + END)
    for at in range(512, len(whole) - 1024, 512):
        refused(f"cut-at-{at}", whole[:at])
    for at in (513, 600, 1000, 1700, 2060):
        refused(f"cut-within-{at}", whole[:at])
    imported("end-of-one-block", GOOD + bytes(512), GOOD_ENTRY)
    imported("garbage-behind", GOOD + END + b"garbage" * 1000, GOOD_ENTRY)
    imported("two-archives", GOOD + END + member(b"second") + END, GOOD_ENTRY)
    refused("no-members", END, NONE)
    refused("nothing", b"", UNSUPPORTED)
    refused("zeros", bytes(1 << 20), UNSUPPORTED)
    refused("text", b"root:x:0:0:root:/root:/bin/sh\n", UNSUPPORTED)
    packed = gzip.compress(GOOD + END, mtime=0)
    imported("gzip", packed, GOOD_ENTRY)
    imported("gzip-members", gzip.compress(GOOD, mtime=0) + gzip.compress(END, mtime=0), GOOD_ENTRY)
    imported("gzip-garbage-behind", packed + b"\x00garbage", GOOD_ENTRY)
    refused("gzip-cut", packed[:-9])
    refused("gzip-wrong-sum", packed[:-8] + bytes(4) + packed[-4:])
    refused("gzip-twice", gzip.compress(packed, mtime=0), UNSUPPORTED)
    refused("xz-twice", lzma.compress(lzma.compress(GOOD + END)), UNSUPPORTED)
    refused("xz-in-gzip", gzip.compress(lzma.compress(GOOD + END), mtime=0), UNSUPPORTED)
    refused("gzip-of-text", gzip.compress(b"text", mtime=0), UNSUPPORTED)
    # 64 MiB of zeros in 64 KiB; the test's floor is 16 MiB.
    refused("gzip-bomb", gzip.compress(member(b"bomb", content=bytes(64 << 20)) + END, mtime=0))
    refused("xz-bomb", lzma.compress(member(b"bomb", content=bytes(64 << 20)) + END))
    refused("entries-bomb", gzip.compress(b"".join(member(b"%x" % i) for i in range(30000)) + END, mtime=0), UNSUPPORTED)


def attributes():
    imported("xattr", pax([(b"SCHILY.xattr.user.a", b"1")]) + member(b"a") + END, "f:a:644:0:0=+1")
    imported("xattrs-of-our-own", pax([(b"SCHILY.xattr.user.lxfs", b"x" * 24)]) + member(b"a") + GOOD + END,
             "f:a:644:0:0=*", GOOD_ENTRY)
    refused("xattr-1-mib", pax([(b"SCHILY.xattr.user.a", b"x" * 1000000)]) + member(b"a") + END)
    refused("xattr-name-long", pax([(b"SCHILY.xattr.user." + b"n" * 300, b"x")]) + member(b"a") + END)
    refused("xattrs-2000", pax([(b"SCHILY.xattr.user.%d" % i, b"x") for i in range(2000)]) + member(b"a") + END,
            UNSUPPORTED)
    imported("xattr-no-name", pax([(b"SCHILY.xattr.", b"x")]) + member(b"a") + END, "f:a:644:0:0=")
    for i, text in enumerate((b"nonsense", b"user::", b"user:x:rwx:99999999999999999999", b"user::rwx," * 1000, b",,,:::",
                              b"user:nobody:rwx", b"\xff\x00", b"default:user::rwx")):
        imported(f"acl-{i}", pax([(b"SCHILY.acl.access", text)]) + member(b"a") + GOOD + END, "f:a:*", GOOD_ENTRY)


def main():
    for make in (names, links, types, numbers, sparse, streams, attributes):
        make()
    if __name__ == "__main__":
        target = pathlib.Path(sys.argv[1])
        target.mkdir(parents=True, exist_ok=True)
        for name, (archive, _) in CASES.items():
            (target / name).write_bytes(archive)
        (target / "expected").write_text("".join(f"{name} {line}\n" for name, (_, line) in CASES.items()))


main()
