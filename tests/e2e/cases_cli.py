# SPDX-License-Identifier: BSD-3-Clause
"""What a person may get wrong: one sentence that names the value, status 2, and nothing left."""

import socket

import packets
from case import Cases
from lab import Failure, expect, expect_equal, need_tools, wait_until
from sites import VethSite

CASES = Cases()
ADDRESS = ["--address", "10.77.0.1/24"]
MEMIF = ["--device", "memif:{folder}/m.sock,server"]
HTTP = ["--http", "80"]
SERVE = ["serve", *MEMIF, *ADDRESS, *HTTP]
LOAD = ["load", "cps", "--device", "memif:{folder}/m.sock", "--address", "10.77.0.2/24"]
TARGET = ["--target", "10.77.0.1:80"]
WRONG = "wrong, and told so: "


def on(device):
    return ["serve", "--device", device, *ADDRESS, *HTTP]


def at(address):
    return ["serve", *MEMIF, "--address", address, *HTTP]


# Name, arguments, and what the one line on stderr must contain. {folder} is the lab's.
TABLE = [
    # The device.
    ("no device", ["serve", *ADDRESS, *HTTP], "--device"),
    ("unknown kind of device", on("carrier-pigeon:x"), "carrier-pigeon"),
    ("device without a kind", on("eth0"), "eth0"),
    ("af_packet without an interface", on("af_packet:"), "af_packet:"),
    ("memif without a path", on("memif:"), "memif:"),
    ("memif with an unknown role", on("memif:/tmp/x.sock,sever"), "sever"),
    ("socket path too long", on("memif:/tmp/" + "x" * 120), "x" * 120),
    ("interface name too long", on("tap:averyverylongname"), "averyverylongname"),
    ("pcap with one file", on("pcap:in.pcap"), "in.pcap"),
    ("malformed PCI address", on("pci:3b"), "3b"),
    ("absent PCI device", on("pci:0000:fe:1f.7"), "0000:fe:1f.7"),
    ("absent folder of a socket", on("memif:{folder}/nowhere/m.sock,server"), "{folder}/nowhere"),
    ("absent vhost folder", on("vhost:{folder}/nowhere/v.sock"), "{folder}/nowhere"),
    ("virtio-user without its vhost", on("virtio-user:{folder}/v.sock"), "{folder}/v.sock"),
    ("absent pcap", on("pcap:{folder}/no.pcap,{folder}/o.pcap"), "{folder}/no.pcap"),
    # Addresses.
    ("no address", ["serve", *MEMIF, *HTTP], "--address"),
    ("half an address", at("10.77.0/24"), "10.77.0/24"),
    ("a byte too large", at("10.77.0.256/24"), "10.77.0.256/24"),
    ("a prefix too long", at("10.77.0.1/33"), "10.77.0.1/33"),
    ("an address of nobody", at("0.0.0.0/24"), "0.0.0.0/24"),
    ("a multicast address", at("224.0.0.1/24"), "224.0.0.1"),
    ("a loopback address", at("127.0.0.1/8"), "127.0.0.1"),
    ("the network's own address", at("10.77.0.0/24"), "10.77.0.0"),
    ("the broadcast address", at("10.77.0.255/24"), "10.77.0.255"),
    ("gateway out of the network", [*SERVE, "--gateway", "192.168.7.1"], "192.168.7.1"),
    ("gateway that is us", [*SERVE, "--gateway", "10.77.0.1"], "10.77.0.1"),
    ("gateway that is no address", [*SERVE, "--gateway", "router"], "router"),
    ("route without a gateway", [*SERVE, "--route", "10.78.0.0/16"], "10.78.0.0/16"),
    ("route by a gateway out of reach", [*SERVE, "--route", "10.78.0.0/16=192.168.7.1"],
     "192.168.7.1"),
    ("malformed MAC address", [*SERVE, "--mac", "02:00:00"], "02:00:00"),
    ("multicast MAC address", [*SERVE, "--mac", "01:00:5e:00:00:01"], "01:00:5e:00:00:01"),
    # Numbers.
    ("port 0", [*SERVE, "--echo", "0"], '"0"'),
    ("port too large", [*SERVE, "--echo", "65536"], "65536"),
    ("negative port", [*SERVE, "--echo", "-7"], "-7"),
    ("port by name", [*SERVE, "--echo", "echo"], "echo"),
    ("one port for two services", [*SERVE, "--echo", "80"], "port 80"),
    ("mtu too small", [*SERVE, "--mtu", "60"], '"60"'),
    ("mtu too large", [*SERVE, "--mtu", "70000"], "70000"),
    ("size with an unknown unit", [*SERVE, "--body-size", "4parsec"], "4parsec"),
    ("duration with an unknown unit", [*SERVE, "--msl", "5fortnights"], "5fortnights"),
    ("negative duration", [*SERVE, "--duration", "-5s"], "-5s"),
    # Words.
    ("no subcommand", [],
     "serve, load, merge, compare, ss, stats, top, control, explain, trace or selftest"),
    ("unknown subcommand", ["sevre", *SERVE[1:]], "sevre"),
    ("unknown option", [*SERVE, "--htpp", "80"], "--htpp"),
    ("a word too many", [*SERVE, "now"], "now"),
    ("option without its value", [*SERVE, "--echo"], "--echo"),
    ("unknown EAL argument", [*SERVE, "--", "--no-such-thing"], "--no-such-thing"),
    # The load generator.
    ("load without a mode", ["load"], "cps, rps, cc, teardown, mix, throughput, syn or half-open"),
    ("unknown mode of load", ["load", "warp", *LOAD[2:], *TARGET], "warp"),
    ("no target", LOAD, "--target"),
    ("target without a port", [*LOAD, "--target", "10.77.0.1"], "10.77.0.1"),
    ("target with port 0", [*LOAD, "--target", "10.77.0.1:0"], "10.77.0.1:0"),
    ("target by name", [*LOAD, "--target", "example:80"], "example:80"),
    ("target out of reach", [*LOAD, "--target", "192.168.7.1:80"], "192.168.7.1"),
    ("target that is us", [*LOAD, "--target", "10.77.0.2:80"], "10.77.0.2"),
    ("no concurrency", [*LOAD, *TARGET, "--concurrency", "0"], '"0"'),
    ("rate that is no number", [*LOAD, *TARGET, "--rate", "fast"], "fast"),
]

