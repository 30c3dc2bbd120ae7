"""A version 2 distro has a kernel: what v1 refuses works there as root, within what its wsl.conf gives it."""

import ctypes
import os
import socket
import subprocess
import tempfile
import threading
import unittest

from harness import BIN, DistroTest, wait_for
from host_folders import HostFolders
from roots import made_root

SESSIONS = 100
CLONE_NEWNS = 0x20000


class NameServer:
    """The host's at 127.0.0.53, for this process and its children: every name is 192.0.2.77."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.socket.bind(("127.0.0.53", 53))
        except OSError:
            self.socket.close()
            raise
        with tempfile.NamedTemporaryFile("w") as file:
            os.chmod(file.name, 0o644)
            file.write("nameserver 127.0.0.53\nsearch a.domain.example\n")
            file.flush()
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            for command in (["mount", "--make-rprivate", "/"], ["mount", "--bind", file.name, "/etc/resolv.conf"]):
                subprocess.run(command, check=True)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, client = self.socket.recvfrom(512)
            except OSError:
                return
            # RFC 1035: the question again, then an answer that points at its name; none for what is no A.
            end = query.index(0, 12) + 5
            of_type_a = query[end - 4:end - 2] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("192.0.2.77")
            self.socket.sendto(query[:2] + b"\x81\x80\0\1" + (b"\0\1" if of_type_a else b"\0\0") + b"\0\0\0\0" + query[12:end]
                               + (answer if of_type_a else b""), client)

    def close(self):
        self.socket.close()


class Containers(HostFolders, DistroTest):
    version = 2

    @classmethod
    def archive(cls):
        return made_root("containers/root")

    @classmethod
    def setUpClass(cls):
        # Made while the host's own name server answers.
        cls.archive()
        try:
            cls.names = NameServer() if os.getuid() == 0 else None
        except OSError:  # the host has one there
            cls.names = None
        if cls.names:
            cls.addClassCleanup(cls.names.close)
        super().setUpClass()
        cls.add_user("ann", 1000)
        with open(f"{BIN}/kernel_probe", "rb") as file:
            cls.home.run("run", "--cd", "/", "--", "cat >/usr/bin/kernel_probe; chmod 755 /usr/bin/kernel_probe",
                         input=file.read(), binary=True)

    def serve(self, address, port, before=""):
        """Accepts connections inside, until the test's end."""
        server = self.home.popen("run", "--cd", "/", "--", f"exec {before} kernel_probe serve {address} {port}",
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait, 60)
        self.addCleanup(server.terminate)
        self.assertEqual(server.stdout.readline(), "ok\n")

    def answer(self, address, port):
        """What the server says to who connects from inside; empty when no packet comes through."""
        return self.sh(f"timeout 3 bash -c 'cat </dev/tcp/{address}/{port}' 2>/dev/null; true")

    def test_a_rule_of_iptables_drops_packets(self):
        self.serve("127.0.0.1", 4242)
        rule = "INPUT -i lo -p tcp --dport 4242 -j DROP"
        for program in "iptables-nft", "iptables-legacy":
            self.assertEqual(self.answer("127.0.0.1", 4242), "127.0.0.1")
            self.sh(f"{program} -A {rule}")
            self.assertEqual(self.answer("127.0.0.1", 4242), "", program)
            self.sh(f"{program} -D {rule}")
        self.assertEqual(self.sh("iptables -t nat -A POSTROUTING -s 10.9.0.0/24 -j MASQUERADE && iptables -t nat -S POSTROUTING |"
                                 " grep -c MASQ; iptables -t nat -F"), "1")

    def test_a_rule_of_nftables_drops_packets(self):
        self.serve("127.0.0.1", 4243)
        self.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; };"
                " add rule inet t c tcp dport 4243 counter drop'")
        self.assertEqual(self.answer("127.0.0.1", 4243), "")
        self.assertNotIn("packets 0", self.sh("nft list table inet t"))
        self.sh("nft delete table inet t")
        self.assertEqual(self.answer("127.0.0.1", 4243), "127.0.0.1")

    def test_networks_of_its_own_are_joined_by_veth_and_bridges(self):
        self.addCleanup(self.sh, "ip netns del n; ip link del dev b")
        self.sh("ip netns add n; ip link add dev b type bridge; ip link add dev v type veth peer name w netns n; ip link set dev v master b up;"
                " ip addr add 10.9.0.1/24 dev b; ip link set dev b up; ip -n n addr add 10.9.0.2/24 dev w; ip -n n link set dev w up")
        self.serve("10.9.0.2", 99, before="ip netns exec n")
        self.assertEqual(self.answer("10.9.0.2", 99), "10.9.0.1")
        self.assertEqual(self.sh("ip tuntap add dev t mode tun && ip -br link show t | cut -d' ' -f1; ip tuntap del dev t mode tun"), "t")

    def test_disks_in_files_are_mounted(self):
        self.sh("truncate -s 16M /root/disk && mkfs.ext4 -q /root/disk && mount -o loop /root/disk /mnt && echo text >/mnt/f && umount /mnt")
        self.assertEqual(self.sh("loop=$(losetup -f --show /root/disk) && mount $loop /mnt && stat -f -c %T /mnt && cat /mnt/f;"
                                 " umount /mnt; losetup -d $loop"), "ext2/ext3\ntext")
        self.assertEqual(self.sh("for i in $(seq 12); do losetup -f /root/disk || exit; done; losetup -a | wc -l; losetup -D"), "12")

    def test_layers_and_file_systems_of_users_are_mounted(self):
        self.sh("mkdir -p /srv/low /srv/up /srv/work /srv/over /srv/from /srv/on; echo low >/srv/low/f")
        self.assertEqual(self.sh("mount -t overlay o -o lowerdir=/srv/low,upperdir=/srv/up,workdir=/srv/work /srv/over &&"
                                 " echo up >/srv/over/f && umount /srv/over && cat /srv/low/f /srv/up/f"), "low\nup")
        self.assertEqual(self.sh("mount -t tmpfs t /mnt && stat -f -c %T /mnt; umount /mnt"), "tmpfs")
        self.assertEqual(self.sh("echo text >/srv/from/f; bindfs /srv/from /srv/on && stat -f -c %T /srv/on && cat /srv/on/f; umount /srv/on"),
                         "fuseblk\ntext")

    def test_what_is_mounted_later_is_seen_in_bind_mounts(self):
        self.assertEqual(self.sh("mkdir -p /srv/a/in /srv/b; mount --rbind /srv/a /srv/b; mount -t tmpfs t /srv/a/in; stat -f -c %T /srv/b/in;"
                                 " umount -R /srv/b; umount -q /srv/a/in; true"), "tmpfs")
        self.sh("unshare -m mount -t tmpfs t /mnt")
        self.assertEqual(self.sh("stat -f -c %T /mnt"), "ext2/ext3")

    def test_user_namespaces_are_for_everybody(self):
        self.assertEqual(self.sh("unshare -Urm sh -c 'id -u; mount -t tmpfs t /mnt && echo mounted'", "-u", "ann"), "0\nmounted")

    def test_bpf_io_uring_and_ptrace(self):
        for what in "bpf", "io_uring", "ptrace":
            self.assertEqual(self.home.run("-e", "kernel_probe", what).stdout, "ok\n", what)

    def test_a_name_server_at_127_0_0_53_is_asked(self):
        if not self.names:
            self.skipTest("only root can give the host another name server, where it has none at that address")
        self.assertEqual(self.sh("getent ahostsv4 made-up.example | head -n1 | cut -d' ' -f1; grep search /etc/resolv.conf"),
                         "192.0.2.77\nsearch a.domain.example")

    def test_who_waits_for_datagrams_is_on_the_hosts_loopback(self):
        self.home.ok("run", "--detach", "--", "exec kernel_probe answer 5453")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            client.connect(("127.0.0.1", 5453))

            def ask():
                try:
                    client.send(b"question")
                    return client.recv(100)
                except OSError:
                    return None
            self.assertEqual(wait_for(ask), b"question answered")
        self.assertIn("Port 5453 (UDP): on 127.0.0.1:5453", self.home.ok("status"))
        self.sh("kill $(grep -l kernel_probe /proc/[0-9]*/comm | cut -d/ -f3)")
        wait_for(lambda: "5453" not in self.home.ok("status"))

    def test_swap(self):
        self.assertEqual(self.sh("dd if=/dev/zero of=/root/swap bs=1M count=8 status=none; chmod 600 /root/swap; mkswap -q /root/swap;"
                                 " swapon /root/swap && grep -c /root/swap /proc/swaps; swapoff /root/swap; rm /root/swap"), "1")

    def test_it_limits_groups_of_its_own(self):
        self.assertEqual(self.sh("cd /sys/fs/cgroup; cat /proc/self/cgroup cgroup.subtree_control; mkdir g; echo 5 >g/pids.max;"
                                 " (echo 0 >g/cgroup.procs; sh -c 'for i in 1 2 3 4 5 6; do sleep 1 & done' 2>/dev/null);"
                                 " grep max g/pids.events; while ! rmdir g 2>/dev/null; do sleep 0.1; done"),
                         "0::/init.scope\ncpuset cpu io memory pids\nmax 1")

    def test_the_rule_on_its_devices_hangs_where_it_cannot_take_it_off(self):
        self.assertEqual(self.sh("kernel_probe rules"), "0")

    def test_its_own_limits_are_those_of_wsl_conf_and_nobodys_inside(self):
        self.sh("printf '[wslm]\\nmemory = 96M\\nprocessors = 1\\nprocesses = 40\\n' >/etc/wsl.conf")
        self.home.ok("terminate", "deb")
        self.addCleanup(self.home.ok, "terminate", "deb")
        self.addCleanup(self.sh, "rm /etc/wsl.conf")
        self.assertEqual(self.sh("cd /sys/fs/cgroup; cat memory.max cpu.max pids.max"), "100663296\n100000 100000\n40")
        self.assertNotEqual(self.home.run("run", "--", "echo max >/sys/fs/cgroup/pids.max").returncode, 0)
        self.assertEqual(self.home.run("run", "--cd", "/", "--", "perl -e '$x = q(x) x (200 << 20)'").returncode, 128 + 9)
        # A namespace further in may write to the files of the group that the distro sees as its root.
        self.assertEqual(self.sh("cd /sys/fs/cgroup; mkdir g; echo 0 >g/cgroup.procs; unshare -C sh -c 'echo max >memory.max';"
                                 " cat memory.max"), "max")
        self.assertEqual(self.home.run("run", "--cd", "/", "--", "perl -e '$x = q(x) x (200 << 20)'").returncode, 128 + 9)
        result = self.home.run("run", "--cd", "/", "--", "sh -c 'for i in $(seq 60); do sleep 60 & done'; kill -9 -1")
        self.assertIn("Cannot fork", result.stderr)
        self.assertEqual(self.sh("echo it goes on"), "it goes on")

    def test_very_many_orphans_are_reaped(self):
        self.sh("for i in $(seq 100); do (sleep 0 &); done")
        wait_for(lambda: "Z" not in self.sh("cut -d' ' -f3 /proc/[0-9]*/stat 2>/dev/null; true").split())

    def test_a_hundred_sessions_at_once(self):
        sessions = [self.home.popen("run", "--cd", "/", "-e", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                    for _ in range(SESSIONS)]
        for number, session in enumerate(sessions):
            session.stdin.write(f"{number}\n")
            session.stdin.flush()
        self.assertEqual([session.stdout.readline() for session in sessions], [f"{number}\n" for number in range(SESSIONS)])
        self.assertEqual(self.sh("cat /proc/[0-9]*/comm 2>/dev/null | grep -cx cat"), str(SESSIONS + 1))
        self.assertEqual([session.communicate(timeout=60)[0] or session.returncode for session in sessions], [0] * SESSIONS)


if __name__ == "__main__":
    unittest.main()
