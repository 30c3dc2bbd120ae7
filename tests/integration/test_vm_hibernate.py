"""A VM with distros in it sleeps on the host's disk and goes on from where it stood, unless something is in the way."""

import fcntl
import glob
import json
import os
import signal
import socket
import subprocess
import time
import unittest

from harness import Home, wait_for
from small_distro import write_small_distro

PORT = 21987


class VmHibernate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)
        cls.home.configure("memory = 384MB\n")
        cls.archive = cls.home.path + "/small.tar"
        write_small_distro(cls.archive)
        cls.add("one")
        # A program that counts, as long as it lives, in the distro's files and in its memory.
        cls.sh("setsid sh -c 'echo $$ > /pid; i=0; while :; do i=$((i+1)); echo $i > /count.new; mv /count.new /count; "
               "sleep 0.1; done' </dev/null >/dev/null 2>&1 &")

    @classmethod
    def add(cls, name, *options):
        cls.home.ok("import", name, cls.archive, "--version", "2", "--size", "256M", *options)

    @classmethod
    def sh(cls, script, distro="one"):
        return cls.home.ok("run", "-d", distro, "--cd", "/", "--", script, timeout=300).rstrip("\n")

    def vm_pid(self):
        with open(self.home.path + "/run/v2/vm.json") as file:
            return json.load(file)["pid"]

    def state(self):
        return self.home.ok("list", "-v").split("one", 1)[1].split()[0]

    def hibernate(self):
        vm = self.vm_pid()
        self.home.ok("hibernate", timeout=120)
        self.assert_asleep(vm)

    def assert_asleep(self, vm):
        self.assertFalse(os.path.exists(f"/proc/{vm}/exe"))
        self.assertIn("Virtual machine: hibernated", self.home.ok("status"))
        self.assertEqual(self.state(), "Hibernated")
        memory = os.stat(self.home.path + "/state/hibernated/memory")
        self.assertEqual(memory.st_mode & 0o777, 0o600)

    def assert_counts(self):
        before = int(self.sh("cat /count"))
        wait_for(lambda: int(self.sh("cat /count")) > before + 1)

    def refused(self, pattern):
        result = self.home.run("hibernate", timeout=120)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, pattern)

    def assert_sleeps_on(self, pattern, *command):
        result = self.home.run(*command, timeout=120)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, f"The hibernated VM can't go on: .*{pattern}.* It sleeps on")
        self.assertEqual(self.state(), "Hibernated")

    def without_qemu(self):
        self.home.ok("daemon", "start", env={"PATH": "/usr/sbin:/sbin"})

    def fail_to_wake(self):
        """Of a VM that sleeps, while no daemon runs; none does afterwards."""
        command = ("run", "--cd", "/", "--", "true")
        self.without_qemu()
        self.assert_sleeps_on("QEMU is missing", *command)
        self.assert_sleeps_on("QEMU is missing", "shutdown")
        self.home.ok("daemon", "stop")
        (image,) = glob.glob(self.home.path + "/data/distros/*/disk.img")
        with open(image, "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX, 1, 4096)
            self.assert_sleeps_on("disk.img is in use", *command)
        self.home.ok("daemon", "stop")

    def test_1_who_holds_a_host_folder_or_is_attached_is_named_and_all_goes_on(self):
        process = self.home.popen("run", "--cd", "/", "--", "exec cat", stdin=subprocess.PIPE)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        wait_for(lambda: "cat" in self.home.ok("sessions"))
        self.refused("Somebody works in the distro 'one'")
        process.stdin.close()
        process.wait()
        disk = self.home.path + "/disk"
        with open(disk, "wb") as file:
            file.truncate(1 << 20)
        os.chown(disk, self.home.uid, self.home.gid)
        self.home.ok("mount", disk, "--bare", "--name", "extra")
        self.refused("The disk 'extra' is mounted")
        self.home.ok("unmount", disk)
        self.sh("cd /mnt/host/tmp; setsid sleep 601 </dev/null >/dev/null 2>&1 & echo $! > /holder")
        holder = self.sh("cat /holder")
        self.refused(f"'sleep' \\(process {holder}\\) in 'one' holds /mnt/host/tmp")
        self.assertRegex(self.home.ok("status"), f"Not hibernated: 'sleep' \\(process {holder}\\) in 'one'")
        self.assert_counts()
        self.sh(f"kill {holder}")

    def test_1_what_cannot_be_written_or_whoever_dies_meanwhile_leaves_all_going_on(self):
        folder = self.home.path + "/state/hibernated"
        os.mkdir(folder, 0o500)
        os.chown(folder, self.home.uid, self.home.gid)
        self.refused("/state/hibernated: Permission denied")
        self.assert_counts()
        # Its programs stand still at once, and the VM some seconds later.
        process = self.home.popen("hibernate", stderr=subprocess.DEVNULL)
        time.sleep(2)
        os.kill(self.home.daemon_pid(), signal.SIGKILL)
        process.wait()
        self.assert_counts()

    def test_1_an_overlay_of_a_host_folder_is_in_the_way_and_keeps_it_no_longer_than_it_lasts(self):
        folder = self.home.folder("layers")
        for name in ("one", "two"):
            os.mkdir(f"{folder}/{name}")
            os.chown(f"{folder}/{name}", self.home.uid, self.home.gid)
        self.sh(f"mkdir /over; cd /mnt/host{folder}; mount -t overlay -o lowerdir=one:two overlay /over")
        self.refused("The overlay at /over may be made of the host's files")
        # Now its folders' names lead to others.
        self.sh(f"umount /over; mkdir -p /layers/one /layers/two; mount --bind /mnt/host{folder} /layers; "
                "mount -t overlay -o lowerdir=/layers/one:/layers/two overlay /over")
        self.refused("The overlay at /over is made of the host's files, of /layers/one")
        # A distro that has a folder of its own where the host's are mounted.
        self.add("three")
        self.addCleanup(self.home.ok, "unregister", "three", "--purge")
        self.sh("umount /mnt/host && mkdir /mnt/host/own", "three")
        self.home.ok("terminate", "three")
        # Root in an isolated distro takes the device of the host's files as soon as it is free.
        self.add("two", "--isolated")
        self.addCleanup(self.home.ok, "unregister", "two", "--purge")
        self.sh("mkdir /x; setsid sh -c 'until mount -t 9p -o trans=virtio,version=9p2000.L host /x; do "
                "echo not yet >> /tried; done; touch /taken' </dev/null >/dev/null 2>&1 &", "two")
        wait_for(lambda: self.sh("cat /tried || true", "two"))
        self.sh("umount /layers")
        self.refused("Something in the VM, as an overlay .* keeps the host's files")
        self.assert_counts()
        self.refused("The host's folders are not back")
        result = self.home.run("run", "-d", "two", "--cd", "/", "--", "true", timeout=120)
        self.assertRegex(result.stderr, "The distro stands still: it is isolated")
        # No folder of the VM's memory in place of the host's.
        self.assertEqual(self.sh("ls /mnt/host", "three"), "own")
        self.sh("umount /over")
        wait_for(lambda: self.sh("ls -d /mnt/host/tmp || true"))
        tried = "test ! -e /taken && wc -l < /tried"
        before = int(wait_for(lambda: self.home.run("run", "-d", "two", "--cd", "/", "--", tried, timeout=120).stdout))
        wait_for(lambda: int(self.sh(tried, "two")) > before)

    def test_2_a_program_goes_on_after_it(self):
        pid = self.sh("cat /pid")
        self.sh(f"setsid nc -ll -p {PORT} -e busybox echo heard </dev/null >/dev/null 2>&1 & mkdir -p /bound; "
                "mount --bind /mnt/host/tmp /bound; mount -o remount,bind,ro /bound")
        # In a mount namespace of its own, as a container's.
        self.sh("setsid unshare -m sleep 602 </dev/null >/dev/null 2>&1 & echo $! > /nested")
        # Another in which no process is.
        self.sh("mkdir /run/ns; mount -t tmpfs ns /run/ns; mount --make-private /run/ns; touch /run/ns/x; "
                "unshare --mount=/run/ns/x true")
        # As docker's, which are no host folders wherever they are seen.
        self.sh("mkdir -p /images/l/a /images/l/b /images/1/diff /images/1/work /images/1/merged; cd /images; "
                "mount -t overlay -o lowerdir=l/a:l/b,upperdir=1/diff,workdir=1/work overlay /images/1/merged; "
                "grep -q ' /images/1/merged ' /proc/mounts")
        inside = "nsenter --mount=/run/ns/x busybox"
        mounts = ("{ grep ' - 9p ' /proc/$(cat /nested)/mountinfo /proc/1/mountinfo; "
                  f"{inside} grep ' - 9p ' /proc/self/mountinfo; }} | "
                  "sed 's/.* 0:[0-9]* //; s/ - .*//; s/ shared.*//'")
        before = wait_for(lambda: len(found := self.sh(mounts)) and found.count("/bound ro") == 3 and found)
        seen = self.home.path + "/seen"
        with open(seen, "w") as file:
            file.write("by the host\n")
        os.chmod(seen, 0o644)
        memory = self.sh("head -c 8 /dev/urandom | od -An -tx1 | tee /dev/shm/kept")
        self.hibernate()
        # It sleeps on whatever becomes of the daemon.
        self.home.ok("daemon", "stop")
        self.assertEqual(self.state(), "Hibernated")
        self.home.ok("daemon", "stop")
        self.fail_to_wake()
        counted = int(self.sh("cat /count"))
        self.assertEqual(self.state(), "Running")
        self.assertEqual(self.sh("cat /pid; cat /dev/shm/kept"), f"{pid}\n{memory}")
        self.assertEqual(self.sh(f"cat /proc/{pid}/comm"), "sh")
        wait_for(lambda: int(self.sh("cat /count")) > counted + 1)
        self.assertEqual(self.sh(f"cat /mnt/host{seen} /bound{seen[len('/tmp'):]}; {inside} cat /mnt/host{seen}"),
                         "by the host\n" * 2 + "by the host")
        self.assertEqual(self.sh(mounts), before)
        self.assertLess(abs(int(self.sh("date +%s")) - time.time()), 5)
        self.assertFalse(os.path.exists(self.home.path + "/state/hibernated"))

        def heard():
            try:
                with socket.create_connection(("127.0.0.1", PORT), timeout=5) as connection:
                    return connection.recv(100)
            except OSError:
                return b""

        self.assertEqual(wait_for(heard), b"heard\n")
        self.sh("mount -t tmpfs over /run/ns")
        self.refused("The mount namespace that is kept at /run/ns/x may have the host's files")
        self.sh("umount /run/ns")

    def test_3_it_sleeps_by_itself_and_what_is_damaged_is_told_and_starts_with_its_files(self):
        self.sh("echo written > /kept; sync")
        vm = self.vm_pid()
        self.home.configure("memory = 384MB\nhibernateTimeout = 1000\n")
        self.home.ok("list")
        wait_for(lambda: self.state() == "Hibernated", timeout=120)
        self.assert_asleep(vm)
        self.home.configure("memory = 384MB\n")
        with open(self.home.path + "/state/hibernated/memory", "r+b") as file:
            file.seek(200_000)
            file.write(b"something else")
        self.assertEqual(self.sh("cat /kept"), "written")
        counted = self.sh("cat /count")
        time.sleep(1)
        self.assertEqual(self.sh("cat /count"), counted)
        self.assertRegex(self.home.ok("status"), "The hibernated VM can't go on: .*damaged")

    def test_4_shutdown_wakes_it_to_stop_it_in_order(self):
        self.sh("setsid sleep 600 </dev/null >/dev/null 2>&1 &")
        self.hibernate()
        self.home.ok("shutdown", timeout=120)
        self.assertEqual(self.state(), "Stopped")
        self.assertIn("Virtual machine: stopped", self.home.ok("status"))

    def test_5_what_cannot_go_on_is_given_up_by_order_and_what_cannot_be_read_is_told(self):
        self.sh("echo kept > /dev/shm/kept; echo kept > /kept; sync")
        self.hibernate()
        self.home.ok("daemon", "stop")
        self.without_qemu()
        self.home.ok("shutdown", "--force", timeout=120)
        self.assertEqual(self.state(), "Stopped")
        self.home.ok("daemon", "stop")
        folder = self.home.path + "/state/hibernated"
        self.assertFalse(os.path.exists(folder))
        os.mkdir(folder)
        with open(folder + "/vm.json", "w") as file:
            file.write("{")
        self.home.ok("list")
        self.assertRegex(self.home.ok("status"), "The hibernated VM can't go on: The record .* is malformed")
        self.assertEqual(self.sh("cat /kept; test -e /dev/shm/kept || echo anew"), "kept\nanew")


if __name__ == "__main__":
    unittest.main()
