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

from harness import BIN, DistroTest, user, wait_for

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

    def under_load(self, how, times):
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
        for _ in range(times):
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
        self.under_load(signal.SIGKILL, 100)

    def test_no_program_notices_that_lxcore_crashes_forty_times(self):
        self.under_load(signal.SIGSEGV, 40)

    def test_what_is_kept_in_memory_only_outlives_lxcore(self):
        self.sh("cd /dev/shm; touch f; ln -s x l; mkfifo p; chown -h 77:88 f l p; chmod 2711 f; mkdir d; chown 5:6 d")
        before = self.sh("cd /dev/shm; stat -c '%n %u:%g %a' f l p d; stat -c '%a' /dev/shm /run/lock")
        self.end_lxcore(signal.SIGKILL)
        self.end_lxcore(signal.SIGKILL)
        self.assertEqual(self.sh("cd /dev/shm; stat -c '%n %u:%g %a' f l p d; stat -c '%a' /dev/shm /run/lock"), before)

    def talk(self, script, user="root"):
        """A script of the guest's that runs until it is told to go on: each line that it reads is a step."""
        process = self.home.popen("run", "-u", user, "--cd", "/", "--", script, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for stream in (process.stdin, process.stdout):
            self.addCleanup(stream.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def step(self, process):
        """What it says until it waits again."""
        said = []
        while (line := process.stdout.readline()) not in ("go\n", ""):
            said.append(line.rstrip("\n"))
        return said

    def test_owners_of_ipc_objects_outlive_lxcore(self):
        self.sh("ipcmk -M 100 -p 600; ipcmk -S 2 -p 640; ipcmk -Q -p 600", "-u", "ann")
        show = "ipcs -m -c; ipcs -s -c; ipcs -q -c"
        before = self.sh(show)
        self.assertEqual(before.count("ann"), 12, before)
        self.end_lxcore(signal.SIGKILL)
        self.assertEqual(self.sh(show), before)
        ids = self.sh("ipcs -m | awk '$3 == \"ann\" {print $2}'").split()
        self.assertEqual(self.home.run("run", "-u", "ann", "--cd", "/", "--", f"ipcrm -m {ids[0]}").returncode, 0)
        self.sh("ipcrm -a")

    def test_mounts_are_shown_with_their_owners_by_the_next_lxcore(self):
        shared = self.home.folder("shared")
        self.sh(f"mkdir -p /srv/tmp /srv/drvfs; mount -t tmpfs -o uid=5,gid=6,mode=750 none /srv/tmp;"
                f"mount -t drvfs {shared} /srv/drvfs -o uid=7,gid=8,umask=27")
        show = "stat -c '%n %u:%g %a' /srv/tmp /srv/drvfs; grep -c '/srv/drvfs drvfs .*uid=7' /proc/mounts"
        before = self.sh(show)
        self.assertEqual(before, "/srv/tmp 5:6 750\n/srv/drvfs 7:8 750\n1")
        self.end_lxcore(signal.SIGKILL)
        self.assertEqual(self.sh(show), before)
        self.sh("umount /srv/tmp /srv/drvfs")

    def test_maps_of_user_namespaces_outlive_lxcore(self):
        # One map is read before, the other, which root wrote, not.
        known = self.talk("unshare -r sh -c 'id -u; echo go; while read x; do id -u; cat /proc/self/uid_map; echo go; done'",
                          "ann")
        self.assertEqual(self.step(known), ["0"])
        new = self.talk("""unshare -U sleep 100 & sleep 1
            echo '0 1000 1' > /proc/$!/uid_map; echo '0 1000 1' > /proc/$!/gid_map; echo go; read x
            cat /proc/$!/uid_map /proc/$!/gid_map; nsenter -U -t $! --preserve-credentials id -u; kill $!; echo go""")
        self.assertEqual(self.step(new), [])
        self.end_lxcore(signal.SIGKILL)
        self.end_lxcore(signal.SIGKILL)
        for process in (known, new):
            process.stdin.write("\n")
            process.stdin.flush()
        self.assertEqual([" ".join(line.split()) for line in self.step(known)], ["0", "0 1000 1"])
        self.assertEqual([" ".join(line.split()) for line in self.step(new)][:2], ["0 1000 1", "0 1000 1"])

    def test_who_connected_is_known_by_the_next_lxcore(self):
        # SO_PEERCRED is 17. The client becomes somebody else once it has connected.
        peer = self.talk("""perl -MSocket -MPOSIX -e '$| = 1; unlink "/tmp/peer"; socket(L, PF_UNIX, SOCK_STREAM, 0);
            bind(L, pack_sockaddr_un("/tmp/peer")); listen(L, 1);
            unless (fork) { socket(C, PF_UNIX, SOCK_STREAM, 0); setgid(1000); connect(C, pack_sockaddr_un("/tmp/peer"));
                            setuid(1000); syswrite(C, "x"); sleep 100 }
            accept(S, L); sysread(S, $x, 1); print "go\n"; <STDIN>;
            print join(":", (unpack("lLL", getsockopt(S, SOL_SOCKET, 17)))[1, 2]), "\n"; kill 9, -getpgrp()'""")
        self.assertEqual(self.step(peer), [])
        self.end_lxcore(signal.SIGKILL)
        peer.stdin.write("\n")
        peer.stdin.flush()
        self.assertEqual(peer.stdout.readline(), "0:1000\n")

    def test_a_login_id_that_was_just_written_outlives_lxcore(self):
        login = self.talk("echo 1000 > /proc/self/loginuid; echo go; read x; cat /proc/self/loginuid; echo; echo go")
        self.assertEqual(self.step(login), [])
        self.end_lxcore(signal.SIGKILL)
        login.stdin.write("\n")
        login.stdin.flush()
        self.assertEqual(self.step(login), ["1000"])

    def test_no_program_believes_what_it_knew_by_an_earlier_lxcore(self):
        # Its C library answers by itself; of owners that are new since, only the new lxcore knows.
        self.sh("cd /var/tmp; rm -rf fast; mkdir fast; cd fast; for i in 1 2 3; do ln -s x $i; done")
        script = """perl -e '$| = 1; chdir "/var/tmp/fast";
            while () { print((lstat $_)[4], "\n") for 1..3; print "go\n"; last unless <STDIN>; }'"""
        running = self.talk(script)
        self.assertEqual(self.step(running), ["0", "0", "0"])
        mapped = "grep -c '/memfd:libc.so.6' /proc/self/maps"
        before = self.sh(mapped)
        for owner in (77, 78):
            self.end_lxcore(signal.SIGKILL)
            self.sh(f"chown -h {owner} /var/tmp/fast/*")
            running.stdin.write("\n")
            running.stdin.flush()
            self.assertEqual(self.step(running), [str(owner)] * 3)
        # Programs that start now answer by themselves again.
        self.assertEqual(self.sh(mapped), before)

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

    def test_a_descriptor_is_given_once(self):
        script = """busybox mkdir -m 1777 /tmp/all; su ann -c '
            cd /tmp/all
            for i in 1 2 3 4 5 6 7 8; do
              exec 7> f$i; echo text >&7; exec 8< f$i; read line <&8; echo $line; exec 7>&- 8<&-
            done; echo /proc/self/fd/*'"""
        expected = self.run_in(script)
        self.assertEqual((expected.returncode, expected.stderr), (0, ""))
        for point in ("lxcore.giving", "lxcore.given"):
            shutil.rmtree(self.folder + "/rootfs/tmp/all")
            killed = self.run_in(script, WSLM_FAILPOINT=point + "=kill")
            self.assertEqual((killed.returncode, killed.stdout), (0, expected.stdout), killed.stderr)
            restarts = killed.stderr.count("started again")
            if restarts == 0:
                self.skipTest("built without failpoints")
            self.assertGreater(restarts, 7)

    def test_fails_where_the_disk_is_full_and_is_made_once_there_is_room(self):
        # Its own user namespace may mount a disk that is so small.
        small = tempfile.mkdtemp(dir=self.folder)
        os.chmod(small, 0o777)
        become = ["setpriv", f"--reuid={user()[1]}", f"--regid={user()[2]}", "--clear-groups"] if os.getuid() == 0 else []
        on_small = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec",
                    f"mount -t tmpfs -o size=6m none {small}; cp -a {self.folder}/rootfs {small}; exec \"$@\"", "-"]
        # The owners of ann's links and fifos have to be written down.
        script = """busybox mkdir -m 1777 /tmp/all; cd /tmp/all; su ann -c 'busybox ln -s x a; busybox mkfifo b'
            busybox dd if=/dev/zero of=/tmp/fill bs=4k 2>/dev/null
            su ann -c 'busybox ln -s x c; busybox mkfifo d; busybox mkdir e && busybox rmdir e' 2>&1
            busybox stat -c "%n %u:%g" *
            busybox rm /tmp/fill; su ann -c 'busybox ln -s x c; busybox mkfifo d'; busybox stat -c "%n %u:%g" *"""
        done = subprocess.run([*become, *on_small, BIN + "/wslm-lxcore", "--folder=" + small, "--", "/bin/sh", "-c", script],
                              env=dict(os.environ, WSLM_FAILPOINT="lxcore.answer:2=kill"), capture_output=True, text=True,
                              timeout=120, stdin=subprocess.DEVNULL)
        kept = "a 1000:1000\nb 1000:1000\n"
        self.assertEqual(done.stdout, "ln: c: No space left on device\nmkfifo: d: No space left on device\n" + kept +
                         kept + "c 1000:1000\nd 1000:1000\n", done.stderr)
        restarts = done.stderr.count("started again")
        if restarts == 0:
            self.skipTest("built without failpoints")
        self.assertGreater(restarts, 3, done.stderr)

    def test_that_keeps_lxcore_from_all_others_fails(self):
        began = time.monotonic()
        hung = self.run_in("busybox sync & busybox sleep 1; busybox id -u; wait; busybox id -u",
                           WSLM_FAILPOINT="lxcore.sync=hang")
        if "started again" not in hung.stderr:
            self.skipTest("built without failpoints")
        self.assertEqual((hung.returncode, hung.stdout), (0, "0\n0\n"), hung.stderr)
        self.assertEqual(hung.stderr.count("keeps lxcore from all others"), 1, hung.stderr)
        self.assertGreater(time.monotonic() - began, 9)

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
        cls.env = {"WSLM_LIBEXEC": cls.programs}
        super().setUpClass()

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
        # What runs is what is installed.
        self.home.ok("terminate", "deb")
        self.keep_running()
        lxcore = self.lxcore()
        self.home.ok("daemon", "stop")
        self.home.ok("list")
        self.assertEqual(self.lxcore(), lxcore, "it is the same one")
        # Before: the session that goes on starts a daemon as soon as there is none.
        self.replace(self.original() + b"newer still")
        self.home.ok("daemon", "stop")
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
