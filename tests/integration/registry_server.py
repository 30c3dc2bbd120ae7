"""Debian's registry server on the loopback, and a slow way to it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time


class RegistryServer:
    """`port` is where it listens; close() ends it and removes what it holds."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="wslm-registry-", dir="/tmp")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = self.folder + "/config.yml"
        with open(config, "w") as file:
            file.write(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {self.folder}}}}}\n"
                       f"http: {{addr: '127.0.0.1:{self.port}'}}\n")
        self.server = subprocess.Popen([os.environ.get("WSLM_TEST_REGISTRY", "/usr/bin/docker-registry"), "serve", config],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.05)

    def close(self):
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class SlowWay:
    """Connections to `port` go on to `target`, at most `rate` bytes a second each way."""

    def __init__(self, target, rate):
        self.target, self.rate = target, rate
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._pass, args=(client, server, self.rate), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, self.rate), daemon=True).start()

    @staticmethod
    def _pass(source, sink, rate):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
                time.sleep(len(data) / rate)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
