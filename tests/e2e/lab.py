# SPDX-License-Identifier: BSD-3-Clause
"""What a case may use: processes, network namespaces and a folder, all given back at its end.

Everything that a Lab starts or makes, it knows by pid or by a name of its own, so that close() ends
exactly that and nothing else, also when the case failed or was interrupted.
"""

import contextlib
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
MARK = "MILLRACE_E2E"  # an environment variable that all our processes carry
UNPRIVILEGED = "nobody"
POLL = 0.02
# Where DPDK makes a folder for each process: as root, and otherwise.
RUNTIME_FOLDERS = {"/run/dpdk", "/tmp/dpdk"} | \
    {f"{folder}/dpdk" for folder in [os.environ.get("XDG_RUNTIME_DIR")] if folder}

libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """The case does not show what it should."""


class Skip(Exception):
    """The case cannot run here; the text says why."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def expect_equal(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}: expected {expected!r}, got {actual!r}")


def need_tools(*names):
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise Skip(f"{', '.join(missing)} not installed: ./run setup test")


def wait_until(condition, seconds, what):
    """Polls until condition() is true, and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(POLL)


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def shown(argv):
    return " ".join(str(word) for word in argv)


class Process:
    """A started program. Its output goes to files, so that no pipe ever fills up."""

    def __init__(self, argv, popen, folder, label):
        self.argv = argv
        self.popen = popen
        self.out_path = folder / f"{label}.out"
        self.err_path = folder / f"{label}.err"
        self.told_to_end = False
        self.began = time.time()

    @property
    def pid(self):
        return self.popen.pid

    def out(self):
        return self.out_path.read_text(encoding="utf-8", errors="replace")

    def err(self):
        return self.err_path.read_text(encoding="utf-8", errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def wait(self, seconds):
        """The exit status; a signal is its negative number."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"still running after {seconds} s: {shown(self.argv)}") from None

    def send_signal(self, number):
        self.told_to_end = True
        self.popen.send_signal(number)  # does nothing once it was waited for

    def stop(self, seconds=10, number=signal.SIGTERM):
        self.send_signal(number)
        return self.wait(seconds)

    def runtime_folders(self):
        """Where DPDK keeps this process's files, should it run on DPDK."""
        return [pathlib.Path(folder) / f"millrace-{self.pid}" for folder in RUNTIME_FOLDERS]

    def left_folders(self):
        """Those still there; an older one was an earlier process's of the same pid."""
        return [folder for folder in self.runtime_folders()
                if folder.exists() and folder.stat().st_mtime > self.began - 1]

    def kill(self):
        """SIGKILL. The process cannot tidy up, so its files are removed here."""
        if self.alive():
            self.popen.kill()
            self.popen.wait()
            for folder in self.runtime_folders():
                shutil.rmtree(folder, ignore_errors=True)

    def story(self):
        status = "running" if self.alive() else f"status {self.popen.returncode}"
        text = f"$ {shown(self.argv)}  [{status}]"
        for name, content in (("stdout", self.out()), ("stderr", self.err())):
            lines = content.strip().splitlines()
            if lines:
                text += f"\n  {name}: " + "\n          ".join(lines[-12:])
        return text


class Lab:
    def __init__(self, build, number):
        self.build = pathlib.Path(build).resolve()
        self.name = f"mr{os.getpid()}x{number}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"millrace-e2e-{number}-"))
        self.folder.chmod(0o755)
        # In here an unprivileged user may create files, too.
        self.open_folder = self.folder / "open"
        self.open_folder.mkdir()
        self.open_folder.chmod(0o777)
        self.processes = []
        self.namespaces = []
        self.complaints = []

    @property
    def millrace(self):
        return self.build / "app" / "millrace"

    def for_everybody(self):
        """A copy of the program where an unprivileged user may run it: build/ may be in a home."""
        copy = self.folder / "millrace"
        if not copy.exists():
            shutil.copy2(self.millrace, copy)
            copy.chmod(0o755)
        return copy

    # ---- processes --------------------------------------------------------------------------

    def start(self, *argv, ns=None, unprivileged=False, stdin=None):
        """Starts a program, in a namespace or as nobody if asked. It ends with the lab at last."""
        argv = [str(word) for word in argv]
        full = ["ip", "netns", "exec", ns, *argv] if ns else argv
        environment = {**os.environ, MARK: self.name, "LC_ALL": "C"}
        options = {}
        if unprivileged and os.geteuid() == 0:
            entry = pwd.getpwnam(UNPRIVILEGED)
            options = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        if options or os.geteuid() != 0:
            # Without a folder of its own DPDK makes one in /tmp, and leaves it.
            environment["XDG_RUNTIME_DIR"] = str(self.open_folder)
        label = f"{len(self.processes)}-{pathlib.Path(argv[0]).name}"
        with contextlib.ExitStack() as files:
            out = files.enter_context(open(self.folder / f"{label}.out", "wb"))
            err = files.enter_context(open(self.folder / f"{label}.err", "wb"))
            source = files.enter_context(open(stdin, "rb")) if stdin else subprocess.DEVNULL
            popen = subprocess.Popen(
                full, stdin=source, stdout=out, stderr=err, cwd=self.folder,
                env=environment, start_new_session=True, preexec_fn=die_with_parent, **options)
        process = Process(argv, popen, self.folder, label)
        self.processes.append(process)
        return process

    def run(self, *argv, ns=None, seconds=20, status=0, **options):
        """Runs a program to its end; `status` is what it must end with, None for any."""
        process = self.start(*argv, ns=ns, **options)
        actual = process.wait(seconds)
        if status is not None:
            expect_equal(actual, status, f"status of `{shown(process.argv)}`")
        return process

    # ---- network ----------------------------------------------------------------------------

    def namespace(self, label):
        name = f"{self.name}{label}"
        self.namespaces.append(name)
        self.run("ip", "netns", "add", name)
        # Kernels speak of IPv6 neighbours unasked; captures and counters shall not see it.
        with self.inside(name):
            for scope in ("all", "default"):
                path = pathlib.Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
                if path.exists():
                    path.write_text("1", encoding="ascii")
        self.run("ip", "link", "set", "lo", "up", ns=name)
        return name

    def veth(self, first, second):
        """Joins two namespaces; (namespace, interface) each. Both ends are up."""
        self.run("ip", "link", "add", first[1], "netns", first[0], "type", "veth",
                 "peer", "name", second[1], "netns", second[0])
        for namespace, interface in (first, second):
            # A veth end trusts the other one and leaves checksums out; a raw socket gets to see it.
            self.run("ethtool", "-K", interface, "tx", "off", ns=namespace)
            self.run("ip", "link", "set", interface, "up", ns=namespace)

    @contextlib.contextmanager
    def inside(self, namespace):
        """Sockets that are made here belong to the namespace, wherever they are used."""
        with open("/proc/self/ns/net", "rb") as before, \
                open(f"/run/netns/{namespace}", "rb") as wanted:
            if libc.setns(wanted.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {namespace}")
            try:
                yield
            finally:
                libc.setns(before.fileno(), CLONE_NEWNET)

    def connect(self, namespace, address, port, seconds=5, bind=None, prepare=None):
        """A connected TCP socket of the kernel in that namespace."""
        with self.inside(namespace):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(seconds)
        if prepare:
            prepare(sock)
        if bind:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(bind)
        try:
            sock.connect((address, port))
        except OSError:
            sock.close()
            raise
        return sock

    def interfaces(self, namespace):
        with self.inside(namespace):
            return {name for _, name in socket.if_nameindex()}

    # ---- the end ----------------------------------------------------------------------------

    def story(self):
        """What the processes said that tells something after a failure."""
        dull = ("ip", "ethtool")
        telling = [process for process in self.processes
                   if process.argv[0] not in dull or process.popen.returncode != 0]
        return "\n".join(process.story() for process in telling[-6:])

    def close(self):
        """Gives everything back. Returns what had to be forced or is left, one sentence each."""
        for process in reversed(self.processes):
            if process.alive():
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 5
        for process in self.processes:
            try:
                process.popen.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.complaints.append(f"did not end on SIGTERM: {shown(process.argv)}")
                process.kill()
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], stdin=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=10, check=False)
        for process in self.processes:
            self.complaints += [f"left behind: {folder}" for folder in process.left_folders()]
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():
            self.complaints.append(f"cannot be removed: {self.folder}")
        return self.complaints


def marked_processes():
    """Pids of processes that carry our mark, whatever lab started them or their parents."""
    prefix = f"{MARK}=mr{os.getpid()}x".encode()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended meanwhile, or is none of ours
        if any(word.startswith(prefix) for word in environment):
            found.append(int(entry.name))
    return found


def network_names():
    """Namespaces, and interfaces of the namespace we are in, that a lab could have left."""
    folder = pathlib.Path("/run/netns")
    namespaces = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    return namespaces, {name for _, name in socket.if_nameindex()}
