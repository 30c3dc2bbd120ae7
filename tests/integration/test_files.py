"""A v1 distro's files, served by 9P2000.L."""

import errno
import glob
import os
import shutil
import stat
import subprocess
import unittest

from harness import BIN, DistroTest, wait_for
from p9_client import Client, P9Error

MAKE = """
mkdir -p /srv/t/d; cd /srv/t; echo text > f; chown 77:88 f; chmod 4751 f; ln -s /etc/shadow link; chown -h 5:6 link
mkfifo pipe; mknod null c 1 3; chmod 2775 d; chown 0:50 d; setfattr -n user.note -v hello f 2>/dev/null || true
printf '[boot]\\ncommand = "touch /root/booted"\\n' > /etc/wsl.conf
"""


class Files(DistroTest):
    version = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home.ok("run", "--cd", "/", "--", MAKE)

    def setUp(self):
        self.home.ok("terminate", "deb")

    def connect(self, **kwargs):
        client = Client(self.home.ok("files", "deb").strip(), **kwargs)
        self.addCleanup(client.close)
        return client

    def seen(self, client):
        def shape(path):
            mode, uid, gid, rdev, _ = client.stat(path)
            return stat.filemode(mode), uid, gid, rdev
        return {path: shape("/srv/t/" + path) for path in ("f", "link", "pipe", "null", "d")}

    def test_owners_and_modes_are_the_distros_running_or_not(self):
        expected = {"f": ("-rwsr-x--x", 77, 88, 0), "link": ("lrwxrwxrwx", 5, 6, 0), "pipe": ("prw-r--r--", 0, 0, 0),
                    "null": ("crw-r--r--", 0, 0, os.makedev(1, 3)), "d": ("drwxrwsr-x", 0, 50, 0)}
        for path in on_host(self.home, "root/booted"):
            os.unlink(path)
        stopped = self.connect()
        self.assertEqual(self.seen(stopped), expected)
        self.assertEqual(on_host(self.home, "root/booted"), [], "no program of the distro ran")
        names = stopped.names("/"), stopped.names("/proc"), stopped.names("/dev"), stopped.names("/run")
        self.assertEqual(names[1:], ([], [], []), "what is mounted is not shown")
        self.sh("true")
        wait_for(lambda: on_host(self.home, "root/booted"))
        running = self.connect()
        self.assertEqual(self.seen(running), expected)
        self.assertEqual((running.names("/"), running.names("/proc"), running.names("/dev"), running.names("/run")), names)

    def test_the_socket_is_the_users_alone(self):
        path = self.home.ok("files", "deb").strip()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)

    def test_who_is_connected_keeps_it_running(self):
        client = self.connect()
        self.assertIn("Running", self.home.ok("list", "-v"))
        client.close()

    def test_files_are_made_for_who_attached(self):
        client = self.connect(uid=1000)
        fid = client.create("/srv/t", "made", 0o640, 50)
        self.assertEqual(client.write(fid, b"hello"), 5)
        self.assertEqual(client.read(fid), b"hello")
        self.assertEqual(self.sh("stat -c '%a %u:%g' /srv/t/made; cat /srv/t/made; rm /srv/t/made"), "640 1000:50\nhello")

    def test_nothing_leads_out_and_nothing_blocks(self):
        client = self.connect()
        for path in ("../../../../etc", "srv/t/link/x", "proc/1", "mnt/host/etc"):
            with self.assertRaises(P9Error, msg=path):
                client.walk(path)
                self.assertEqual(client.stat(path), client.stat("etc"))
                raise P9Error(0, "the root's own")
        for name, expected in (("pipe", errno.ENXIO), ("null", errno.ENXIO), ("link", errno.ELOOP)):
            with self.assertRaises(P9Error) as raised:
                client.open("/srv/t/" + name)
            self.assertEqual(raised.exception.errno, expected)

    def test_a_client_that_talks_nonsense_hurts_nobody(self):
        client = self.connect()
        client.socket.sendall(b"\xff" * 4096)
        self.assertEqual(self.read_all(client.socket), b"")
        self.assertEqual(self.connect().stat("/srv/t/f")[1], 77)

    @staticmethod
    def read_all(connection):
        try:
            return connection.recv(100)
        except ConnectionResetError:
            return b""

    @unittest.skipUnless(shutil.which("diodls", path="/usr/sbin:/usr/bin"), "diod is not installed")
    def test_clients_that_are_not_ours(self):
        path = self.home.ok("files", "deb").strip()

        def diod(tool, *arguments):
            return subprocess.run([tool, "-s", path, "-a", "/", "-u", "0", *arguments], capture_output=True, text=True,
                                  env={"PATH": "/usr/sbin:/usr/bin"}, preexec_fn=self.home._become, timeout=60)
        for folder in ("etc", "usr/bin"):
            listed = diod("diodls", folder)
            self.assertEqual(listed.stderr, "")
            inside = self.sh(f"ls -A /{folder}").split()
            self.assertEqual(sorted(set(listed.stdout.split()) - {".", ".."}), sorted(inside))
        self.assertEqual(diod("diodcat", "etc/shadow").stdout, self.sh("cat /etc/shadow") + "\n")
        self.sh("cp /bin/sh /root/program")
        inside = subprocess.run(["sha256sum"], input=self.home.ok("run", "--cd", "/", "--", "cat /root/program", binary=True),
                                capture_output=True, check=True).stdout
        outside = subprocess.run(f"diodcat -s {path} -a / -u 0 root/program | sha256sum", shell=True, capture_output=True,
                                 env={"PATH": "/usr/sbin:/usr/bin"}, preexec_fn=self.home._become, check=False).stdout
        self.assertEqual(outside, inside)


