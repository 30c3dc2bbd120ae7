"""The places a work is timed in: the bare kernel, v1, proot. All hold the same Debian root; in each an agent waits for
works and times them itself, so that starting the place counts nowhere."""

import json
import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tarfile

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
USER_ID = 1000
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Runs the command in each line of JSON; answers with [seconds, CPU seconds, exit code, output].
AGENT = r"""
import json, resource, subprocess, sys, time
def cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
def sh(line):
    return subprocess.run(["sh", "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
for line in sys.stdin:
    begin, spent = time.monotonic(), cpu()
    done = sh(json.loads(line))
    taken, spent = time.monotonic() - begin, cpu() - spent
    print(json.dumps([taken, spent, done.returncode, done.stdout[-500:].decode(errors="replace")]), flush=True)
"""


def cpu_of(pids):
    """Seconds that all threads of processes have run."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
    return total / 1e9


# What timeout(1) ends with.
CUT_OFF = 124


class Agent:
    """`process`: it, started with pipes. `servers()`: processes outside that work for it. `limit`: in seconds, after which a
    work is cut off, and counts as done."""

    def __init__(self, process, servers=lambda: [], limit=None):
        self.process, self.servers, self.limit = process, servers, limit

    def time(self, before, command, after):
        """((seconds, CPU seconds), output), or (None, why it failed)."""
        if before:
            self._run(before)
        pids = self.servers()
        served = cpu_of(pids)
        if self.limit:
            command = f"timeout -k 5 {self.limit} sh -c {shlex.quote(command)}"
        taken, spent, code, output = self._run(command)
        spent += cpu_of(pids) - served
        if after:
            self._run(after)
        done = code == 0 or (self.limit and code == CUT_OFF)
        return ((taken, spent), output) if done else (None, f"exit code {code}: {output}")

    def _run(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else (0, 0, 1, "the agent ended")

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # in the middle of a work
            self.process.kill()
            self.process.wait()


def inside(user):
    """The agent's command and environment."""
    home = "/home/user" if user else "/root"
    return ["/usr/bin/env", "-i", f"PATH={PATH}", f"HOME={home}", "LANG=C.UTF-8", "/usr/bin/python3", "-c", AGENT]


def popen(command, **options):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)


def put(path, root, name):
    shutil.copyfile(path, root + name)
    os.chmod(root + name, 0o755)


class Bare:
    name = "bare"

    def __init__(self, root_tar, work):
        self.root = work + "/bare"
        os.mkdir(self.root)
        subprocess.run(["tar", "-xpf", root_tar, "--numeric-owner", "-C", self.root], check=True)

    def put(self, path, name):
        """A program of the host's to the place's root, for everybody to run."""
        put(path, self.root, name)

    def agent(self, user):
        become = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--init-groups"] if user else []
        return Agent(popen([SOURCE + "/tests/v1/bare-root", self.root, *become, *inside(user)]))


class Proot:
    name = "proot"

    def __init__(self, root_tar, work, host_user):
        self.root = work + "/proot"
        self.host_user = host_user
        os.mkdir(self.root)
        os.chown(self.root, host_user.pw_uid, host_user.pw_gid)
        subprocess.run(["tar", "-xf", root_tar, "--exclude=./dev/*", "-C", self.root], check=True,
                       preexec_fn=lambda: become(host_user))

    def put(self, path, name):
        put(path, self.root, name)

    def agent(self, user):
        who = ["-i", f"{USER_ID}:{USER_ID}"] if user else ["-0"]
        process = popen(["proot", *who, "-r", self.root, "-b", "/proc", "-b", "/dev", "-b", "/sys", "-w", "/",
                         *inside(user)], preexec_fn=lambda: become(self.host_user), stderr=subprocess.DEVNULL)
        return Agent(process, lambda: [process.pid], limit=60)


class V1:
    def __init__(self, home, name, root_tar, settings=""):
        """`settings`: the distro's wsl.conf."""
        self.home, self.name, self.distro = home, name, name.replace(" ", "-")
        home.ok("import", self.distro, root_tar, timeout=600)
        if settings:
            home.ok("run", "-d", self.distro, "-u", "root", "--", "sh", "-c", f"printf '{settings}' > /etc/wsl.conf")
            home.ok("terminate", self.distro)

    def put(self, path, name):
        with open(path, "rb") as file:
            self.home.run("run", "-d", self.distro, "-u", "root", "--cd", "/", "--", f"cat > {name}; chmod 755 {name}",
                          input=file.read(), binary=True)

    def agent(self, user):
        process = self.home.popen("run", "-d", self.distro, "-u", "user" if user else "root", "--no-tty", "--",
                                  *inside(user), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return Agent(process, self.servers)

    def servers(self):
        """The processes that serve the distro's system calls."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    command = file.read()
            except OSError:
                continue
            if "wslm-lxcore" in command.split("\0")[0] and self.home.env["WSLM_HOME"] in command:
                found.append(pid)
        return found


def become(user):
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
