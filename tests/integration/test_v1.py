"""What v1 alone must show: packages install without rights, programs that do not know us, host processes."""

import glob
import os
import signal
import struct
import subprocess
import unittest

from harness import DistroTest, wait_for


class V1(DistroTest):
    version = 1

    def test_apt_installs_with_its_own_sandbox_user(self):
        self.needs("apt-get")
        out = self.home.run("run", "--cd", "/", "--", "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y hello && hello",
                            timeout=600)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        self.assertIn("Hello, world!", out.stdout)
        self.assertNotIn("unsandboxed", out.stdout + out.stderr)
        self.assertNotIn("W:", out.stdout + out.stderr)
        self.assertEqual(self.sh("stat -c %U /var/lib/apt/lists/partial /var/cache/apt/archives/partial"), "_apt\n_apt")

    def test_files_outside_are_plain_files_of_the_users(self):
        self.sh("echo text > /var/tmp/plain; chown 5:6 /var/tmp/plain")
        found = subprocess.run(["find", self.home.path + "/data", "-path", "*/rootfs/var/tmp/plain", "-printf", "%U %s"],
                               capture_output=True, text=True, check=True).stdout
        self.assertEqual(found, f"{self.home.uid} 5")

    def test_programs_are_processes_of_the_users_on_the_host(self):
        process = self.home.popen("run", "--", "exec sleep 4714", stdin=subprocess.DEVNULL)
        try:
            def host_process():
                for pid in filter(str.isdigit, os.listdir("/proc")):
                    try:
                        with open(f"/proc/{pid}/cmdline", "rb") as file:
                            if file.read() == b"sleep\0" + b"4714\0":
                                return os.stat(f"/proc/{pid}").st_uid
                    except OSError:
                        pass
                return None
            self.assertEqual(wait_for(host_process), self.home.uid)
        finally:
            process.terminate()
            process.wait(timeout=30)

    def test_programs_that_change_who_they_are_trace_or_make_namespaces_run(self):
        self.needs("apt-get")
        self.sh("(apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "
                "sudo strace bubblewrap libcap2-bin) >/dev/null 2>&1", timeout=600)
        self.add_user("pat", 1005)
        self.sh("echo 'pat ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/pat; "
                "cp /usr/bin/grep /usr/local/bin/raw-grep; setcap cap_net_raw+ep /usr/local/bin/raw-grep")
        as_pat = lambda script: self.sh(script, "-u", "pat")
        self.assertEqual(as_pat("sudo -n id -u; sudo -n -u nobody id -un; sudo -n sh -c 'echo $SUDO_USER'"), "0\nnobody\npat")
        self.assertEqual(self.sh("runuser -u pat -- id -u; setpriv --reuid=pat --clear-groups id -u; su pat -c 'id -u'"),
                         "1005\n1005\n1005")
        self.assertEqual(as_pat("raw-grep -h CapEff /proc/self/status"), "CapEff:\t0000000000002000")
        self.assertEqual(as_pat("strace -o /dev/null id -u; strace -p 1 2>&1 | grep -c 'not permitted'"), "1005\n1")
        self.assertEqual(as_pat("bwrap --ro-bind / / --dev /dev --proc /proc --unshare-all sh -c 'id -u; ls -d /proc/[0-9]*' | head -2"),
                         "1005\n/proc/1")
        self.assertEqual(as_pat("unshare -rm sh -c 'mount -t tmpfs t /mnt && echo text >/mnt/f && stat -c %u /mnt/f /etc/passwd'"),
                         "0\n65534")

    def test_processes_inside_have_the_guests_numbers_and_owners(self):
        self.sh("(apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y procps) >/dev/null 2>&1", timeout=600)
        self.sh("useradd -m -u 1010 eve; useradd -m -u 1011 bob")
        self.addCleanup(self.sh, "pkill -u bob; pkill -u eve; true")
        self.sh("for user in eve bob; do setsid su $user -c 'sleep 3600' >/dev/null 2>&1 & done; "
                "until pgrep -u eve sleep && pgrep -u bob sleep; do sleep 0.1; done >/dev/null")
        eve, bob = self.sh("pgrep -u eve sleep; pgrep -u bob sleep").split()
        self.assertEqual(self.sh(f"ps -o user=,group=,comm= -p {bob}").split(), ["bob", "bob", "sleep"])
        self.assertRegex(self.sh("ps aux"), rf"(?m)^bob +{bob} .* sleep 3600$")
        self.assertRegex(self.sh("top -b -n1 -w 200"), rf"(?m)^ *{bob} bob ")
        self.assertIn("load average", self.sh("w"))
        self.assertEqual(self.sh("who"), "")
        as_eve = lambda script: self.home.run("run", "-u", "eve", "--cd", "/", "--", script)
        for name in ("environ", "maps", "mem", "auxv", "io", "fd", "root", "cwd", "exe", "ns/mnt"):
            result = as_eve(f"ls -l /proc/{bob}/{name}/ && cat /proc/{bob}/{name}; readlink /proc/{bob}/{name}")
            self.assertNotEqual(result.returncode, 0, name)
            self.assertEqual(result.stdout, "", name)
        self.assertIn("Name:\tsleep", as_eve(f"cat /proc/{bob}/status").stdout)
        self.assertEqual(as_eve(f"kill {bob}").returncode, 1)
        self.assertEqual(as_eve(f"readlink /proc/{eve}/exe; kill {eve}").stdout, "/usr/bin/sleep\n")
        for script in ("head -c1 /proc/kcore", "head -c1 /dev/mem", "head -c1 /proc/kmem", "echo x > /proc/sysrq-trigger"):
            self.assertNotEqual(self.home.run("run", "--", script).returncode, 0, script)
        with open("/proc/meminfo", encoding="ascii") as file:
            self.assertEqual(self.sh("grep MemTotal /proc/meminfo"), file.readline().strip())

    def test_memory_of_programs_is_the_hosts_and_goes_back_to_it(self):
        process = self.home.popen("run", "--", "exec perl -e '$| = 1; $x = q(x) x (64 << 20); print qq(there\\n); sleep 3600'",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            self.assertEqual(process.stdout.readline(), b"there\n")

            def resident():
                sizes = []
                for pid in filter(str.isdigit, os.listdir("/proc")):
                    try:
                        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                            status = file.read()
                        with open(f"/proc/{pid}/cmdline", "rb") as file:
                            if file.read().startswith(b"perl\0-e\0$| = 1; $x"):
                                sizes.append(int(status.split("VmRSS:")[1].split()[0]))
                    except (OSError, IndexError):
                        pass
                return sizes
            self.assertGreater(max(resident()), 64 << 10)
        finally:
            process.terminate()
            process.wait(timeout=30)
            process.stdout.close()
        wait_for(lambda: not resident())

    def test_a_fuse_file_system_of_its_own_does_not_stop_the_distro(self):
        if self.sh("test -w /dev/fuse && echo yes || true") != "yes":
            self.skipTest("no /dev/fuse for users here")
        self.needs("apt-get")
        self.sh("(apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y bindfs) >/dev/null 2>&1", timeout=600)
        self.add_user("fay", 1002)
        self.sh("mkdir -p /srv/from/d /srv/on && echo text > /srv/from/f && bindfs -o allow_other /srv/from /srv/on")
        script = "cd /srv; cat on/f on/../on/f; stat -c %F on on/f; mkdir on/e && mv on/f on/e/f && cat from/e/f; cd on && ls && pwd"
        expected = "text\ntext\ndirectory\nregular file\ntext\nd\ne\n/srv/on"
        self.assertEqual(self.sh(script, timeout=30), expected)
        self.assertEqual(self.sh("mv /srv/from/e/f /srv/from/f; rmdir /srv/from/e"), "")
        self.assertEqual(self.sh(script, "-u", "fay", timeout=30), expected)
        self.assertEqual(self.sh("cp /bin/echo /srv/on/echo && /srv/on/echo ran; umount /srv/on; ls /srv/on", timeout=30), "ran")

    def test_access_lists_of_the_hosts_are_not_the_guests(self):
        self.needs("perl")
        self.sh("touch /var/tmp/listed; chmod 640 /var/tmp/listed")
        listed, = glob.glob(self.home.path + "/data/distros/*/rootfs/var/tmp/listed")
        # u::rw-, u:0:rw-, g::r--, m::rw-, o::---
        entries = ((1, 6, 0xffffffff), (2, 6, 0), (4, 4, 0xffffffff), (16, 6, 0xffffffff), (32, 0, 0xffffffff))
        os.setxattr(listed, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries))
        self.add_user("leo", 1003)
        for user in ("root", "leo"):
            # By the C library's own calls, and by the kernel's.
            self.assertEqual(self.sh("ls -l /var/tmp/listed | cut -c1-11", "-u", user), "-rw-rw---- ")
            self.assertEqual(self.sh("""perl -e 'my ($path, $name, $names) = ("/var/tmp/listed", "system.posix_acl_access", chr(0) x 99);
                print syscall(191, $path, $name, 0, 0), " $!, ", syscall(194, $path, $names, 99)'""", "-u", user), "-1 No data available, 0")

    def test_owners_stay_when_lxcore_is_killed(self):
        self.sh("cd /var/tmp; ln -s x kept; chown -h 77:88 kept; mkfifo pipe; chown 7:8 pipe")
        folder = glob.glob(self.home.path + "/run/v1/*")[0]
        with open(folder + "/lock", encoding="utf-8") as lock:
            os.kill(int(lock.read()), signal.SIGKILL)
        wait_for(lambda: "Stopped" in self.home.ok("list", "-v"))
        self.assertEqual(self.sh("stat -c '%u:%g' /var/tmp/kept /var/tmp/pipe"), "77:88\n7:8")


if __name__ == "__main__":
    unittest.main()
