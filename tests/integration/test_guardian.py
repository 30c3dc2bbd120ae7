"""lxcore dies, the distro lives: a killed, crashed or replaced lxcore is taken over from, and no program notices."""

import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import BIN, DistroTest, Home, user, wait_for

# Each loops until /var/tmp/stop is there, and says what went wrong. A change that was made twice, or not at all, is seen.
LOADS = {
    "names": """
        while [ ! -e /var/tmp/stop ]; do
          mkdir d && mv d e && rmdir e || echo "names: folder"
          ln -s target l && mv l m && rm m || echo "names: link"
          mkfifo p && rm p || echo "names: fifo"
          (set -C; umask 027; echo text > f) && ln f g && mv g h && rm f h || echo "names: file"
          [ -z "$(ls -A)" ] || { echo "names: left $(ls -A)"; rm -rf ./*; }
          echo . >> ../$tag.rounds
        done""",
    "owners": """
        touch f; ln -s x l; mkfifo p; i=1000
        while [ ! -e /var/tmp/stop ]; do
          i=$((i + 1))
          if [ $(id -u) = 0 ]; then
            chown $i:$i f && chown -h $i:$i l && chown $i:$i p && chmod 2755 f || echo "owners: chown"
            [ "$(stat -c %u:%g:%a f l p)" = "$i:$i:2755
$i:$i:777
$i:$i:644" ] || echo "owners: $i $(stat -c %u:%g:%a f l p)"
          else
            chmod 750 f && [ "$(stat -c %U:%a f)" = "ann:750" ] && chmod 4711 f && [ "$(stat -c %U:%a f)" = "ann:4711" ] ||
              echo "owners: chmod"
          fi
          echo . >> ../$tag.rounds
        done""",
    "processes": """
        while [ ! -e /var/tmp/stop ]; do
          [ "$(/bin/echo "$(/bin/echo a)")" = a ] || echo "processes: fork and exec"
          [ "$(id -un)" = $me ] || echo "processes: id says $(id -un)"
          if [ $me = root ]; then
            [ "$(setpriv --reuid=1000 --regid=1000 --clear-groups sh -c 'id -u; id -g; id -G; echo > /root/no 2>&1' 2>/dev/null)" = "1000
1000
1000" ] || echo "processes: setpriv"
            [ "$(su ann -c 'id -u')" = 1000 ] || echo "processes: su"
          fi
          echo . >> ../$tag.rounds
        done""",
    "reading": """
        expected=$(find /usr/share/perl5 /usr/lib/x86_64-linux-gnu/perl-base /etc -xdev 2>/dev/null | sort | sha256sum)
        sums=$(cat /usr/lib/x86_64-linux-gnu/perl-base/*.pm | sha256sum)
        while [ ! -e /var/tmp/stop ]; do
          [ "$(find /usr/share/perl5 /usr/lib/x86_64-linux-gnu/perl-base /etc -xdev 2>/dev/null | sort | sha256sum)" = "$expected" ] || echo "reading: find"
          [ "$(cat /usr/lib/x86_64-linux-gnu/perl-base/*.pm | sha256sum)" = "$sums" ] || echo "reading: sums"
          perl -MIO::Handle -MPOSIX -e 'my $p = fork; exit 3 unless $p; waitpid $p, 0; exit(($? >> 8) != 3)' ||
            echo "reading: perl"
          echo . >> ../$tag.rounds
        done""",
}


class GuardianTest(DistroTest):
    """A distro, started, and who its guardian and its lxcore are."""

    def guardian(self):
        for folder in glob.glob(self.home.path + "/run/v1/*"):
            with open(folder + "/lock", encoding="utf-8") as lock:
                return int(lock.read())
        raise AssertionError("nothing runs")

    def lxcore(self):
        """Its process id once it serves; 0 while there is none."""
        guardian = self.guardian()
        for child in subprocess.run(["pgrep", "-P", str(guardian), "-x", "wslm-lxcore"], capture_output=True,
                                    text=True).stdout.split():
            return int(child)
        return 0

    def end_lxcore(self, how):
        pid = wait_for(self.lxcore, interval=0.02)
        os.kill(pid, how)
        wait_for(lambda: self.lxcore() not in (0, pid), interval=0.02)
        return pid

    def keep_running(self):
        """Until the test's end: a distro that nobody uses is stopped after a while."""
        sleeper = self.home.popen("run", "--", "echo started; exec sleep 600", stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.terminate)
        self.assertEqual(sleeper.stdout.readline(), "started\n")

    def log(self):
        with open(glob.glob(self.home.path + "/run/v1/*/log")[0], encoding="utf-8", errors="replace") as log:
            return log.read()


