"""The API through Python's own gRPC, for tests that must see more than the command line shows.

    api = Api(home)            # wslm.v1's messages and stubs are importable from then on
    operation = api.distros.ExportDistro(api.distro_service.ExportDistroRequest(...)).operation
    with api.watch(operation.id) as seen: ...
"""

import importlib
import os
import subprocess
import sys
import tempfile
import threading
import time

import grpc

PROTO = os.environ["WSLM_PROTO"]
GOOGLEAPIS = os.environ["WSLM_GOOGLEAPIS"]


def generate(folder):
    """Python's messages and stubs of wslm.v1 in `folder`, which becomes a place to import from."""
    files = [f"wslm/v1/{f}" for f in sorted(os.listdir(PROTO + "/wslm/v1")) if f.endswith(".proto")]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{GOOGLEAPIS}", f"--python_out={folder}",
                    f"--grpc_python_out={folder}", *files, "google/rpc/status.proto", "google/rpc/error_details.proto"],
                   check=True)
    sys.path.insert(0, folder)


class Watch:
    """What an operation's watch has told: (time.monotonic(), operation), the last one DONE."""

    def __init__(self, stream):
        self.seen = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._follow, args=(stream,), daemon=True)
        self._thread.start()

    def _follow(self, stream):
        try:
            for response in stream:
                now = time.monotonic()
                with self._changed:
                    self.seen.append((now, response.operation))
                    self._changed.notify_all()
        except grpc.RpcError:
            pass

    def wait(self, condition, timeout=120):
        """The first (time, operation) of which `condition` is true."""
        end = time.monotonic() + timeout
        looked = 0
        with self._changed:
            while True:
                for at, operation in self.seen[looked:]:
                    if condition(operation):
                        return at, operation
                looked = len(self.seen)
                if not self._changed.wait(end - time.monotonic()):
                    raise AssertionError(f"it did not come about; last seen: {self.seen[-1:]}")


class Api:
    def __init__(self, home, folder):
        """`folder` is given to generate() before."""
        self.channel = grpc.insecure_channel(home.ok("daemon", "socket").strip(),
                                             options=[("grpc.default_authority", "localhost")])
        self.distro_service = importlib.import_module("wslm.v1.distro_service_pb2")
        self.operation = importlib.import_module("wslm.v1.operation_pb2")
        self.distros = importlib.import_module("wslm.v1.distro_service_pb2_grpc").DistroServiceStub(self.channel)
        self.operations = importlib.import_module("wslm.v1.operation_pb2_grpc").OperationServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def watch(self, operation_id):
        return Watch(self.operations.WatchOperation(self.operation.WatchOperationRequest(id=operation_id)))
