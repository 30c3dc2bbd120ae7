"""Seeds of the fuzzer `disk`: small disk images of every format and kind of partition table, right ones and ones with a
fault each. The first byte of a seed is the fuzzer's: 1 a VHDX in pieces, 2 checksums are made right."""

import pathlib
import struct
import subprocess
import tempfile

WHOLE, PIECES, MENDED = 0, 1, 2
MEGABYTE = 1 << 20
TABLE = 64 << 10
PIECE = 512


def file_system(content_lines):
    """An ext4 file system without checksums whose files say what distro it is; `content_lines` are debugfs's commands."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "E2FSPROGS_FAKE_TIME": "1700000000", "MKE2FS_CONFIG": "empty"}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "empty").write_text("[defaults]\n[fs_types]\next4 = {\n}\nfloppy = {\n}\n")
        (scratch / "RELEASE").write_text("ID=debian\nVERSION_ID=\"12\"\n")
        (scratch / "CONF").write_text("[user]\ndefault = ann\n")
        (scratch / "commands").write_text("\n".join(content_lines) + "\n")
        image = scratch / "image"
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-I", "128", "-N", "24", "-m", "0", "-O",
                        "none,extent,filetype", "-U", "00000000-0000-0000-0000-000000000001", "-E",
                        "hash_seed=00000000-0000-0000-0000-000000000002", image, "64k"], env=environment, check=True,
                       cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["debugfs", "-w", "-f", "commands", image], env=environment, check=True, cwd=scratch,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return image.read_bytes().rstrip(b"\0") + b"\0"


def superblock(state=1, features=0):
    """No more of an ext4 file system than tells that it is one."""
    block = bytearray(2048)
    struct.pack_into("<HH", block, 1024 + 56, 0xEF53, state)
    struct.pack_into("<I", block, 1024 + 96, features)
    return bytes(block)


def qcow2(version=3, backing=0, cluster_bits=9, size=MEGABYTE, encrypted=0, features=0, header=104, extensions=b""):
    image = struct.pack(">4sIQIIQI", b"QFI\xfb", version, backing, 0, cluster_bits, size, encrypted).ljust(72, b"\0")
    if version > 2:
        image += struct.pack(">QQQII", features, 0, 0, 4, header)
    return (image + extensions).ljust(512, b"\0")


def qcow2s():
    extension = struct.Struct(">II").pack
    yield "qcow2", qcow2()
    yield "qcow2-old", qcow2(2)
    yield "qcow2-first", qcow2(1)
    yield "qcow2-next", qcow2(4)
    yield "qcow2-backing", qcow2(backing=512)
    yield "qcow2-clusters", qcow2(cluster_bits=40)
    yield "qcow2-huge", qcow2(size=1 << 60)
    yield "qcow2-empty", qcow2(size=0)
    yield "qcow2-encrypted", qcow2(encrypted=1)
    yield "qcow2-header", qcow2(header=90)
    for bit, name in enumerate(("dirty", "corrupt", "data", "compression", "l2", "unknown")):
        yield f"qcow2-bit-{name}", qcow2(features=1 << bit)
    yield "qcow2-extension", qcow2(extensions=extension(0x6803F857, 5) + bytes(8) + extension(0, 0))
    yield "qcow2-extension-data", qcow2(extensions=extension(0x44415441, 8) + b"/etc/who")
    yield "qcow2-extension-key", qcow2(extensions=extension(0x0537BE77, 8))
    yield "qcow2-extension-long", qcow2(extensions=extension(1, 1 << 20))


def vhd_footer(kind, size, header_at=0xFFFFFFFFFFFFFFFF):
    return struct.pack(">8sIIQIIIIQQII", b"conectix", 2, 0x10000, header_at, 0, 0, 0, 0, size, size, 0, kind).ljust(512, b"\0")


def vhd(kind=3, size=64 << 10, block_size=4096, entries=16, parent=b"", content=b""):
    """One that grows: footer, header, table of blocks, the blocks of `content` each behind its map of sectors."""
    header = struct.pack(">8sQQIIII", b"cxsparse", 0xFFFFFFFFFFFFFFFF, 1536, 0x10000, entries, block_size, 0)
    header = (header + parent).ljust(1024, b"\0")
    count = -(-len(content) // block_size)
    blocks = b"".join(b"\xff" * 512 + content[at:at + block_size].ljust(block_size, b"\0")
                      for at in range(0, len(content), block_size))
    table = b"".join(struct.pack(">I", 4 + 9 * i if i < count else 0xFFFFFFFF) for i in range(16))
    footer = vhd_footer(kind, size, 512)
    return footer + header + table.ljust(512, b"\xff") + blocks + footer


def vhds(content):
    yield "vhd", MENDED, vhd(content=content)
    yield "vhd-one-block", MENDED, vhd(content=superblock())
    yield "vhd-short", MENDED, vhd(content=superblock(), entries=0)
    yield "vhd-blocks", MENDED, vhd(content=superblock(), block_size=5000)
    yield "vhd-kind", MENDED, vhd(kind=7)
    yield "vhd-differencing", MENDED, vhd(kind=4)
    yield "vhd-parent", MENDED, vhd(parent=b"\1" * 16)
    yield "vhd-checksum", WHOLE, vhd()
    yield "vhd-second-checksum", MENDED, bytes(vhd()).replace(b"cxsparse", b"cxspoilt")
    yield "vhd-fixed", MENDED, superblock() + vhd_footer(2, 2048)
    yield "vhd-fixed-size", MENDED, superblock() + vhd_footer(2, 4096)


METADATA_REGION = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
TABLE_REGION = bytes.fromhex("6677c22d23f600429d64115e9bfd4a08")
SECTOR_SIZE = bytes.fromhex("1dbf41816fa90947ba47f233a8faab5f")
PARAMETERS = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")
DISK_SIZE = bytes.fromhex("2442a52f1bcd7648b2115dbed83bf4b8")
PARENT_LOCATOR = bytes.fromhex("2d5fd3a80bb34d45abf7d3d84834ab0c")


def vhdx(log=bytes(16), regions=None, items=None, block_size=MEGABYTE, flags=0, size=2 * MEGABYTE, sector=512,
         table=(3 * MEGABYTE | 6, 0), content=b"", sequences=(1, 2), signature=b"metadata"):
    """In pieces, as the fuzzer takes them: metadata at 1 MiB, the table of blocks at 2 MiB, the first block at 3 MiB."""
    if regions is None:
        regions = [(METADATA_REGION, MEGABYTE, MEGABYTE), (TABLE_REGION, 2 * MEGABYTE, MEGABYTE)]
    if items is None:
        items = [(PARAMETERS, TABLE, 8), (DISK_SIZE, TABLE + 8, 8), (SECTOR_SIZE, TABLE + 16, 4)]
    headers = [struct.pack("<4sIQ16s16s16s", b"head", 0, sequence, b"f", b"d", log) for sequence in sequences]
    region_table = struct.pack("<4sIII", b"regi", 0, len(regions), 0) + b"".join(
        struct.pack("<16sQII", id, at, length, 1) for id, at, length in regions)
    metadata = signature + struct.pack("<HH20x", 0, len(items)) + b"".join(
        struct.pack("<16sIIII", id, at, length, 0, 0) for id, at, length in items)
    values = struct.pack("<IIQI", block_size, flags, size, sector)
    blocks = b"".join(struct.pack("<Q", entry) for entry in table)
    pieces = [b"vhdxfile", *headers, region_table, region_table, metadata, values, blocks]
    return b"".join(piece.ljust(PIECE, b"\0") for piece in pieces) + content


def vhdxes(content):
    both = PIECES | MENDED
    item = (PARAMETERS, TABLE, 8)
    yield "vhdx", both, vhdx(content=content)
    yield "vhdx-one-block", both, vhdx(content=superblock())
    yield "vhdx-log", both, vhdx(log=b"l" * 16)
    yield "vhdx-old-first", both, vhdx(sequences=(2, 1))
    yield "vhdx-checksums", PIECES, vhdx()
    yield "vhdx-no-regions", both, vhdx(regions=[])
    yield "vhdx-many-regions", both, vhdx().replace(b"regi\0\0\0\0\2\0", b"regi\0\0\0\0\2\x10")
    yield "vhdx-other-regions", both, vhdx(regions=[(METADATA_REGION, MEGABYTE, 5), (METADATA_REGION, MEGABYTE, 6)])
    yield "vhdx-no-metadata", both, vhdx(signature=b"nothing?")
    yield "vhdx-many-items", both, vhdx().replace(b"metadata\0\0\3\0", b"metadata\0\0\3\x10")
    yield "vhdx-twice", both, vhdx(items=[item, item])
    yield "vhdx-missing", both, vhdx(items=[item])
    yield "vhdx-parent", both, vhdx(items=[(PARENT_LOCATOR, TABLE, 8)])
    yield "vhdx-parent-flag", both, vhdx(flags=2)
    yield "vhdx-blocks", both, vhdx(block_size=5)
    yield "vhdx-far", both, vhdx(regions=[(METADATA_REGION, MEGABYTE, 5), (TABLE_REGION, 1 << 62, 4)])


def mbr(entries, size=2048):
    table = bytearray(size)
    table[510:512] = b"\x55\xaa"
    for i, (kind, first, count) in enumerate(entries):
        struct.pack_into("<B3xB3xII", table, 446 + 16 * i, 0, kind, first, count)
    return bytes(table)


def gpt(partitions, sector=512, entry_size=128, count=None, table_at=2, revision_size=92):
    protective = mbr([(0xEE, 1, 0xFFFFFFFF)], sector)
    entries = b""
    for first, last, name in partitions:
        entries += struct.pack("<16s16sQQQ72s", b"L" * 16, b"u", first, last, 0, name.encode("utf-16-le")).ljust(entry_size, b"\0")
    entries = entries.ljust(max(sector, len(entries)), b"\0")
    header = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, revision_size, 0, 0, 1, 99, 3, 90, b"",
                         table_at, len(partitions) if count is None else count, entry_size, 0)
    return protective + header.ljust(sector, b"\0") + entries


def partitions():
    """Tables, and what the partitions in them hold."""
    ext4 = superblock()
    # A table in the first sector, one partition from the second on.
    yield "mbr", WHOLE, mbr([(0x83, 1, 4)], 512) + ext4
    yield "mbr-beyond", WHOLE, mbr([(0x83, 1, 99)], 512) + ext4
    yield "mbr-unused", WHOLE, mbr([(0, 1, 4), (0x83, 1, 0), (7, 1, 4)], 512) + b"\xeb\x52\x90NTFS    ".ljust(2048, b"\0")
    logical = mbr([(0x83, 1, 4), (5, 5, 4)], 512) + ext4 + mbr([(0x83, 1, 4)], 512) + bytes(2048)
    yield "mbr-logical", WHOLE, mbr([(5, 1, 20)], 512) + logical
    yield "mbr-logical-circle", WHOLE, mbr([(0x0F, 1, 9)], 512) + mbr([(0, 0, 0), (0x85, 1, 1)], 512) * 2
    yield "mbr-logical-none", WHOLE, mbr([(5, 1, 9)], 512) + bytes(512)
    yield "gpt", MENDED, gpt([(3, 6, "root")]) + ext4
    yield "gpt-two", MENDED, gpt([(3, 6, "root"), (3, 6, "\u00e4")]) + ext4
    yield "gpt-none", MENDED, gpt([]) + ext4
    yield "gpt-other", MENDED, gpt([(3, 6, "swap")]) + bytes(2048)
    yield "gpt-unused", MENDED, gpt([(3, 6, "root")], count=3) + ext4
    yield "gpt-beyond", MENDED, gpt([(3, 1 << 40, "root")]) + ext4
    yield "gpt-far", MENDED, gpt([(3, 6, "root")], table_at=1 << 50) + ext4
    yield "gpt-entries", MENDED, gpt([(3, 6, "root")], entry_size=64) + ext4
    yield "gpt-header", MENDED, gpt([(3, 6, "root")], revision_size=512) + ext4
    yield "gpt-checksum", WHOLE, gpt([(3, 6, "root")]) + ext4
    yield "gpt-4096", MENDED, gpt([(3, 3, "root")], sector=4096) + ext4.ljust(4096, b"\0")
    yield "ext4-and-gpt-4096", MENDED, gpt([(3, 3, "root")], sector=4096)[:1024] + ext4[1024:] + \
        gpt([(3, 3, "root")], sector=4096)[2048:] + ext4.ljust(4096, b"\0")


def others():
    for i, (at, magic) in enumerate([(0, b"KDMV"), (0, b"# Disk DescriptorFile"), (64, b"\x7f\x10\xda\xbe"), (0, b"QED\0"),
                                     (0, b"XFSB"), (512, b"LABELONE"), (3, b"NTFS    "), (82, b"FAT32   "), (1024, b"\xe2\xe1\xf5\xe0")]):
        yield f"other-{i}", WHOLE, bytes(at) + magic + bytes(1200)
    yield "blank", WHOLE, bytes(2048)
    yield "text", WHOLE, b"no disk at all\n" * 40
    for state in (0, 1, 3):
        yield f"ext4-state-{state}", WHOLE, superblock(state, 4 if state == 3 else 0)


def seeds():
    merged = file_system(["mkdir etc", "mkdir usr", "mkdir usr/bin", "symlink bin usr/bin", "write RELEASE etc/os-release",
                          "write CONF etc/wsl.conf", "write CONF usr/bin/sh"])
    # What is read is a folder, and a link that leads nowhere.
    odd = file_system(["mkdir etc", "mkdir etc/os-release", "symlink etc/wsl.conf nowhere"])
    for name, content in (("ext4", merged), ("ext4-odd", odd)):
        yield name, WHOLE, content
    for name, content in qcow2s():
        yield name, WHOLE, content
    yield from vhds(merged)
    yield from vhdxes(merged)
    yield from partitions()
    yield from others()
