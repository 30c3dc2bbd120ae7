"""What the user's own wslm.conf does."""

import unittest

from harness import DistroTest, wait_for


class UserConf(DistroTest):
    version = 1

    def test_an_idle_distro_stops_when_it_says_and_what_is_wrong_is_in_the_log(self):
        with open(self.home.path + "/config/wslm.conf", "w", encoding="utf-8") as file:
            file.write("[general]\ninstanceIdleTimeout = 100\n[wsl2]\nmemory = lots\n")
        self.home.ok("daemon", "stop")
        self.sh("true")
        wait_for(lambda: "Stopped" in self.home.ok("list", "-v"), timeout=13)
        self.assertIn("Invalid size 'lots' for key 'wsl2.memory' in " + self.home.path + "/config/wslm.conf:4.", self.home.log())

    def test_sessions_have_the_hosts_proxies_on_request_only(self):
        show = "echo $http_proxy $NO_PROXY"
        self.home.env["http_proxy"] = "http://127.0.0.1:3128"
        self.home.env["NO_PROXY"] = "localhost"
        self.home.ok("daemon", "stop")
        self.assertEqual(self.sh(show), "")
        with open(self.home.path + "/config/wslm.conf", "w", encoding="utf-8") as file:
            file.write("[wsl2]\nautoProxy = true\n")
        self.home.ok("daemon", "stop")
        self.assertEqual(self.sh(show), "http://127.0.0.1:3128 localhost")
        self.assertEqual(self.sh(show, "-E", "http_proxy=other"), "other localhost")


if __name__ == "__main__":
    unittest.main()
