"""What may go wrong with the VM: each ends in an event, a clear error for who waits, and a distro that starts again with
what it had."""

import json
import os
import signal
import subprocess
import unittest

from harness import Home, wait_for
from small_distro import write_small_distro

# Writes over the instruction that the agent returns to, as the kernel's helper for core files: outside of the distro.
KILL_AGENT = """#!/distros/{id}/bin/busybox sh
b=/distros/{id}/bin/busybox
pc=$($b awk '{{print $NF}}' /proc/1/syscall)
$b printf '\\314\\314\\314\\314\\314\\314\\314\\314' | $b dd of=/proc/1/mem bs=1 seek=$((pc)) conv=notrunc
"""


class VmFailures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.close)
        for folder in ("config", "data"):
            cls.home.folder(folder)
        with open(cls.home.path + "/config/wslm.conf", "w") as file:
            file.write("[wslm]\nmemory = 256MB\n")
        if os.getuid() == 0:
            # What the host has for images is soon full.
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64m,mode=700,uid={cls.home.uid},gid={cls.home.gid}", "none",
                            cls.home.path + "/data"], check=True)
            cls.addClassCleanup(subprocess.run, ["umount", "-l", cls.home.path + "/data"])
        archive = cls.home.path + "/small.tar"
        write_small_distro(archive)
        cls.home.ok("import", "one", archive, "--version", "2", "--size", "1G")
        cls.incidents = []
        cls.addClassCleanup(cls.home.follow_events(
            lambda event: cls.incidents.append(event["incident"]) if "incident" in event else None))

    def setUp(self):
        self.incidents.clear()

    def sh(self, script, **kwargs):
        return self.home.ok("run", "--cd", "/", "--", script, timeout=90, **kwargs).rstrip("\n")

    def vm_pid(self):
        with open(self.home.path + "/run/v2/vm.json") as file:
            return json.load(file)["pid"]

    def session(self, script="echo begun; cat"):
        process = self.home.popen("run", "--cd", "/", "--", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "begun\n", self.home.log())
        return process

    def incident(self, kind, pattern):
        """The event of this kind, which names the distro and says so; status and the log say it, too."""
        found = wait_for(lambda: [i for i in self.incidents if i["kind"] == "INCIDENT_KIND_" + kind])[0]
        self.assertRegex(found["message"], pattern)
        self.assertEqual([distro["name"] for distro in found["distros"]], ["one"])
        self.assertRegex(self.home.ok("status"), "Incident at .*: one: .*" + pattern)
        self.assertRegex(self.home.log(), "incident of one: .*" + pattern)

    def assert_ends_the_vm(self, end, pattern):
        """Of what happens to a VM with a session in it and data that was synced."""
        mark = self.id().rsplit(".", 1)[1]
        self.sh(f"echo {mark} >> /kept; sync")
        session = self.session()
        end()
        _, said = session.communicate(timeout=60)
        self.assertEqual(session.returncode, 125, said)
        self.assertRegex(said, pattern)
        self.assertIn("Error code: RUNTIME_DIED", said)
        self.incident("VM_ENDED", pattern)
        self.assertRegex(self.home.ok("list", "-v"), r"one\s+Stopped")
        self.assertIn(mark, self.sh("cat /kept"))

    def test_qemu_is_killed(self):
        self.assert_ends_the_vm(lambda: os.kill(self.vm_pid(), signal.SIGKILL), "QEMU was killed, or it crashed")

    def test_the_kernel_panics(self):
        self.assert_ends_the_vm(lambda: self.home.run("run", "--cd", "/", "--", "echo c > /proc/sysrq-trigger", timeout=60),
                                "kernel panicked: sysrq triggered crash")

    def test_the_agent_dies(self):
        distro = json.loads(self.home.ok("list", "--json"))["distros"][0]["id"]

        def end():
            self.home.run("run", "--cd", "/", "--", "cat > /bin/kill-agent; chmod 755 /bin/kill-agent; "
                          f"echo '|/distros/{distro}/bin/kill-agent' > /proc/sys/kernel/core_pattern; sh -c 'kill -SEGV $$'",
                          input=KILL_AGENT.format(id=distro), timeout=60)

        self.assert_ends_the_vm(end, "agent died, and its kernel with it")

    def test_z_kvm_passes_the_probe_and_boots_nothing(self):
        self.home.ok("shutdown")
        self.home.ok("daemon", "stop")
        self.home.ok("daemon", "start", env={"WSLM_FAILPOINT": "accelerator.believe=EIO"})
        self.addCleanup(self.home.ok, "daemon", "stop")
        self.assertEqual(self.sh("echo up"), "up")
        status = self.home.ok("status")
        if "running, kvm" not in status:
            self.assertRegex(status, r"running, tcg \(KVM on this host did not boot the VM \(.*\), so the VM is emulated")

    def test_a_program_takes_all_memory_and_only_that_one_ends(self):
        session = self.session()
        vm = self.sh("cat /proc/sys/kernel/random/boot_id")
        result = self.home.run("run", "--cd", "/", "--", "exec awk 'BEGIN {s = \"0123456789abcdef\"; while (1) s = s s}'", timeout=120)
        self.assertEqual(result.returncode, 128 + signal.SIGKILL, result)
        self.incident("OUT_OF_MEMORY", r"ran out of memory, and awk \(process \d+\) was ended")
        out, _ = session.communicate("still here\n", timeout=60)
        self.assertEqual((session.returncode, out), (0, "still here\n"))
        self.assertEqual(self.sh("cat /proc/sys/kernel/random/boot_id"), vm)

    @unittest.skipUnless(os.getuid() == 0, "only root can mount a small file system")
    def test_the_hosts_disk_is_full(self):
        self.sh("echo before > /before; sync")
        filler = self.home.path + "/data/filler"
        self.addCleanup(lambda: os.path.exists(filler) and os.unlink(filler))
        with open(filler, "wb") as file:
            try:
                while file.write(bytes(1 << 20)):
                    file.flush()
            except OSError:
                pass
        result = self.home.run("run", "--cd", "/", "--", "dd if=/dev/urandom of=/big bs=1M count=100 conv=fsync", timeout=120)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, "No space left|Input/output error|Read-only")
        self.incident("DISK_FULL", "The host has no room left for the distro's disk .*disk.img")
        self.home.run("terminate", "one")
        os.unlink(filler)
        self.assertEqual(self.sh("cat /before; rm -f /big; echo more > /more; sync; cat /more"), "before\nmore")
        self.home.ok("terminate", "one")
        self.assertIn("no faults", self.home.run("check", "one").stderr)


if __name__ == "__main__":
    unittest.main()