# Name, content of the file, and what the line must contain besides the file's name.
CONFIGS = [
    ("unknown key", 'address = "10.77.0.1/24"\n\nhtpp = 80\n', ":3", "htpp"),
    ("unknown table", 'address = "10.77.0.1/24"\n[srve]\nhttp = 80\n', ":2", "srve"),
    ("wrong value", '[serve]\nhttp = 80\naddress = "10.77.0.300/24"\n', ":3", "10.77.0.300/24"),
    ("wrong type", '[serve]\nhttp = "many"\n', ":2", "many"),
    ("out of range", '[serve]\n\n\nhttp = 700000\n', ":4", "700000"),
    ("no TOML", 'address "10.77.0.1/24"\n', ":1", ""),
]


def folder_content(lab):
    return {path.name for path in lab.folder.iterdir()}


def refused(lab, arguments, *offenders, **options):
    """Runs millrace; it must end with 2 and one line that has each of the offenders."""
    filled = [str(word).replace("{folder}", str(lab.folder)) for word in arguments]
    before = folder_content(lab)
    process = lab.run(options.pop("program", lab.millrace), *filled, status=None, **options)
    text = f"`millrace {' '.join(filled)}`"
    lines = process.err().splitlines()
    expect_equal((process.popen.returncode, len(lines)), (2, 1),
                 f"status and lines on stderr of {text} ({process.err()[:300]!r})")
    for offender in offenders:
        wanted = offender.replace("{folder}", str(lab.folder))
        expect(wanted in lines[0], f"stderr of {text} does not name {wanted!r}: {lines[0]!r}")
    expect_equal(process.out(), "", f"stdout of {text}")
    own = {process.out_path.name, process.err_path.name}
    expect_equal(folder_content(lab) - before - own, set(), f"files that {text} left")


def each(checks):
    """Runs all of them, and fails with the list of those that failed."""
    problems = []
    for check in checks:
        try:
            check()
        except Failure as problem:
            problems.append(str(problem))
    expect(not problems, f"{len(problems)} wrong:\n" + "\n".join(problems))


@CASES.case(WRONG + "options and values", root=False, seconds=120)
def wrong_options(lab):
    def check(name, arguments, offender):
        try:
            refused(lab, arguments, offender)
        except Failure as problem:
            raise Failure(f"{name}: {problem}") from None

    each(lambda row=row: check(*row) for row in TABLE)


@CASES.case(WRONG + "config files, by line", root=False)
def wrong_configs(lab):
    def check(name, content, line, offender):
        path = lab.folder / f"{name.replace(' ', '-')}.toml"
        path.write_text(content, encoding="utf-8")
        refused(lab, ["serve", *MEMIF, "--config", path], f"{path}{line}", offender)

    each(lambda row=row: check(*row) for row in CONFIGS)
    refused(lab, ["serve", "--config", "{folder}/absent.toml"], "{folder}/absent.toml")


