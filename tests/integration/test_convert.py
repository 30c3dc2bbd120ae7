"""A distro keeps everything over conversions, as tools that are not ours see it. Needs root: GNU tar unpacks as root."""

import os
import shutil
import subprocess
import tempfile
import unittest

from harness import ROOT, DistroTest


def facts(archive):
    """Everything about the tree in an archive, by GNU tar, find, getfattr and sha256sum."""
    folder = tempfile.mkdtemp(prefix="wslm-facts-", dir="/var/tmp")
    try:
        subprocess.run(["tar", "-C", folder, "--numeric-owner", "-p", "--xattrs", "--xattrs-include=*", "-xf", archive], check=True)

        def lines(command):
            return subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True).stdout
        devices = lines("find . \\( -type b -o -type c \\) -print0 | sort -z | xargs -0r stat -c '%n %F %t:%T'")
        attributes = lines("find . -printf '%p\\0%y\\0%m\\0%U\\0%G\\0%s\\0%T@\\0%l\\0%n\\n' | LC_ALL=C sort")
        xattrs = lines("find . -print0 | LC_ALL=C sort -z | xargs -0 getfattr -h -d -m - -e hex 2>/dev/null")
        content = lines("find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum")
        # Directories' sizes are the file system's own affair.
        attributes = b"\n".join(b"\0".join(p for i, p in enumerate(line.split(b"\0")) if i != 5 or line.split(b"\0")[1] != b"d")
                                for line in attributes.split(b"\n"))
        return {"devices": devices, "attributes": attributes, "xattrs": xattrs, "content": content}
    finally:
        shutil.rmtree(folder)


CHANGES = """
set -e
cd /var/tmp; rm -rf TAG; mkdir TAG; cd TAG
printf 'some text\\n' > file; chown 1000:1000 file; chmod 600 file
printf 'x' > 'a name with spaces and ü'; ln file hard; ln -s /etc/passwd link; chown -h 12:34 link
mkfifo fifo; chown 1:2 fifo; mknod null c 1 3; chmod 666 null; mknod disk b 8 1; chown 0:6 disk
truncate -s 20M sparse; printf end >> sparse
mkdir sticky; chmod 1777 sticky; mkdir setgid; chown 5:60 setgid; chmod 2770 setgid
cp /bin/true setuid; chmod 4755 setuid; touch unreadable; chmod 000 unreadable
touch -d '2001-02-03 04:05:06.123456789' old; touch -h -d '1999-01-01 00:00:00.5' link
i=0; while [ $i -lt 300 ]; do : > "many-$i"; i=$((i+1)); done
set_xattr() { perl -e 'syscall(188, $ARGV[0], $ARGV[1], pack("H*", $ARGV[2]), length($ARGV[2]) / 2, 0) == 0 or die "$ARGV[1]: $!\n"' "$@"; }
set_xattr file user.note 6b657074; set_xattr sticky user.empty ''; cp /bin/true capable
set_xattr capable security.capability 0100000200040000000000000000000000000000
touch gone-later; mkdir -p deep/er/still; chown -R 4242:4343 deep
mv /etc/motd /etc/motd-of-TAG 2>/dev/null || true
"""


@unittest.skipUnless(os.getuid() == 0, "GNU tar must unpack as root")
class Convert(DistroTest):
    version = 1

    @classmethod
    def archive(cls):
        """The Debian root, and in it a file and a folder with ACLs."""
        folder = tempfile.mkdtemp(prefix="wslm-acl-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        subprocess.run(["sh", "-ec", "mkdir -p tree/opt/acl; echo x > tree/opt/acl/file; setfacl -m u:1234:rw,g:77:r tree/opt/acl/file;"
                        " setfacl -d -m u:1234:rwx tree/opt/acl; cp \"$0\" root.tar;"
                        " tar -C tree --format=pax --acls --numeric-owner -cf acl.tar opt/acl; tar -Af root.tar acl.tar", ROOT], cwd=folder, check=True)
        os.chmod(folder + "/root.tar", 0o644)
        return folder + "/root.tar"

    def export(self, name):
        path = f"{self.home.path}/{name}"
        self.home.ok("export", "deb", path, "--terminate")
        return path

    def test_nothing_is_lost_over_both_conversions_after_changes_in_each_runtime(self):
        self.sh(CHANGES.replace("TAG", "in-v1"))
        first = facts(self.export("first.tar"))
        for name in (b"user.note=0x6b657074", b"user.empty", b"security.capability=0x01000002000400", b"system.posix_acl_access=",
                     b"system.posix_acl_default="):
            self.assertIn(name, first["xattrs"])
        self.home.ok("set-version", "deb", "2", "--terminate")
        self.assertIn("2", self.home.ok("list", "-v"))
        second = facts(self.export("second.tar.zst"))
        for kind in first:
            self.assertEqual(first[kind], second[kind], kind)
        self.sh(CHANGES.replace("TAG", "in-v2") + "rm /var/tmp/in-v1/gone-later; mv /var/tmp/in-v1/deep /var/tmp/in-v2/moved")
        third = facts(self.export("third.tar.gz"))
        self.assertNotEqual(second["attributes"], third["attributes"])
        self.home.ok("set-version", "deb", "1", "--terminate")
        fourth = facts(self.export("fourth.tar.xz"))
        for kind in third:
            self.assertEqual(third[kind], fourth[kind], kind)
        self.assertEqual(self.sh("stat -c '%u:%g %a' /var/tmp/in-v2/file /var/tmp/in-v2/moved"), "1000:1000 600\n4242:4343 755")
        self.assertEqual(self.home.leftovers(), [])

    def test_a_running_distro_is_refused_with_the_command_that_stops_it(self):
        process = self.home.popen("run", "--", "sleep 60", stdin=subprocess.DEVNULL)
        try:
            self.sh("true")
            result = self.home.run("set-version", "deb", "2")
            self.assertEqual(result.returncode, 1)
            self.assertIn("wslm terminate deb", result.stderr)
            self.assertIn("Error code: DISTRO_RUNNING", result.stderr)
            self.assertIn("1", self.home.ok("list", "-v").splitlines()[1])
        finally:
            process.terminate()
            process.wait(timeout=30)

    def test_the_version_that_it_has_already_is_refused(self):
        result = self.home.run("set-version", "deb", "1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("Error code: ALREADY_THIS_VERSION", result.stderr)


if __name__ == "__main__":
    unittest.main()
