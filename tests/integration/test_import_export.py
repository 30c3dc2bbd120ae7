"""Archives in and out, and what is wrong with them."""

import gzip
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
import unittest

from harness import ROOT, Home, wait_for


class ImportExport(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)
        cls.small = cls.home.path + "/small.tar"
        with tarfile.open(cls.small, "w", format=tarfile.PAX_FORMAT) as tar:
            for name in ("etc", "bin"):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
            with open("/bin/busybox", "rb") as file:
                for name in ("bin/busybox", "bin/sh"):
                    entry = tarfile.TarInfo(name)
                    entry.mode = 0o755
                    if name == "bin/sh":
                        entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
                        tar.addfile(entry)
                    else:
                        entry.size = os.path.getsize("/bin/busybox")
                        tar.addfile(entry, file)
        os.chmod(cls.small, 0o644)

    def tearDown(self):
        for name in self.home.ok("list", "-q").split():
            self.home.ok("unregister", name, "--purge")
        self.assertEqual(self.home.leftovers(), [])

    def refused(self, reason, *args, **kwargs):
        before = self.home.ok("list", "-q")
        result = self.home.run(*args, **kwargs)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(f"Error code: {reason}", result.stderr)
        self.assertTrue(result.stderr.startswith("wslm: "), result.stderr)
        self.assertEqual(self.home.ok("list", "-q"), before)
        self.assertEqual(self.home.leftovers(), [])
        return result.stderr

    def file(self, name, content):
        path = f"{self.home.path}/{name}"
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, 0o644)
        return path

    def test_every_compression_goes_in_and_out_from_files_and_streams(self):
        for end in ("tar", "tar.gz", "tar.xz", "tar.zst", "tar.bz2", "tar.lz4"):
            for version in ("1", "2"):
                with self.subTest(end=end, version=version):
                    self.home.ok("import", "a", self.small, "--version", version)
                    out = f"{self.home.path}/out.{end}"
                    self.home.ok("export", "a", out)
                    with open(out, "rb") as file:
                        self.home.ok("import", "b", "-", input=file.read(), binary=True)
                    streamed = self.home.ok("export", "b", "-", binary=True)
                    names = subprocess.run(["tar", "-t"], input=streamed, capture_output=True, check=True).stdout.split()
                    self.assertIn(b"bin/busybox", [n.removeprefix(b"./") for n in names])
                    self.home.ok("unregister", "a", "--purge")
                    self.home.ok("unregister", "b", "--purge")
                    os.unlink(out)

    def test_a_file_that_is_no_archive_is_refused(self):
        for name, content in (("text.tar", b"this is no archive\n" * 1000), ("empty.tar", b""), ("zeros.tar", b"\0" * 10240),
                              ("zip.tar", b"PK\x03\x04" + b"\0" * 1000), ("noise.tar.gz", os.urandom(100000))):
            with self.subTest(name=name):
                path = self.file(name, content)
                result = self.home.run("import", "bad", path)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertRegex(result.stderr, "Error code: (UNSUPPORTED_FORMAT|NOT_A_DISTRO|CORRUPT_SOURCE)")
                self.assertEqual(self.home.ok("list", "-q"), "")

    def test_a_truncated_archive_is_refused(self):
        with open(self.small, "rb") as file:
            whole = file.read()
        for version in ("1", "2"):
            self.refused("CORRUPT_SOURCE", "import", "bad", self.file("cut.tar", whole[:len(whole) // 2]), "--version", version)
            self.refused("CORRUPT_SOURCE", "import", "bad", self.file("cut.tar.gz", gzip.compress(whole)[:-5000]), "--version", version)

    def test_a_missing_file_an_illegal_name_and_a_taken_one_are_refused(self):
        self.refused("FILE_NOT_FOUND", "import", "x", "/no/such/file.tar")
        self.refused("INVALID_NAME", "import", "a/b", self.small)
        self.refused("INVALID_NAME", "import", ".hidden", self.small)
        self.home.ok("import", "Taken", self.small)
        self.refused("DISTRO_EXISTS", "import", "tAKEN", self.small)

    def test_an_unknown_distro_is_refused_by_every_command(self):
        for command in (("export", "none", self.home.path + "/x.tar"), ("set-version", "none", "2"), ("terminate", "none"),
                        ("unregister", "none"), ("set-default", "none")):
            self.refused("DISTRO_NOT_FOUND", *command)

    def test_an_export_never_overwrites(self):
        self.home.ok("import", "a", self.small)
        path = self.file("there.tar", b"precious")
        os.chown(path, self.home.uid, self.home.gid)
        self.refused("FILE_EXISTS", "export", "a", path)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"precious")

    def test_who_may_not_write_or_read_is_told_what_to_do(self):
        self.home.ok("import", "a", self.small)
        self.assertIn("Name a file in a folder of yours", self.refused("PERMISSION_DENIED", "export", "a", "/etc/x.tar"))
        path = self.file("secret.tar", b"x")
        os.chmod(path, 0o600)
        if os.getuid() == 0:
            self.assertIn("You may not read", self.refused("PERMISSION_DENIED", "import", "b", path))

    def test_an_archive_whose_name_does_not_say_what_it_is_is_not_made(self):
        self.home.ok("import", "a", self.small)
        path = f"{self.home.folder('named')}/x.foo"
        self.assertIn(".tar.lz4", self.refused("UNSUPPORTED_FORMAT", "export", "a", path))
        self.assertFalse(os.path.exists(path))
        self.home.ok("export", "a", path, "--format", "tar")
        self.assertTrue(tarfile.is_tarfile(path))

    def test_usage_errors_exit_2_and_help_0(self):
        self.assertEqual(self.home.run("import").returncode, 2)
        self.assertEqual(self.home.run("list", "--no-such-option").returncode, 2)
        self.assertEqual(self.home.run("--help").returncode, 0)
        self.assertEqual(self.home.run("import", "--help").returncode, 0)
        self.assertEqual(self.home.run("op", "--help").returncode, 0)

    def test_an_empty_list_says_so(self):
        result = self.home.run("list")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        self.assertIn("wslm import", result.stderr)
        self.assertIn('"distros"', self.home.ok("list", "--json"))
        result = self.home.run("true")
        self.assertEqual(result.returncode, 125)
        self.assertIn("Error code: NO_DEFAULT_DISTRO", result.stderr)

    def test_the_first_distro_is_the_default_then_the_oldest_left(self):
        for name in ("one", "two", "three"):
            self.home.ok("import", name, self.small)
        self.assertEqual(self.home.ok("list", "-q").split()[0], "one")
        self.home.ok("set-default", "three")
        self.assertEqual(self.home.ok("list", "-q").split()[0], "three")
        self.home.ok("unregister", "three", "--purge")
        self.assertEqual(self.home.ok("list", "-q").split()[0], "one")

    def test_unregister_is_undone_by_recover(self):
        self.home.ok("import", "dear", self.small)
        self.home.ok("unregister", "dear")
        self.assertEqual(self.home.ok("list", "-q"), "")
        self.home.ok("recover", "dear")
        self.assertEqual(self.home.ok("-d", "dear", "--cd", "/", "-e", "/bin/sh", "-c", "echo alive"), "alive\n")

    def test_ctrl_c_cancels_an_import_and_leaves_nothing(self):
        process = self.home.popen("import", "big", ROOT, "--version", "2", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: "IMPORT" in self.home.ok("op", "list").upper())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(self.home.ok("list", "-q"), "")
        self.assertEqual(self.home.leftovers(), [])

    def test_a_daemon_that_dies_during_an_import_is_told_and_nothing_is_left(self):
        process = self.home.popen("import", "big", ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: "IMPORT" in self.home.ok("op", "list").upper())
        os.kill(self.home.daemon_pid(), signal.SIGKILL)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn("Error code: ", err)
        self.assertEqual(self.home.ok("list", "-q"), "")
        self.assertEqual(self.home.leftovers(), [])

    def test_a_daemon_that_is_ended_during_an_import_says_that_nobody_cancelled_it(self):
        process = self.home.popen("import", "big", ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: "IMPORT" in self.home.ok("op", "list", "--running").upper())
        self.home.ok("daemon", "stop")
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, err)
        self.assertIn("Error code: INTERRUPTED", err)
        self.assertEqual(self.home.ok("list", "-q"), "")
        self.assertEqual(self.home.leftovers(), [])

    def test_a_daemon_that_hangs_can_be_ended(self):
        self.home.ok("daemon", "start")
        pid = self.home.daemon_pid()
        os.kill(pid, signal.SIGSTOP)
        result = self.home.run("daemon", "stop", timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"wslmd (process {pid}) did not answer", result.stderr)
        self.home.ok("daemon", "start")
        self.assertNotEqual(self.home.daemon_pid(), pid)

    def test_two_commands_at_once_start_one_daemon(self):
        self.home.ok("daemon", "stop")
        time.sleep(0.5)
        processes = [self.home.popen("status", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) for _ in range(6)]
        self.assertEqual([p.wait(timeout=30) for p in processes], [0] * 6)
        for process in processes:
            process.stdout.close()
        count = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/comm") as file:
                    with open(f"/proc/{pid}/environ", "rb") as environ:
                        count += file.read() == "wslmd\n" and self.home.path.encode() in environ.read()
            except OSError:
                pass
        self.assertEqual(count, 1)


@unittest.skipUnless(os.getuid() == 0, "mounts a small file system and uses a second user")
class NeedsRoot(unittest.TestCase):
    def home_on_a_disk_of(self, size):
        home = Home()
        self.addCleanup(shutil.rmtree, home.path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},uid={home.uid},mode=700", "none", home.path], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", home.path])
        # Before the disk goes: its daemon is found by what lies there.
        self.addCleanup(home.close)
        return home

    def test_a_full_disk_is_told_and_leaves_nothing(self):
        home = self.home_on_a_disk_of("60M")
        for version in ("1", "2"):
            result = home.run("import", "deb", ROOT, "--version", version)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn("Error code: DISK_FULL", result.stderr)
            self.assertEqual(home.ok("list", "-q"), "")
            self.assertEqual(home.leftovers(), [])

    def test_a_disk_that_fills_up_stops_a_conversion_and_an_export_and_nothing_is_lost(self):
        home = self.home_on_a_disk_of("270M")
        home.ok("import", "deb", ROOT)
        before = home.ok("run", "--", "find / -xdev -printf '%p %m %U %s\n' 2>/dev/null | sort | sha256sum")
        for command in (("set-version", "deb", "2", "--terminate"), ("export", "deb", home.path + "/deb.tar", "--terminate")):
            result = home.run(*command)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn("Error code: DISK_FULL", result.stderr)
            self.assertRegex(result.stderr, r"needs (about )?[0-9.]+ MiB, has [0-9.]+ ([KM]i)?B free")
            self.assertEqual(home.leftovers(), [])
        self.assertFalse(os.path.exists(home.path + "/deb.tar"))
        self.assertEqual(home.ok("run", "--", "find / -xdev -printf '%p %m %U %s\n' 2>/dev/null | sort | sha256sum"), before)

    def test_an_export_to_a_full_disk_says_what_it_needs_and_leaves_the_disk_as_it_was(self):
        home = Home()
        self.addCleanup(home.close)
        home.ok("import", "deb", ROOT)
        # The first two are refused before anything is written, the others stop on their way.
        for size, name, options in (("8M", "x.tar", ()), ("8M", "x.img", ()), ("8M", "x.tar.zst", ()), ("8M", "x.tar.gz", ()),
                                    ("8M", "x.tar", ("--format", "oci")), ("220M", "x.vhdx", ())):
            with self.subTest(name=name, options=options):
                disk = home.folder("disk")
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},uid={home.uid},mode=700", "none", disk], check=True)
                try:
                    with open(disk + "/x.old", "w") as file:
                        file.write("precious")
                    result = home.run("export", "deb", f"{disk}/{name}", *options)
                    self.assertEqual(result.returncode, 1, result.stderr)
                    self.assertIn("Error code: DISK_FULL", result.stderr)
                    told = re.search(r"No room .*needs (?:about )?([0-9.]+) MiB, (?:and|has) ([0-9.]+) MiB", result.stderr)
                    self.assertIsNotNone(told, result.stderr)
                    needed, free = map(float, told.groups())
                    # What is free when nothing of the archive is left.
                    self.assertAlmostEqual(free, int(size[:-1]), delta=0.5)
                    self.assertGreater(needed, free)
                    self.assertLess(needed, 600)
                    self.assertNotIn(".part", result.stderr)
                    self.assertIn(disk, result.stderr)
                    self.assertEqual(os.listdir(disk), ["x.old"])
                finally:
                    subprocess.run(["umount", "-l", disk], check=True)
                    os.rmdir(disk)

    def test_another_user_is_not_let_in(self):
        home = Home()
        self.addCleanup(home.close)
        address = home.ok("daemon", "socket").strip().removeprefix("unix:")
        os.chmod(home.path, 0o777)
        os.chmod(os.path.dirname(address), 0o777)
        os.chmod(address, 0o777)
        result = subprocess.run(["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", "env",
                                 f"WSLM_HOST=unix://{address}", f"WSLM_HOME={home.path}", "HOME=/",
                                 os.environ["WSLM_BIN"] + "/wslm", "list"], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        self.assertIn("Error code: PERMISSION_DENIED", result.stderr)


if __name__ == "__main__":
    unittest.main()
