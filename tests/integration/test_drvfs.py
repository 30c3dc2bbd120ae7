"""The host's folders as a v1 distro sees them."""

import os
import stat
import unittest

from harness import DistroTest


class Drvfs(DistroTest):
    version = 1
    distro_args = ("--user", "ann:1000")

    def setUp(self):
        self.host = self.home.path + "/shared"
        os.mkdir(self.host, 0o700)
        self.give(self.host)
        self.addCleanup(self.empty)
        self.inside = "/mnt/host" + self.host

    def give(self, path):
        os.chown(path, self.home.uid, self.home.gid)

    def empty(self):
        self.home.ok("terminate", "deb")
        for folder, folders, files in os.walk(self.host, topdown=False):
            for name in files:
                os.unlink(os.path.join(folder, name))
            for name in folders:
                os.rmdir(os.path.join(folder, name))
        os.rmdir(self.host)

    def file(self, name, mode, text=""):
        path = os.path.join(self.host, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        self.give(path)
        return path

    def with_options(self, options):
        self.sh(f"printf '[automount]\\noptions = \"{options}\"\\n' > /etc/wsl.conf", "-u", "root")
        self.addCleanup(self.sh, "rm -f /etc/wsl.conf", "-u", "root")
        self.home.ok("terminate", "deb")

    def shown(self, *names, user="root"):
        names = " ".join(names)
        return self.sh(f"cd {self.inside} && stat -c '%a %u:%g' {names}", "-u", user).splitlines()

    def host_mode(self, name):
        return stat.S_IMODE(os.stat(os.path.join(self.host, name)).st_mode)

    def test_all_is_the_default_users_with_all_rights(self):
        self.file("secret", 0o600)
        self.file("program", 0o755)
        for user in ("root", "ann"):
            self.assertEqual(self.shown(".", "secret", "program", user=user), ["777 1000:1000"] * 3)
        self.assertEqual(self.shown("/mnt/host/etc/shadow"), ["777 1000:1000"])
        self.assertNotEqual(self.home.run("run", "-u", "root", "--cd", "/", "--", "cat /mnt/host/etc/shadow").returncode, 0)

    def test_changes_of_owner_and_mode_succeed_without_effect(self):
        self.file("file", 0o640)
        for user in ("root", "ann"):
            self.sh(f"cd {self.inside} && chmod 600 file && chown 5:6 file && chmod 700 . && touch -d 2001-01-01 file", "-u", user)
        self.assertEqual(self.shown(".", "file"), ["777 1000:1000"] * 2)
        self.assertEqual((self.host_mode("file"), self.host_mode(".")), (0o640, 0o700))

    def test_what_is_made_executable_runs(self):
        self.sh(f"cd {self.inside} && printf '#!/bin/sh\\necho ran\\n' > new && chmod +x new && ./new > out", "-u", "ann")
        self.assertEqual(self.sh(f"cat {self.inside}/out"), "ran")
        self.assertEqual(self.host_mode("new") & 0o100, 0o100)

    def test_they_are_called_drvfs(self):
        for command in ("cat /proc/mounts", "cat /proc/self/mounts", "mount"):
            lines = self.sh(command).splitlines()
            drvfs = [line for line in lines if "drvfs" in line.split()]
            self.assertTrue(any("/mnt/host" in line.split() and "uid=1000" in line for line in drvfs), lines)
            self.assertTrue(any("/" in line.split() and "lxfs" in line.split() for line in lines), lines)
        self.assertIn("/ /mnt/host drvfs", self.sh("findmnt -rno SOURCE,TARGET,FSTYPE /mnt/host; grep -m1 ' /mnt/host ' /proc/mounts"))

    def test_metadata_keeps_owners_and_modes(self):
        self.file("file", 0o644, "text")
        self.with_options("metadata,umask=22")
        self.assertEqual(self.shown(".", "file"), ["755 1000:1000"] * 2)
        self.sh(f"cd {self.inside} && chown 0:33 file && chmod 4640 file && mkdir -m 750 d && umask 27 && echo x > made", "-u", "root")
        self.sh(f"cd {self.inside} && echo y > hers && chmod 400 hers", "-u", "ann")
        expected = ["4640 0:33", "750 0:0", "640 0:0", "400 1000:1000"]
        self.assertEqual(self.shown("file", "d", "made", "hers"), expected)
        self.home.ok("terminate", "deb")
        self.assertEqual(self.shown("file", "d", "made", "hers"), expected)
        denied = self.home.run("run", "-u", "ann", "--cd", "/", "--", f"cat {self.inside}/file; chown 1000 {self.inside}/made; ls {self.inside}/d")
        self.assertEqual((denied.stdout, denied.stderr.count("ermi")), ("", 3), denied.stderr)
        self.assertEqual((self.host_mode("file"), self.host_mode("hers")), (0o640, 0o600))
        self.assertIn("user.wslm.drvfs", os.listxattr(self.host + "/file"))
        self.needs("perl")
        listed = "perl -e 'my $n = \"\\0\" x 4096; my $s = syscall(194, $ARGV[0], $n, 4096); print substr($n, 0, $s)' " + self.inside + "/file"
        self.assertNotIn("wslm", self.sh(listed))

    def test_owners_and_masks_are_those_of_the_options(self):
        self.file("file", 0o644, "text")
        self.with_options("uid=1001,gid=50,umask=007,fmask=111,dmask=022")
        self.assertEqual(self.shown(".", "file"), ["750 1001:50", "660 1001:50"])
        self.assertEqual(self.home.run("run", "-u", "ann", "--cd", "/", "--", f"cat {self.inside}/file").returncode, 1)

    def test_read_only_is_read_only(self):
        self.file("file", 0o644, "text")
        self.with_options("ro")
        out = self.home.run("run", "-u", "root", "--cd", "/", "--", f"cd {self.inside}; cat file; echo x > file")
        self.assertIn("Read-only file system", out.stderr)
        self.assertEqual(out.stdout, "text")

    def test_a_wrong_option_is_told(self):
        self.with_options("metadata,bogus")
        self.assertIn("Invalid option 'bogus' for key 'automount.options' in /etc/wsl.conf:2.",
                      self.home.run("run", "--cd", "/", "--", "true").stderr)

    def test_root_mounts_any_host_folder(self):
        self.file("file", 0o600, "text\n")
        self.sh("mkdir -p /srv/shared", "-u", "root")
        mount = f"mount -t drvfs {self.host} /srv/shared -o uid=0,gid=7,fmask=137,noatime"
        self.assertNotEqual(self.home.run("run", "-u", "ann", "--cd", "/", "--", mount).returncode, 0)
        self.assertEqual(self.sh(f"{mount} && cat /srv/shared/file && stat -c '%a %u:%g' /srv/shared /srv/shared/file", "-u", "root"),
                         "text\n777 0:7\n640 0:7")
        line = self.sh("grep /srv/shared /proc/mounts")
        self.assertTrue(line.startswith(f"{self.host} /srv/shared drvfs rw"), line)
        self.assertIn("gid=7,fmask=137", line)
        self.assertEqual(self.shown("file"), ["777 1000:1000"])
        self.assertEqual(self.sh("umount /srv/shared && ls /srv/shared", "-u", "root"), "")
        for bad in (f"{self.host}/none /srv/shared", "relative /srv/shared", f"{self.host} /srv/shared -o bogus"):
            self.assertNotEqual(self.home.run("run", "-u", "root", "--cd", "/", "--", "mount -t drvfs " + bad).returncode, 0, bad)
        self.sh(f"mount -t drvfs {self.host} /srv/shared -o ro && ! touch /srv/shared/x && umount /srv/shared", "-u", "root")


class Isolated(DistroTest):
    version = 1
    distro_args = ("--isolated",)

    def test_an_isolated_distro_gets_none(self):
        self.sh("mkdir -p /srv/shared; test ! -e /mnt/host/etc")
        out = self.home.run("run", "--cd", "/", "--", "mount -t drvfs / /srv/shared")
        self.assertNotEqual(out.returncode, 0)
        self.assertEqual(self.sh("ls /srv/shared; grep -c drvfs /proc/mounts || true"), "0")


if __name__ == "__main__":
    unittest.main()
