"""What is different in version 1 and version 2, each with what shows it. test_alike looks at all of them in both; run as a
program this writes docs/runtimes.md."""

import os
import platform
from dataclasses import dataclass

PAGE = os.path.dirname(os.path.abspath(__file__)) + "/../../docs/runtimes.md"

INTRODUCTION = """\
# What is different in v1 and v2

Users, sessions, terminals, signals, exit codes, the environment, files and `wsl.conf` are alike in both runtimes: one suite of
tests runs against both (`tests/integration/test_alike.py`). What is not alike is in this list, which is made of the same
suite's (`tests/integration/differences.py`): each line is looked at in both whenever the tests run. How well both keep to
Linux, call by call, is in [conformance.md](conformance.md).

| | v1 | v2 |
|---|---|---|
"""


@dataclass
class Difference:
    what: str
    # For root's shell; what it prints is the answer. {shared}: a host folder of the user's, as it is called inside.
    script: str
    # Of version 1 and 2.
    answers: tuple
    # The wsl.conf that the distro is started with.
    conf: str = ""

    def look(self, test, folder):
        script = self.script.replace("{shared}", "/mnt/host" + folder).replace("{kernel}", platform.release())
        with open("/proc/meminfo", encoding="ascii") as file:
            script = script.replace("{memory}", file.readline().split()[1])
        result = test.home.run("run", "--cd", "/", "-u", "root", "--", script)
        return result.stdout.strip() or ("with a warning" if "need version 2" in result.stderr else "")


class OfTheHost(Difference):
    """`script` is wslm commands."""

    def look(self, test, folder):
        answers = {test.home.run(*command.split()).returncode == 0 for command in self.script.split(";")}
        return {(True,): "yes", (False,): "no"}.get(tuple(answers), "some")


def possible(script):
    """Whether a script succeeds."""
    return f"if ({script}) >/dev/null 2>&1; then echo yes; else echo no; fi"


DIFFERENCES = [
    Difference("the kernel is", '[ "$(uname -r)" = "{kernel}" ] && echo "the host\'s" || echo "the VM\'s"', ("the host's", "the VM's")),
    Difference("the memory is", "grep -q 'MemTotal: *{memory} kB' /proc/meminfo && echo \"the host's\" || echo \"the VM's\"",
               ("the host's", "the VM's")),
    Difference("mounts disks, and images of disks",
               possible("truncate -s 8M /root/d && mkfs.ext4 -q /root/d && mount -o loop /root/d /media && umount /media"), ("no", "yes")),
    Difference("swaps to a file of its own",
               possible("dd if=/dev/zero of=/root/s bs=1M count=4 && mkswap /root/s && swapon /root/s && swapoff /root/s"), ("no", "yes")),
    Difference("raw sockets, other than in a network of its own",
               possible("perl -e 'use Socket; socket(S, PF_INET, SOCK_RAW, 1) or die'"), ("no", "yes")),
    Difference("sets the clock (v2: the VM's)", possible("date -s @$(date +%s)"), ("no", "yes")),
    Difference("real-time priorities", possible("chrt -f 1 true"), ("no", "yes")),
    Difference("`chattr +i`", possible("touch /root/f && chattr +i /root/f && chattr -i /root/f"), ("no", "yes")),
    Difference("makes control groups with limits", possible("mkdir /sys/fs/cgroup/g && echo 9 >/sys/fs/cgroup/g/pids.max && rmdir /sys/fs/cgroup/g"),
               ("no", "yes")),
    Difference("limits by wsl.conf (`[wslm] processes = 50`, …)", "cat /sys/fs/cgroup/pids.max 2>/dev/null", ("with a warning", "50"),
               conf="[wslm]\nprocesses = 50\n"),
    Difference("host folders are of type", "while read -r _ place type _; do [ $place = /mnt/host ] && echo $type; done </proc/mounts; true",
               ("drvfs", "9p")),
    Difference("the mode of a host file of 0644", "stat -c %a {shared}/file", ("777", "644")),
    Difference("the owner of your files on the host", "[ $(stat -c %u {shared}/file) = 0 ] && echo 'the default user' || echo 'user '$(stat -c %u {shared}/file)",
               ("the default user", "user 1000")),
    Difference("`automount.options` (`umask=77`)", "[ $(stat -c %a {shared}/file) = 700 ] && echo obeyed || echo without effect",
               ("obeyed", "without effect"), conf="[automount]\noptions = umask=77\n"),
    Difference("`host.wslm.internal` is", "getent hosts host.wslm.internal | cut -d' ' -f1", ("127.0.0.1", "10.0.2.2")),
    OfTheHost("`wslm files`", "files deb", ("yes", "no")),
    OfTheHost("`wslm trim`, `wslm resize`", "trim deb; resize deb 300G", ("no", "yes")),
]


def page():
    return INTRODUCTION + "".join(f"| {d.what} | {d.answers[0]} | {d.answers[1]} |\n" for d in DIFFERENCES)


if __name__ == "__main__":
    with open(PAGE, "w", encoding="utf-8") as out:
        out.write(page())
