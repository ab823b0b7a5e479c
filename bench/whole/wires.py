# SPDX-License-Identifier: BSD-3-Clause
"""A wire with a server and a load generator at its ends, for one measurement."""

import contextlib
import json
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "e2e"))  # behind ours: it has a run.py, too
from lab import Failure, Lab, expect, expect_equal, wait_until
from rows import CLIENT, PORT, PREFIX, SERVER, SOURCES

START_SECONDS = 20  # for a process to come up, and to end


class Wire:
    """The two ends of a device, each as (device URI, namespace)."""

    def __init__(self, lab, device):
        self.lab = lab
        self.socket = None
        self.server_ns = self.client_ns = None
        if device == "memif":
            self.socket = lab.folder / "wire.sock"
            self.server, self.client = f"memif:{self.socket},server", f"memif:{self.socket}"
        elif device == "vhost":
            self.socket = lab.folder / "wire.sock"
            self.server, self.client = f"vhost:{self.socket}", f"virtio-user:{self.socket}"
        elif device == "loopback":
            self.server = self.client = "loopback"
        else:
            self.server_ns, self.client_ns = lab.namespace("s"), lab.namespace("c")
            lab.veth((self.server_ns, "s0"), (self.client_ns, "c0"))
            self.server, self.client = "af_packet:s0", "af_packet:c0"

    def started(self, process):
        """Waits until a client may come."""
        def there():
            expect(process.alive(), "the server ended on its own")
            return self.socket is None or self.socket.exists()
        wait_until(there, START_SECONDS, "the server's socket appears")
        if self.socket is None:
            time.sleep(0.5)

    def serve(self, *options):
        """`millrace serve`, ready; None where the server is in the load generator's process."""
        if self.server == "loopback":
            return None
        server = self.lab.start(
            self.lab.millrace, "serve", "--device", self.server, "--address",
            f"{SERVER}/{PREFIX}", "--route", f"{SOURCES}={CLIENT}", "--json", *options,
            ns=self.server_ns)
        self.started(server)
        return server

    def load(self, mode, *options, seconds):
        """`millrace load`, just started."""
        return self.lab.start(
            self.lab.millrace, "load", mode, *options, "--target", f"{SERVER}:{PORT}", "--address",
            f"{CLIENT}/{PREFIX}", "--json", "--duration", f"{seconds}s", "--device", self.client,
            ns=self.client_ns)


def load_report(client, seconds):
    """What it said when it has ended, whatever its exit status."""
    client.wait(seconds + START_SECONDS)
    try:
        return json.loads(client.out())
    except ValueError:
        raise Failure(f"the load generator gave no report: {client.err().strip()}") from None


def serve_report(server):
    """Ends it; None where there is none."""
    if server is None:
        return None
    expect_equal(server.stop(START_SECONDS), 0, "the server's exit status")
    return json.loads(server.out())


class Labs:
    """A Lab of its own for each measurement, given back whatever happens."""

    def __init__(self, build):
        self.build = build
        self.count = 0

    @contextlib.contextmanager
    def one(self):
        self.count += 1
        lab = Lab(self.build, self.count)
        try:
            yield lab
        except Failure as problem:
            raise Failure(f"{problem}\n{lab.story()}") from None
        finally:
            for complaint in lab.close():
                print(f"bench: {complaint}", file=sys.stderr)
