"""Files, users, devices and wsl.conf: the same behaviour in both runtimes. See test_alike."""


class Distros:
    """What holds of a distro in v1 and in v2; it has a user "ann" (uid 1000)."""

    def start_with(self, text):
        """Stops the distro, which has `text` as wsl.conf from now on."""
        self.home.ok("run", "--cd", "/", "-u", "root", "--", "cat > /etc/wsl.conf", input=text)
        self.addCleanup(self.home.ok, "terminate", "deb")
        self.addCleanup(self.sh, "rm -f /etc/wsl.conf", "-u", "root")
        self.home.ok("terminate", "deb")

    def test_what_cannot_be_obeyed_is_told_once_to_who_starts_the_distro(self):
        self.start_with("[boot]\nsystemd = true\n[automount]\nenabled = perhaps\n[network\n")
        first = self.home.run("run", "--cd", "/", "--", "true")
        self.assertEqual((first.returncode, first.stdout), (0, ""))
        self.assertIn("Invalid boolean value 'perhaps' for key 'automount.enabled' in /etc/wsl.conf:4.", first.stderr)
        self.assertIn("Expected ']' in /etc/wsl.conf:5.", first.stderr)
        self.assertIn("boot.systemd in /etc/wsl.conf is ignored", first.stderr)
        self.assertEqual(self.home.run("run", "--cd", "/", "--", "true").stderr, "")

    def test_the_hostname_is_the_distros_own(self):
        self.start_with("[network]\nhostname = box-1\n")
        self.assertEqual(self.sh("hostname; grep -cw box-1 /etc/hosts"), "box-1\n1")

    def test_the_boot_command_is_roots_and_keeps_nobody_waiting(self):
        self.start_with("[boot]\ncommand = \"(id -un; pwd; echo $HOME; tty) > /root/boot 2>&1; touch /root/booted; exec sleep 4715\"\n")
        self.assertEqual(self.sh("until [ -e /root/booted ]; do sleep 0.05; done; cat /root/boot; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 471[5]'",
                                 timeout=30), "root\n/\n/root\nnot a tty\n1")

    def test_init_reaps_what_nobody_waits_for(self):
        # A zombie is still in /proc.
        self.sh("(setsid sh -c 'sleep 0.1 & echo $! $$ >/tmp/orphans; exec sleep 0.2' &) ; until [ -s /tmp/orphans ]; do sleep 0.05; done;"
                " for pid in $(cat /tmp/orphans); do while [ -e /proc/$pid ]; do sleep 0.05; done; done; rm /tmp/orphans", timeout=60)
        self.assertEqual(self.sh("cut -d' ' -f4 /proc/$(setsid sh -c 'sleep 5 >/dev/null & echo $!')/stat"), "1")

    def test_a_static_busybox_sees_the_same_owners(self):
        with open("/bin/busybox", "rb") as file:
            self.home.run("run", "--cd", "/", "--", "cat > /usr/local/bin/busybox; chmod 755 /usr/local/bin/busybox",
                          input=file.read(), binary=True)
        self.sh("busybox touch /var/tmp/bb; busybox chown 77:88 /var/tmp/bb; busybox chmod 2755 /var/tmp/bb")
        self.home.ok("terminate", "deb")
        self.assertEqual(self.sh("busybox stat -c '%u:%g %a' /var/tmp/bb; stat -c '%u:%g %a' /var/tmp/bb"),
                         "77:88 2755\n77:88 2755")

    def test_a_user_without_rights_regains_root_by_a_set_uid_program_only(self):
        self.sh("echo root:secret | chpasswd")
        self.assertEqual(self.home.run("-u", "ann", "--cd", "/", "chown root:root /home/ann").returncode, 1)
        self.assertEqual(self.sh("echo secret | su ann -c 'su -c \"id -u\"' 2>/dev/null").splitlines()[-1], "0")

    def test_the_usual_devices_are_there_and_work(self):
        out = self.sh("stat -c '%n %F %t:%T %a %U' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty")
        self.assertEqual(out.splitlines(), [f"/dev/{name} character special file {number} 666 root" for name, number in (
            ("null", "1:3"), ("zero", "1:5"), ("full", "1:7"), ("random", "1:8"), ("urandom", "1:9"), ("tty", "5:0"))])
        self.needs("script")
        for who in ("root", "ann"):
            script = ("cd /tmp; echo x > /dev/null; head -c 3 /dev/zero | od -An -tx1; head -c 8 /dev/urandom | wc -c; "
                      "head -c 8 /dev/random | wc -c; LANG=C head -c 9 /dev/zero 2>&1 >/dev/full | grep -o 'No space.*'; "
                      "ls -d /dev/ptmx /dev/pts /dev/shm /dev/fd /dev/stdin; stat -c %a /dev/shm; "
                      "echo $$ > /dev/shm/$$ && rm /dev/shm/$$ && echo shm; script -qc tty /dev/null")
            out = self.sh(script, "-u", who).replace("\r", "").splitlines()
            self.assertEqual(out[:-1], [" 00 00 00", "8", "8", "No space left on device", "/dev/fd", "/dev/ptmx", "/dev/pts",
                                        "/dev/shm", "/dev/stdin", "1777", "shm"])
            self.assertRegex(out[-1], r"^/dev/pts/\d+$")
