"""Tests of a UDP client, for pytest; without it: python3 -m unittest test_tracker.py

AQUATIC names the command, `npx aquatic` by default.
"""

import json
import os
import shlex
import socket
import struct
import subprocess
import unittest
from urllib.parse import urlsplit

COMMAND = shlex.split(os.environ.get("AQUATIC", "npx aquatic"))
INFO_HASH = b"a" * 20


class Tracker:
    """Ends with this process, since its standard input does."""

    def __init__(self):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*COMMAND, "--test"], stdin=pipe, stdout=pipe, text=True)
        self.urls = json.loads(self.process.stdout.readline())

    def ask(self, command, **fields):
        self.process.stdin.write(json.dumps({"command": command, **fields}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["result"]

    def stop(self):
        self.process.communicate()


def announce(tracker, seconds=5.0):
    """Connects and announces; returns the action of the answer, and what follows its transaction id."""
    url = urlsplit(tracker.urls["udp"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(seconds)
        client.connect((url.hostname, url.port))
        client.send(struct.pack(">QII", 0x41727101980, 0, 1))
        _, _, connection = struct.unpack(">IIQ", client.recv(100))
        head = struct.pack(">QII20s20s", connection, 1, 2, INFO_HASH, b"-XX0001-abcdefghijkl")
        client.send(head + struct.pack(">QQQIIIiH", 0, 0, 0, 2, 0, 0, -1, 6881))
        answer = client.recv(2000)
        return struct.unpack(">I", answer[:4])[0], answer[8:]


class TrackerTest(unittest.TestCase):
    def setUp(self):
        self.tracker = Tracker()
        self.addCleanup(self.tracker.stop)

    def peers(self):
        return self.tracker.ask("peers", info_hash=INFO_HASH.hex())

    def test_a_seeder_is_known_for_as_long_as_it_announces(self):
        self.assertEqual(announce(self.tracker)[0], 1)
        [peer] = self.peers()
        self.assertEqual((peer["address"], peer["port"], peer["seeder"]), ("127.0.0.1", 6881, True))
        self.tracker.ask("advance", seconds=3600)
        self.assertEqual(self.peers(), [])

    def test_an_error_is_told(self):
        self.tracker.ask("faults", faults={"udp": {"error": "try later"}})
        self.assertEqual(announce(self.tracker), (3, b"try later"))

    def test_nobody_is_there(self):
        self.tracker.ask("faults", faults={"udp": {"dead": True}})
        with self.assertRaises(ConnectionRefusedError):
            announce(self.tracker)
