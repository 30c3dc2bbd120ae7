"""What the user's wslm.conf says of the VM, and what a VM owes its host: its memory back, and the right time."""

import glob
import json
import os
import shutil
import signal
import time
import unittest

from harness import Home, wait_for
from small_distro import write_small_distro


def resident_bytes(pid):
    """Bytes of a process that are in memory."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class VmSettings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)
        archive = cls.home.path + "/small.tar"
        write_small_distro(archive)
        cls.home.ok("import", "one", archive, "--version", "2", "--size", "256M")
        cls.home.ok("run", "--cd", "/", "--", "true", timeout=600)
        cls.home.ok("shutdown")
        # Debian's own, at another place.
        kernels = glob.glob(cls.home.path + "/cache/kernel/*/vmlinux")
        cls.kernel = cls.home.path + "/my-kernel"
        shutil.copy(max(kernels, key=os.path.getmtime), cls.kernel)
        os.chmod(cls.kernel, 0o644)
        cls.home.configure(f"kernel = {cls.kernel}\nswap = 64MB\nmemory = 384MB\nvmIdleTimeout = 1000\ninstanceIdleTimeout = 1000\n")

    def sh(self, script):
        return self.home.ok("run", "--cd", "/", "--", script, timeout=300).rstrip("\n")

    def vm_pid(self):
        with open(self.home.path + "/run/v2/vm.json") as file:
            return json.load(file)["pid"]

    def session(self):
        """Keeps the distro up."""
        process = self.home.popen("run", "--cd", "/", "--", "exec sleep 600")
        self.addCleanup(lambda: (process.kill(), process.wait()))

    def test_the_users_kernel_boots_with_swap_and_all_goes_when_idle(self):
        release = self.sh("uname -r")
        with open(f"/proc/{self.vm_pid()}/cmdline", "rb") as file:
            self.assertIn(self.kernel.encode(), file.read().split(b"\0"))
        self.assertIn("Kernel: " + release, self.home.ok("status"))
        swap = wait_for(lambda: self.sh("tail -n +2 /proc/swaps"))
        self.assertAlmostEqual(int(swap.split()[2]), 64 << 10, delta=8)
        vm = self.vm_pid()
        wait_for(lambda: "Stopped" in self.home.ok("list", "-v"), timeout=60)
        wait_for(lambda: not os.path.exists(f"/proc/{vm}/exe"), timeout=60)
        self.assertIn("Virtual machine: stopped", self.home.ok("status"))

    def test_memory_goes_back_to_the_host_while_the_vm_runs(self):
        self.session()
        self.sh("sync")
        vm = self.vm_pid()
        before = resident_bytes(vm)
        # In a file of memory, and then no more.
        self.sh("mount -t tmpfs none /tmp 2>/dev/null || { mkdir -p /tmp && mount -t tmpfs none /tmp; }; "
                "dd if=/dev/urandom of=/tmp/x bs=1M count=120 2>/dev/null")
        full = resident_bytes(vm)
        self.assertGreater(full, before + (80 << 20))
        self.sh("rm /tmp/x; umount /tmp")
        wait_for(lambda: resident_bytes(vm) < full - (80 << 20), timeout=60)

    def test_the_time_is_right_again_after_the_vm_stood_still_or_was_told_another(self):
        def off():
            return abs(int(self.sh("date +%s")) - time.time())

        self.session()
        self.assertLess(off(), 3)
        vm = self.vm_pid()
        os.kill(vm, signal.SIGSTOP)
        time.sleep(6)
        os.kill(vm, signal.SIGCONT)
        wait_for(lambda: off() < 3, timeout=40)
        self.sh("date -s 2001-01-01")
        wait_for(lambda: off() < 3, timeout=40)

    def test_z_a_kernel_that_is_none_is_told(self):
        path = self.home.path + "/no-kernel"
        for content, why in ((b"no kernel", "it is no bzImage."), (None, f"There is no file {path}.")):
            if content is None:
                os.unlink(path)
            else:
                with open(path, "wb") as file:
                    file.write(content)
            self.home.ok("shutdown")
            self.home.configure(f"kernel = {path}\n")
            result = self.home.run("run", "--cd", "/", "--", "true", timeout=120)
            self.assertEqual(result.returncode, 125)
            self.assertIn("Error code: KERNEL_UNAVAILABLE", result.stderr)
            self.assertIn(f"The kernel {path} can't be used: {why} 'kernel' in wslm.conf names it.", result.stderr)


if __name__ == "__main__":
    unittest.main()
