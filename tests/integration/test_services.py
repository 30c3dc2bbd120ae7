"""Services of a distro that ask who their clients are, and do not run as root."""

import unittest

from harness import DistroTest


class Services(DistroTest):
    version = 1

    def install(self, *packages):
        self.sh("(apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "
                + " ".join(packages) + ") >/dev/null 2>&1", timeout=800)

    def test_a_postgres_cluster_knows_its_users(self):
        self.install("postgresql")
        self.addCleanup(self.sh, "pg_ctlcluster 15 main stop -m immediate; true")
        self.sh("useradd -m -u 1000 ann; pg_ctlcluster 15 main start && su postgres -c 'createuser ann'", timeout=120)
        self.assertEqual(self.sh("stat -c %U:%G:%a /var/lib/postgresql/15/main"), "postgres:postgres:700")
        query = "psql -At postgres -c 'select current_user, sum(n) from generate_series(1, 1000) n'"
        self.assertEqual(self.sh(f"su postgres -c \"{query}\""), "postgres|500500")
        # By the ids of the socket's other end alone.
        self.assertEqual(self.sh(query, "-u", "ann"), "ann|500500")
        stranger = self.home.run("run", "--cd", "/", "--", f"su nobody -s /bin/sh -c \"{query}\"")
        self.assertIn('role "nobody" does not exist', stranger.stderr)
        self.sh("pg_ctlcluster 15 main restart -m fast", timeout=120)
        self.assertEqual(self.sh(query, "-u", "ann"), "ann|500500")

    def test_a_message_bus_knows_its_users(self):
        self.install("dbus")
        self.sh("id ann >/dev/null 2>&1 || useradd -m -u 1000 ann; mkdir -p /run/dbus; dbus-daemon --system --fork")
        self.addCleanup(self.sh, "kill $(cat /run/dbus/pid)")
        self.sh("setsid su ann -c 'dbus-monitor --system' >/tmp/monitor 2>&1 & until grep -q NameAcquired /tmp/monitor; do sleep 0.1; done")
        ask = "dbus-send --system --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus"
        self.assertEqual(self.sh(f"{ask}.GetConnectionUnixUser string:$(grep -o ':1[.][0-9]*' /tmp/monitor | head -1)").split(),
                         ["uint32", "1000"])


if __name__ == "__main__":
    unittest.main()
