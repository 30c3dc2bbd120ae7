"""Disks of version 2: their own grow and give room back while they run or stop; others come and go in all distros."""

import json
import os
import signal
import struct
import subprocess
import unittest

from harness import Home
from small_distro import write_small_distro


class VmDisks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)
        archive = cls.home.path + "/small.tar"
        write_small_distro(archive)
        for name, *options in (("one",), ("two",), ("alone", "--isolated")):
            cls.home.ok("import", name, archive, "--version", "2", "--size", "256M", *options)
        cls.images = cls.home.folder("images")

    def tearDown(self):
        self.home.ok("unmount")

    def sh(self, script, distro="one"):
        return self.home.ok("run", "-d", distro, "--cd", "/", "--", script, timeout=300).rstrip("\n")

    def status(self):
        return json.loads(self.home.ok("status", "--json"))

    def owned(self, path):
        os.chown(path, self.home.uid, self.home.gid)
        return path

    def image(self, name, content, size="16M", format="raw", table=False):
        """A disk image of an ext4 file system with one file, behind a partition table or not."""
        path = f"{self.images}/{name}"
        folder = path + ".d"
        os.mkdir(folder)
        with open(folder + "/file", "w") as file:
            file.write(content)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0", "-d", folder, path, size], check=True,
                       stdout=subprocess.DEVNULL)
        if table:
            with open(path, "rb") as file:
                data = file.read()
            # One entry: type 83, from sector 2048 on.
            entry = struct.pack("<B3sB3sII", 0, bytes(3), 0x83, bytes(3), 2048, len(data) // 512)
            with open(path, "wb") as file:
                file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa" + bytes(2048 * 512 - 512) + data)
        if format != "raw":
            subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", format, path, path + "." + format], check=True)
            path += "." + format
        return self.owned(path)

    def fails(self, reason, *args, **kwargs):
        result = self.home.run(*args, **kwargs)
        self.assertEqual(result.returncode, 1, result)
        self.assertIn("Error code: " + reason, result.stderr)
        return result.stderr

    def test_an_image_is_mounted_in_every_distro_and_goes_again(self):
        self.sh("true")
        path = self.image("data", "of the host", format="qcow2")
        self.home.ok("mount", path, "--name", "data")
        # In the one that ran and in one that starts now, and both see the same.
        self.assertEqual(self.sh("cat /mnt/wsl/data/file"), "of the host")
        self.assertEqual(self.sh("echo changed > /mnt/wsl/data/file; sync; cat /mnt/wsl/data/file", "two"), "changed")
        self.assertEqual(self.sh("cat /mnt/wsl/data/file"), "changed")
        self.assertEqual(self.sh("ls -d /mnt/wsl 2>/dev/null || echo none", "alone"), "none")
        disk, = self.status()["vm"]["disks"]
        self.assertEqual((disk["name"], disk["source"], disk["format"], disk["type"]), ("data", path, "qcow2", "ext4"))
        self.assertRegex(self.home.ok("status"), r"Disk data: .*, at /mnt/wsl/data \(ext4\)")
        self.fails("FILE_EXISTS", "mount", path, "--name", "other")

        # Another daemon knows of it.
        os.kill(self.home.daemon_pid(), signal.SIGKILL)
        self.assertEqual(self.sh("cat /mnt/wsl/data/file"), "changed")
        self.assertEqual(self.status()["vm"]["disks"], [disk])

        user = self.home.popen("run", "-d", "two", "--cd", "/mnt/wsl/data", "--", "echo begun; cat", stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
        self.addCleanup(user.kill)
        self.assertEqual(user.stdout.readline(), "begun\n")
        self.assertIn("in use by a program", self.fails("IO_ERROR", "unmount", "data"))
        user.communicate("")
        # By another of its paths.
        self.home.ok("unmount", "../images/" + os.path.basename(path), cwd=self.images)
        self.assertEqual(self.sh("ls /mnt/wsl; grep -c data /proc/mounts || true"), "0")
        raw = self.images + "/back"
        subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", path, raw], check=True)
        shown = subprocess.run(["debugfs", "-R", "cat file", raw], capture_output=True, text=True, check=True)
        self.assertEqual(shown.stdout, "changed\n")
        self.fails("FILE_NOT_FOUND", "unmount", "data")

    def test_a_partition_with_options(self):
        path = self.image("parted", "in a partition", table=True)
        self.assertIn("No file system", self.fails("IO_ERROR", "mount", path))
        self.fails("FILE_NOT_FOUND", "mount", path, "--partition", "2")
        self.home.ok("mount", path, "--partition", "1", "--type", "ext4", "--options", "ro,noatime")
        self.assertEqual(self.sh("cat /mnt/wsl/partedp1/file; touch /mnt/wsl/partedp1/x 2>/dev/null || echo refused"),
                         "in a partitionrefused")

    def test_a_bare_disk_is_a_device_in_every_distro_but_isolated_ones(self):
        path = self.image("bare", "raw bytes", table=True)
        self.sh("true")
        self.home.ok("mount", path, "--bare")
        disk, = self.status()["vm"]["disks"]
        device = disk["device"]
        for distro in ("one", "two"):
            self.assertEqual(self.sh(f"dd if=/dev/{device}1 bs=1k skip=1 count=1 2>/dev/null | dd bs=1 skip=56 count=2 "
                                     "2>/dev/null | od -An -tx1 | tr -d ' \\n'", distro), "53ef")
        self.assertEqual(self.sh("ls /dev/sd* 2>/dev/null | wc -l", "alone"), "0")
        self.assertEqual(self.sh(f"stat -c %a /dev/{device} /dev/{device}1 /dev/loop0 /dev/null").split(),
                         ["660", "660", "660", "666"])
        number = self.sh(f"stat -c '%t %T' /dev/{device}")
        major, minor = (int(part, 16) for part in number.split())
        self.assertEqual(self.sh(f"mknod /d b {major} {minor}; head -c1 /d >/dev/null 2>&1 || echo refused; rm /d", "alone"),
                         "refused")
        # A disk of another distro is not open to it by that.
        others = self.sh(f"for i in 0 1 2 3 4 5; do m=$((i * 16)); [ $m = {minor} ] && continue; rm -f /d; mknod /d b {major} $m; "
                         "[ $(stat -c %d /) = $((8 * 256 + m)) ] && continue; head -c1 /d >/dev/null 2>&1 && echo reached $m; done; "
                         "rm -f /d")
        self.assertEqual(others, "")
        # Nor the device that sends any command to any disk, whether the VM has one or not.
        self.assertIn("not permitted", self.sh("mknod /d c 21 0; head -c1 /d 2>&1; rm /d"))
        self.home.ok("unmount", "bare")
        self.assertEqual(self.sh("ls /dev/sd* 2>/dev/null | wc -l"), "0")
        self.assertEqual(self.sh(f"mknod /d b {major} {minor}; head -c1 /d >/dev/null 2>&1 || echo refused; rm /d"), "refused")

    def test_a_disk_that_a_distro_has_mounted_is_not_taken_away_however_often_it_is_asked(self):
        device = None
        for name, options in (("bound", ()), ("parted", ("--bare",))):
            path = self.image("held-" + name, "old", table=bool(options))
            self.home.ok("mount", path, "--name", name, *options)
            if options:
                device, = (disk["device"] for disk in self.status()["vm"]["disks"])
            # Where the unmounting of the one below /mnt/wsl does not reach.
            self.sh("mkdir -p /held; " + (f"mount -t ext4 /dev/{device}1 /held" if options else "mount --bind /mnt/wsl/bound /held"))
            for _ in range(2):
                self.assertIn("in use by a program", self.fails("IO_ERROR", "unmount", name))
            self.assertEqual([disk["name"] for disk in self.status()["vm"]["disks"]], [name])
            if options:
                self.assertEqual(self.sh(f"ls /dev/{device} /dev/{device}1"), f"/dev/{device}\n/dev/{device}1")
            self.assertEqual(self.sh("cat /held/file; echo new >/held/file; sync; umount /held"), "old")
            self.home.ok("unmount", name)
            shown = subprocess.run(["debugfs", "-R", "cat file", path + ("?offset=1048576" if options else "")],
                                   capture_output=True, text=True, check=True)
            self.assertEqual(shown.stdout, "new\n")

    def test_what_cannot_be_mounted(self):
        self.sh("true")
        self.fails("FILE_NOT_FOUND", "mount", self.images + "/none")
        own, = [f"{self.home.path}/data/distros/{d['id']}/disk.img" for d in json.loads(self.home.ok("list", "--json"))["distros"]
                if d["name"] == "one"]
        self.fails("DISTRO_RUNNING", "mount", own)
        path = self.image("typed", "x")
        self.fails("IO_ERROR", "mount", path, "--type", "xfs")
        self.assertIn("disk's name", self.fails("INVALID_NAME", "mount", path, "--name", "../x"))
        self.assertIn("is a folder", self.fails("UNSUPPORTED_FORMAT", "mount", ".", cwd=self.images))
        self.fails("INVALID_ARGUMENT", "mount", path, "--bare", "--type", "ext4")
        child = self.images + "/child.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", path, "-F", "raw", child], check=True)
        self.fails("UNSUPPORTED_FORMAT", "mount", self.owned(child))
        self.assertEqual(self.status()["vm"]["disks"], [])

    def test_a_disk_that_may_only_be_read(self):
        path = self.image("reading", "only")
        os.chmod(path, 0o444)
        self.home.ok("mount", path, "--name", "reading")
        self.assertEqual(self.sh("cat /mnt/wsl/reading/file; touch /mnt/wsl/reading/x 2>/dev/null || echo refused"), "onlyrefused")
        self.assertIn("read-only", self.home.ok("status"))

    def test_a_distros_disk_grows_while_it_runs(self):
        session = self.home.popen("run", "-d", "one", "--cd", "/", "--", "echo begun; cat", stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(session.kill)
        self.assertEqual(session.stdout.readline(), "begun\n")
        room = "df -m / | tail -1 | awk '{print $2}'"
        before = int(self.sh(room))
        self.home.ok("resize", "one", "1G")
        self.assertGreater(int(self.sh(room)), before + 600)
        # Once more, as after one that was cut off.
        self.home.ok("resize", "one", "1G")
        # Smaller is another thing.
        self.fails("DISTRO_RUNNING", "resize", "one", "512M")
        out, _ = session.communicate("still here\n", timeout=60)
        self.assertEqual(out, "still here\n")
        self.home.ok("terminate", "one")
        self.assertIn("no faults", self.home.run("check", "one").stderr)
        self.assertIn("1.0 GiB", self.home.ok("resize", "one"))

    def test_what_is_free_is_given_back_at_the_stop(self):
        def used():
            return json.loads(self.home.ok("list", "--json"))["distros"]

        def of_two():
            return int(next(d["disk_used"] for d in used() if d["name"] == "two"))

        self.sh("dd if=/dev/urandom of=/big bs=1M count=40 2>/dev/null; sync", "two")
        full = of_two()
        self.sh("rm /big; sync", "two")
        self.home.ok("terminate", "two")
        self.assertLess(of_two(), full - (30 << 20))


if __name__ == "__main__":
    unittest.main()
