"""A client made by someone else's generator and gRPC (Python's) lists distros and runs a command through the API."""

import tempfile
import unittest

import grpc

from api import generate
from harness import DistroTest


class ForeignClient(DistroTest):
    version = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        generated = tempfile.TemporaryDirectory(prefix="wslm-client-")
        cls.addClassCleanup(generated.cleanup)
        generate(generated.name)
        cls.channel = grpc.insecure_channel(cls.home.ok("daemon", "socket").strip(),
                                            options=[("grpc.default_authority", "localhost")])
        cls.addClassCleanup(cls.channel.close)

    def test_it_lists_distros(self):
        from wslm.v1 import distro_service_pb2, distro_service_pb2_grpc
        distros = distro_service_pb2_grpc.DistroServiceStub(self.channel).ListDistros(
            distro_service_pb2.ListDistrosRequest()).distros
        self.assertEqual([d.name for d in distros], ["deb"])

    def test_it_runs_a_command(self):
        from wslm.v1 import session_pb2, session_pb2_grpc
        requests = [session_pb2.ExecRequest(start=session_pb2.Start(distro="deb", argv=[b"cat; exit 7"])),
                    session_pb2.ExecRequest(stdin=b"from another language"), session_pb2.ExecRequest(eof=True)]
        out, code = b"", None
        for response in session_pb2_grpc.SessionServiceStub(self.channel).Exec(iter(requests)):
            out += response.stdout
            if response.HasField("exited"):
                code = response.exited.code
        self.assertEqual((out, code), (b"from another language", 7))

    def test_errors_carry_a_reason(self):
        from google.rpc import error_details_pb2, status_pb2
        from wslm.v1 import distro_service_pb2, distro_service_pb2_grpc
        with self.assertRaises(grpc.RpcError) as raised:
            distro_service_pb2_grpc.DistroServiceStub(self.channel).GetDistro(
                distro_service_pb2.GetDistroRequest(distro="none"))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
        details = dict(raised.exception.trailing_metadata())["grpc-status-details-bin"]
        info = error_details_pb2.ErrorInfo()
        self.assertTrue(status_pb2.Status.FromString(details).details[0].Unpack(info))
        self.assertEqual((info.reason, info.domain), ("DISTRO_NOT_FOUND", "wslm"))

    def test_reflection_and_health_answer(self):
        listing = self.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        answer = b"".join(listing(iter([b"\x3a\x00"])))  # list_services, field 7
        self.assertIn(b"wslm.v1.SessionService", answer)
        health = self.channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
        self.assertEqual(health, b"\x08\x01")  # SERVING


if __name__ == "__main__":
    unittest.main()
