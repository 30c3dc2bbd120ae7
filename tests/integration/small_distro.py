"""A distro of a few entries for tests that make many of them: busybox, and one of each kind of entry."""

import io
import os
import tarfile


def write_small_distro(path):
    """As a pax tar that every user may read."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:

        def add(name, kind=tarfile.REGTYPE, content=b"", mode=0o644, target="", **fields):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.linkname, entry.size, entry.mtime = kind, mode, target, len(content), 1_600_000_000
            for field, value in fields.items():
                setattr(entry, field, value)
            tar.addfile(entry, io.BytesIO(content))

        for folder in ("bin", "etc", "home", "home/user"):
            add(folder, tarfile.DIRTYPE, mode=0o755, uid=1000 if folder == "home/user" else 0)
        with open("/bin/busybox", "rb") as file:
            add("bin/busybox", content=file.read(), mode=0o755)
        add("bin/sh", tarfile.SYMTYPE, mode=0o777, target="busybox")
        add("bin/hard", tarfile.LNKTYPE, target="bin/busybox")
        add("etc/os-release", content=b"ID=small\nVERSION_ID=1\n")
        add("etc/shadow", content=b"secret\n", mode=0o640, gid=42)
        add("bin/su", content=b"set-id\n", mode=0o4755)
        add("home/user/file", content=os.urandom(300_000), mode=0o600, uid=1000, gid=1000,
            pax_headers={"SCHILY.xattr.user.note": "kept"})
        add("console", tarfile.CHRTYPE, mode=0o600, devmajor=5, devminor=1)
    os.chmod(path, 0o644)