KERNEL = r"""
set -e
mkdir -p /srv/t /mnt/n; cd /srv/t; echo hello > f; chown 77:88 f; chmod 4751 f; ln -s f l; mkfifo p; mknod n c 1 3
chmod 755 /root/serve; (/root/serve / /root/socket >/dev/null 2>&1 &)
until [ -S /root/socket ]; do sleep 0.1; done
mount -t 9p -o trans=unix,version=9p2000.L,access=client,uname=root,cache=none /root/socket /mnt/n
cd /mnt/n/srv/t
stat -c '%N %F %a %u:%g' f l p n; cat f
echo new > g; chown 5:6 g; chmod 640 g; mkdir d; mv g d/h; ln d/h i; stat -c '%h %a %u:%g' i; rm i; rmdir d 2>/dev/null || rm -r d
dd if=/dev/urandom of=big bs=1M count=4 2>/dev/null; cmp big /srv/t/big; truncate -s 100 big; stat -c %s big
cp -a /usr/share/doc/base-files . && diff -r base-files /usr/share/doc/base-files
touch -d @1000000000 f; stat -c %Y f; flock -n f true; ls /mnt/n/proc | wc -l
diff <(cd /mnt/n/etc && find . -printf '%p %m %U:%G %s %l\n' | sort) <(cd /etc && find . -xdev -printf '%p %m %U:%G %s %l\n' | sort)
cd /; umount /mnt/n; echo done
"""


class KernelClient(DistroTest):
    """The kernel's client, in a virtual machine, of the same server."""

    version = 2

    def test_the_kernels_client_finds_what_is_there_and_changes_it(self):
        with open(BIN + "/p9_serve", "rb") as file:
            self.home.run("run", "--cd", "/", "--", "cat > /root/serve", input=file.read(), binary=True)
        out = self.home.ok("run", "--cd", "/", "-e", "bash", "-c", KERNEL, timeout=600)
        self.assertEqual(out.splitlines(), [
            "'f' regular file 4751 77:88", "'l' -> 'f' symbolic link 777 0:0", "'p' fifo 644 0:0",
            "'n' character special file 644 0:0", "hello", "2 640 5:6", "100", "1000000000", "0", "done"])


def on_host(home, path):
    """Where the host has a file of the distro, which lies in its folder as it is."""
    return glob.glob(f"{home.path}/data/distros/*/rootfs/{path}")


if __name__ == "__main__":
    unittest.main()