@CASES.case(WRONG + "sockets that are taken", root=False)
def taken_sockets(lab):
    path = lab.folder / "taken.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as owner:
        owner.bind(str(path))
        owner.listen()
        refused(lab, on(f"memif:{path},server"),
                str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as owner:
        other = lab.folder / "vhost.sock"
        owner.bind(str(other))
        owner.listen()
        refused(lab, on(f"vhost:{other}"), str(other))
    plain = lab.folder / "plain-file"
    plain.write_text("precious", encoding="ascii")
    for device in (f"memif:{plain},server", f"vhost:{plain}"):
        refused(lab, on(device), str(plain))
    expect_equal(plain.read_text(encoding="ascii"), "precious", "the file in the way")


@CASES.case(WRONG + "two servers on one socket", root=False)
def second_server(lab):
    path = lab.folder / "m.sock"
    arguments = on(f"memif:{path},server")
    first = lab.start(lab.millrace, *arguments)
    wait_until(path.exists, 10, "the first server's socket")
    refused(lab, arguments, str(path))
    expect(first.alive() and path.exists(), "the second one disturbed the first")
    expect_equal(first.stop(), 0, "the first server's status")
    expect(not path.exists(), "the socket outlives its server")


@CASES.case(WRONG + "pcap files", root=False)
def wrong_pcaps(lab):
    good, bad = lab.folder / "good.pcap", lab.folder / "bad.pcap"
    packets.write(good, [])
    bad.write_text("not frames", encoding="ascii")
    for device, offender in ((f"pcap:{bad},{lab.folder}/o.pcap", bad),
                             (f"pcap:{good},{good}", good),
                             (f"pcap:{lab.folder},{lab.folder}/o.pcap", lab.folder),
                             (f"pcap:{good},{lab.folder}/none/o.pcap", lab.folder / "none")):
        refused(lab, on(device), str(offender))


@CASES.case(WRONG + "kernel interfaces")
def wrong_interfaces(lab):
    site = VethSite(lab)
    before = lab.interfaces(site.millrace)
    for device in ("af_packet:nope0", "af_xdp:nope0"):
        refused(lab, on(device), "nope0",
                ns=site.millrace)
    refused(lab, on("tap:m0"), "m0", ns=site.millrace)
    lab.run("ip", "link", "set", "m0", "down", ns=site.millrace)
    for device in ("af_packet:m0", "af_xdp:m0"):
        refused(lab, on(device), "m0", ns=site.millrace)
    expect_equal(lab.interfaces(site.millrace), before, "the namespace's interfaces")


@CASES.case(WRONG + "missing permission")
def missing_permission(lab):
    program = lab.for_everybody()
    for device in ("af_packet:lo", "af_xdp:lo", "tap:mr9"):
        refused(lab, on(device), device, program=program,
                unprivileged=True)
    mine = lab.folder / "mine"
    mine.mkdir(mode=0o700)
    for device in (f"memif:{mine}/m.sock,server", f"vhost:{mine}/v.sock"):
        refused(lab, on(device), str(mine),
                program=program, unprivileged=True)
    secret = lab.folder / "secret.toml"
    secret.write_text('address = "10.77.0.1/24"\n', encoding="ascii")
    secret.chmod(0o600)
    refused(lab, ["serve", "--config", secret], str(secret), program=program, unprivileged=True)


@CASES.case(WRONG + "too little memory", root=False)
def too_little_memory(lab):
    need_tools("prlimit")
    refused(lab, ["--as=600000000", lab.millrace, *SERVE, "--connections-max", "5000000"],
            "5000000", program="prlimit")
    refused(lab, [*SERVE, "--", "-m", "2"], "mbufs")


# ---- and what is right -----------------------------------------------------------------------

@CASES.case("help and version are told on stdout, with status 0", root=False)
def help_and_version(lab):
    for arguments in (["--help"], ["--version"], ["serve", "--help"], ["load", "--help"],
                      ["load", "cps", "--help"]):
        process = lab.run(lab.millrace, *arguments)
        expect(process.out().strip() and not process.err(), f"{arguments}: {process.err()!r}")


@CASES.case("--print-config prints what --config reads", root=False)
def config_round_trip(lab):
    first = lab.run(lab.millrace, *SERVE[:1], "--device", "tap:x0", *ADDRESS, "--http", 8080,
                    "--body-size", "4k", "--msl", "1500ms", "--gateway", "10.77.0.254",
                    "--route", "10.78.0.0/16=10.77.0.9", "--print-config").out()
    path = lab.folder / "printed.toml"
    path.write_text(first, encoding="utf-8")
    second = lab.run(lab.millrace, "serve", "--config", path, "--print-config").out()
    for fragment in ("tap:x0", "8080", "4k", "1500ms", "10.77.0.254", "10.78.0.0/16=10.77.0.9"):
        expect(fragment in second, f"{fragment} is lost on the way: {second}")
    # The second one was given a config file, the first was not.
    lines = [[line for line in text.splitlines() if not line.startswith("config =")]
             for text in (first, second)]
    expect_equal(lines[1], lines[0], "the config printed again")