class Guardian(GuardianTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home.ok("run", "--cd", "/", "--", "useradd -m -s /bin/bash -u 1000 ann")

    def under_load(self, how):
        self.sh("rm -rf /var/tmp/*; mkdir -m 1777 /var/tmp/load")
        guardian = self.guardian()
        loads = []
        for user in ("root", "ann"):
            for name, script in LOADS.items():
                tag = f"{name}-{user}"
                script = f"tag={tag}; me={user}; mkdir -p /var/tmp/load/{tag}; cd /var/tmp/load/{tag}\n{script}"
                loads.append(self.home.popen("run", "-u", user, "--cd", "/", "--", script, stdin=subprocess.DEVNULL,
                                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        time.sleep(1)
        for _ in range(100):
            self.end_lxcore(how)
            time.sleep(0.15)
        self.sh("touch /var/tmp/stop")
        said = "".join(load.communicate(timeout=120)[0] for load in loads)
        self.assertEqual(said, "", self.log()[-3000:])
        self.assertEqual([load.returncode for load in loads], [0] * len(loads))
        for user in ("root", "ann"):
            for name in LOADS:
                self.assertGreater(int(self.sh(f"wc -l < /var/tmp/load/{name}-{user}.rounds")), 3, name + " of " + user)
        self.assertEqual(self.guardian(), guardian)
        self.assertNotIn("EIO", self.log())

    def test_no_program_notices_that_lxcore_is_killed_a_hundred_times(self):
        self.under_load(signal.SIGKILL)

    def test_no_program_notices_that_lxcore_crashes_a_hundred_times(self):
        self.under_load(signal.SIGSEGV)

    def test_what_is_kept_in_memory_only_outlives_lxcore(self):
        self.sh("cd /dev/shm; touch f; ln -s x l; mkfifo p; chown -h 77:88 f l p; chmod 2711 f; mkdir d; chown 5:6 d")
        before = self.sh("cd /dev/shm; stat -c '%n %u:%g %a' f l p d; stat -c '%a' /dev/shm /run/lock")
        self.end_lxcore(signal.SIGKILL)
        self.end_lxcore(signal.SIGKILL)
        self.assertEqual(self.sh("cd /dev/shm; stat -c '%n %u:%g %a' f l p d; stat -c '%a' /dev/shm /run/lock"), before)

    def test_owners_are_kept_whoever_is_killed_right_after_the_change(self):
        def kill_all():
            guardian, lxcore = self.guardian(), self.lxcore()
            os.kill(guardian, signal.SIGKILL)
            os.kill(lxcore, signal.SIGKILL)
        for number, kill in enumerate((lambda: self.end_lxcore(signal.SIGKILL), kill_all)):
            terminal = self.terminal("run", "-u", "root", "--cd", "/var/tmp", "--",
                                     f"rm -f kept pipe; ln -s x kept; mkfifo pipe; read go; chown -h 77:8{number} kept; chown 7:8{number} pipe;"
                                     " echo do''ne; sleep 100")
            time.sleep(0.5)
            terminal.send("\n")
            terminal.expect("done")
            kill()
            self.assertEqual(self.sh("stat -c '%u:%g' /var/tmp/kept /var/tmp/pipe"), f"77:8{number}\n7:8{number}")
            if number == 0:
                terminal.send("\x03")
                terminal.wait()

    def test_when_the_guardian_is_killed_the_distro_ends_and_starts_anew(self):
        for both in (False, True):
            self.sh("echo text > /var/tmp/data")
            sleeper = self.home.popen("run", "--", "echo started; exec sleep 4716", stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(sleeper.stdout.readline(), "started\n")
            guardian, lxcore = self.guardian(), self.lxcore()
            os.kill(guardian, signal.SIGKILL)
            if both:
                os.kill(lxcore, signal.SIGKILL)
            _, error = sleeper.communicate(timeout=30)
            self.assertNotEqual(sleeper.returncode, 0)
            self.assertIn("ended", error)
            wait_for(lambda: "Stopped" in self.home.ok("list", "-v"))
            self.assertEqual(subprocess.run(["pgrep", "-f", "^sleep 4716"]).returncode, 1)
            wait_for(lambda: not os.path.exists(f"/proc/{lxcore}"))
            self.assertEqual(self.sh("cat /var/tmp/data"), "text")

    def test_no_signal_but_sigkill_ends_the_guardian_and_sigterm_ends_the_distro(self):
        self.sh("true")
        guardian, lxcore = self.guardian(), self.lxcore()
        for number in set(range(1, 65)) - {signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, 32, 33}:
            os.kill(guardian, number)
        self.assertEqual(self.sh("echo there"), "there")
        self.assertEqual((self.guardian(), self.lxcore()), (guardian, lxcore))
        os.kill(guardian, signal.SIGTERM)
        wait_for(lambda: "Stopped" in self.home.ok("list", "-v"))
        self.assertEqual(self.sh("echo again"), "again")

    def test_lxcore_is_small_and_sleeps_when_nothing_happens(self):
        self.sh("ls -lR /etc > /dev/null")
        self.keep_running()
        pid = self.lxcore()

        def status(process):
            with open(f"/proc/{process}/status", encoding="utf-8") as file:
                return file.read()

        def wakeups():
            tasks = glob.glob(f"/proc/{pid}/task/*") + glob.glob(f"/proc/{self.guardian()}/task/*")
            total = 0
            for task in tasks:
                with open(task + "/status", encoding="utf-8") as file:
                    total += sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", file.read())))
            return total

        time.sleep(15)
        before = wakeups()
        time.sleep(10)
        self.assertEqual(wakeups() - before, 0)
        for process in (pid, self.guardian()):
            self.assertLess(int(re.search(r"VmRSS:\s+(\d+) kB", status(process)).group(1)), 10 * 1024, status(process))


@unittest.skipUnless(os.path.exists("/bin/busybox"), "no static busybox")
class EveryChange(unittest.TestCase):
    """Each change that can't be made twice, with lxcore killed after it and before its answer."""

    def setUp(self):
        _, uid, gid, _ = user()
        folder = tempfile.TemporaryDirectory(prefix="wslm-change-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ("bin", "etc", "tmp"):
            os.makedirs(f"{self.folder}/rootfs/{name}")
        shutil.copy("/bin/busybox", self.folder + "/rootfs/bin")
        for name in ("sh", "su"):
            os.symlink("busybox", f"{self.folder}/rootfs/bin/{name}")
        with open(self.folder + "/rootfs/etc/passwd", "w", encoding="utf-8") as file:
            file.write("root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n")
        for path, folders, files in os.walk(self.folder):
            for name in [path] + [os.path.join(path, name) for name in folders + files]:
                os.lchown(name, uid, gid)

    def run_in(self, script, **env):
        become = ["setpriv", f"--reuid={user()[1]}", f"--regid={user()[2]}", "--clear-groups"] if os.getuid() == 0 else []
        return subprocess.run([*become, BIN + "/wslm-lxcore", "--folder=" + self.folder, "--", "/bin/sh", "-c", script],
                              env=dict(os.environ, **env), capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)

    def test_is_made_once(self):
        script = """busybox mkdir -m 1777 /tmp/all; su ann -c '
            cd /tmp/all
            for i in 1 2 3 4 5 6 7 8; do
              busybox mkdir d$i || echo folder; busybox ln -s x l$i || echo link; busybox mkfifo p$i || echo fifo
              (set -C; umask 077; echo text > f$i) || echo file; busybox mv f$i g$i || echo move
            done
            busybox id -u; busybox stat -c "%n %u:%g %a %s" d* l* p* g*'
            busybox mknod /tmp/all/device c 1 3 && busybox stat -c "%t:%T" /tmp/all/device; busybox id -u"""
        expected = self.run_in(script)
        self.assertEqual((expected.returncode, expected.stderr), (0, ""))
        shutil.rmtree(self.folder + "/rootfs/tmp/all")
        killed = self.run_in(script, WSLM_FAILPOINT="lxcore.answer:2=kill")
        self.assertEqual(killed.stdout, expected.stdout)
        self.assertEqual(killed.returncode, 0)
        restarts = killed.stderr.count("started again")
        if restarts == 0:
            self.skipTest("built without failpoints")
        self.assertGreater(restarts, 32)

    def test_that_ends_lxcore_again_and_again_fails_and_then_the_distro_ends(self):
        ended = self.run_in("su ann -c true; busybox touch /tmp/done",
                            WSLM_FAILPOINT="lxcore.answer:1=kill")
        if ended.returncode == 0:
            self.skipTest("built without failpoints")
        self.assertIn("again and again, and the distro was ended", ended.stderr)
        self.assertFalse(os.path.exists(self.folder + "/rootfs/tmp/done"))


class Upgrade(GuardianTest):
    """Of an installation of its own, whose wslm-lxcore is replaced."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="wslm-lxcore-")
        cls.addClassCleanup(folder.cleanup)
        cls.programs = folder.name
        os.chmod(cls.programs, 0o755)
        for name in ("wslm-lxcore", "wslm-init"):
            shutil.copy(f"{BIN}/{name}", cls.programs)
        original = Home.__init__

        def with_programs(home):
            original(home)
            home.env["WSLM_LIBEXEC"] = cls.programs

        Home.__init__ = with_programs
        try:
            super().setUpClass()
        finally:
            Home.__init__ = original

    def replace(self, content):
        with open(self.programs + "/new", "wb") as file:
            file.write(content)
        os.chmod(self.programs + "/new", 0o755)
        os.rename(self.programs + "/new", self.programs + "/wslm-lxcore")

    @staticmethod
    def original():
        with open(BIN + "/wslm-lxcore", "rb") as file:
            return file.read()

    def runs(self):
        return os.stat(f"/proc/{wait_for(self.lxcore)}/exe").st_ino

    def installed(self):
        return os.stat(self.programs + "/wslm-lxcore").st_ino

    def test_a_newer_lxcore_takes_over_a_running_distro(self):
        process = self.home.popen("run", "--", "echo started; read go; stat -c %u /var/tmp/kept; id -u", stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "started\n")
        self.sh("ln -sfn x /var/tmp/kept; chown -h 77:88 /var/tmp/kept")
        self.replace(self.original() + b"newer")
        lxcore = self.lxcore()
        os.kill(self.guardian(), signal.SIGHUP)
        wait_for(lambda: self.lxcore() not in (0, lxcore))
        self.assertEqual(self.runs(), self.installed())
        out, _ = process.communicate("go\n", timeout=30)
        self.assertEqual(out, "77\n0\n")

    def test_the_daemon_asks_for_it_when_it_starts(self):
        self.keep_running()
        lxcore = self.lxcore()
        self.home.ok("daemon", "stop")
        self.home.ok("list")
        self.assertEqual(self.lxcore(), lxcore, "it is the same one")
        self.home.ok("daemon", "stop")
        self.replace(self.original() + b"newer still")
        self.home.ok("list")
        wait_for(lambda: self.lxcore() not in (0, lxcore))
        self.assertEqual(self.runs(), self.installed())
        self.assertEqual(self.sh("id -u"), "0")

    def test_one_that_can_not_take_over_is_refused(self):
        self.sh("true")
        lxcore, before = self.lxcore(), self.runs()
        for bad in (b"", b"no program", b"#!/bin/false\n", self.other_layout()):
            self.replace(bad)
            os.kill(self.guardian(), signal.SIGHUP)
            wait_for(lambda: self.log().rstrip().endswith("started again"), interval=0.02)
            self.assertEqual(self.sh("echo there"), "there")
            self.assertEqual((self.lxcore(), self.runs()), (lxcore, before))
            os.truncate(glob.glob(self.home.path + "/run/v1/*/log")[0], 0)
        # Nor is it taken when the one that runs dies.
        self.end_lxcore(signal.SIGKILL)
        self.assertEqual(self.runs(), before)
        self.replace(self.original())

    def other_layout(self):
        """Says of every state that it can't take it over, as an lxcore of another layout does."""
        return b"#!/bin/sh\necho other >&2\nexit 1\n"

    def test_one_that_takes_over_and_fails_gives_way_to_the_one_before(self):
        self.sh("true")
        before = self.runs()
        self.replace(b"#!/bin/sh\n[ $1 = --check-state ]\n")
        os.kill(self.guardian(), signal.SIGHUP)
        wait_for(lambda: "is no good" in self.log())
        self.assertEqual(self.sh("echo there"), "there")
        self.assertEqual(self.runs(), before)
        self.replace(self.original())


if __name__ == "__main__":
    unittest.main()
