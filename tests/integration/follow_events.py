"""Follows a daemon's events, as its user: python3 follow_events.py SOCKET. Each is a line of JSON, the first of them "ready"."""

import importlib
import sys
import tempfile

import grpc
from google.protobuf import json_format

from api import generate

with tempfile.TemporaryDirectory() as folder:
    generate(folder)
    event = importlib.import_module("wslm.v1.event_pb2")
    channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.default_authority", "localhost")])
    events = importlib.import_module("wslm.v1.event_pb2_grpc").EventServiceStub(channel)
    try:
        for response in events.WatchEvents(event.WatchEventsRequest(), timeout=600):
            print(json_format.MessageToJson(response, preserving_proto_field_name=True, indent=None), flush=True)
    except grpc.RpcError:
        pass
