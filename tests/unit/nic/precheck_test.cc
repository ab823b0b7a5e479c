// SPDX-License-Identifier: BSD-3-Clause
// What the system lacks is said before DPDK is started, in one sentence.
#include "nic/precheck.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "unit/nic/temporary_folder.h"

namespace millrace::nic {
namespace {

namespace fs = std::filesystem;

constexpr Privileges kEverything{.net_admin = true, .net_raw = true, .load_bpf = true};

// A folder of its own for each test, with a system that it shows to the checks.
class Precheck : public testing::Test {
 protected:
  Precheck() {
    paths_.sysfs = path("sys");
    paths_.tun = path("tun");
    paths_.vfio = path("vfio");
  }

  std::string path(const std::string& name) const { return folder_.file(name); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
  }
  // What is wrong with the device; empty when nothing is.
  std::string error_of(const std::string& uri, const Privileges& privileges = kEverything) const {
    const auto device = DeviceUri::parse(uri);
    if (!device) return "not a URI: " + device.error().message;
    const auto outcome = check_device(*device, privileges, paths_);
    return outcome ? "" : outcome.error().message;
  }

  TemporaryFolder folder_;
  SystemPaths paths_;
};

// A Unix socket that somebody has bound, listening as long as it is open.
class BoundSocket {
 public:
  BoundSocket(const std::string& path, int type) : fd_(socket(AF_UNIX, type | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
  }
  ~BoundSocket() { close(fd_); }
  BoundSocket(const BoundSocket&) = delete;
  BoundSocket& operator=(const BoundSocket&) = delete;
  // Whether somebody has connected.
  [[nodiscard]] bool touched() const {
    const int peer = accept(fd_, nullptr, nullptr);
    if (peer >= 0) close(peer);
    return peer >= 0;
  }

 private:
  int fd_;
};

TEST_F(Precheck, AServersSocketNeedsAFolderToBeCreatedIn) {
  EXPECT_EQ(error_of("memif:" + path("x.sock") + ",server"), "");
  EXPECT_EQ(error_of("vhost:" + path("x.sock")), "");
  EXPECT_EQ(error_of("vhost:" + path("none/x.sock")), "device vhost:" + path("none/x.sock") +
                                                          ": there is no folder " + path("none") +
                                                          ": create it first");
}

TEST_F(Precheck, AFolderThatMayNotBeWrittenIsNamed) {
  fs::permissions(folder_.path(),
                  fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_exec);
  const uid_t self = geteuid();
  if (self == 0) {
    ASSERT_EQ(seteuid(65534), 0);  // root may write everywhere
  }
  const std::string error = error_of("vhost:" + path("x.sock"));
  ASSERT_EQ(seteuid(self), 0);
  fs::permissions(folder_.path(), fs::perms::owner_all);
  EXPECT_EQ(error, "device vhost:" + path("x.sock") + ": no permission to create a file in " +
                       folder_.path().string() + ": choose another folder or run as its owner");
}

TEST_F(Precheck, ASocketInUseIsLeftAlone) {
  for (const int type : {SOCK_SEQPACKET, SOCK_STREAM}) {
    const std::string socket_path = path("live" + std::to_string(type));
    const BoundSocket socket(socket_path, type);
    EXPECT_TRUE(somebody_listens(socket_path));
    EXPECT_EQ(error_of("memif:" + socket_path + ",server"),
              "device memif:" + socket_path + ",server: another process listens on " + socket_path +
                  ": stop it or choose another path");
    EXPECT_EQ(error_of("memif:" + socket_path), "");
    EXPECT_EQ(error_of("virtio-user:" + socket_path), "");
    EXPECT_TRUE(fs::exists(socket_path));
    EXPECT_FALSE(socket.touched()) << "a memif server dies of a client that goes away at once";
  }
}

TEST_F(Precheck, ASocketLeftBehindIsRemovedByTheNextServer) {
  const std::string socket_path = path("stale.sock");
  { const BoundSocket socket(socket_path, SOCK_SEQPACKET); }
  ASSERT_TRUE(fs::exists(socket_path));
  EXPECT_FALSE(somebody_listens(socket_path));
  EXPECT_EQ(error_of("memif:" + socket_path), "") << "a client waits for the next server";
  EXPECT_TRUE(fs::exists(socket_path));
  EXPECT_EQ(error_of("memif:" + socket_path + ",server"), "");
  EXPECT_FALSE(fs::exists(socket_path));
}

TEST_F(Precheck, AFileThatIsNoSocketIsKept) {
  write("notes", "text");
  EXPECT_EQ(error_of("vhost:" + path("notes")),
            "device vhost:" + path("notes") + ": " + path("notes") +
                " is a file but no socket: choose another path");
  EXPECT_TRUE(fs::exists(path("notes")));
}

TEST_F(Precheck, AMemifClientMayComeFirstAVirtioOneMayNot) {
  EXPECT_EQ(error_of("memif:" + path("later.sock")), "");
  EXPECT_EQ(error_of("virtio-user:" + path("later.sock")),
            "device virtio-user:" + path("later.sock") + ": nobody listens on " +
                path("later.sock") + ": start the vhost side first");
  EXPECT_EQ(error_of("memif:" + path("none/later.sock")),
            "device memif:" + path("none/later.sock") + ": there is no folder " + path("none") +
                ": create it, and start the server of this socket");
}

TEST_F(Precheck, AnInterfaceMustBeThereAndAllowed) {
  EXPECT_EQ(error_of("af_packet:nosuch0"),
            "device af_packet:nosuch0: there is no interface nosuch0: `ip link` lists those there "
            "are");
  EXPECT_EQ(error_of("af_packet:lo", {}),
            "device af_packet:lo: raw access to an interface needs CAP_NET_RAW: run as root");
  EXPECT_EQ(error_of("af_xdp:lo", {.net_raw = true}),
            "device af_xdp:lo: an XDP program needs CAP_NET_ADMIN and CAP_BPF: run as root");
}

TEST_F(Precheck, OnlyAKernelInterfacesOwnMtuLimitsOurs) {
  EXPECT_TRUE(check_mtu(DeviceUri::parse("af_packet:lo").value(), 9000)) << "lo carries 65536";
  EXPECT_TRUE(check_mtu(DeviceUri::parse("memif:/x.sock").value(), 9000));
  const DeviceUri lo = DeviceUri::parse("af_packet:lo").value();
  EXPECT_TRUE(check_mtu(lo, 65535, 4)) << "one tag passes beside the MTU";
  const Result<void> refused = check_mtu(lo, 65535, 8);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("second VLAN tag takes 4 more"), std::string::npos);
}

TEST_F(Precheck, ATapNeedsTheTunDeviceARightAndAFreeName) {
  EXPECT_EQ(error_of("tap:mill9"),
            "device tap:mill9: " + path("tun") + " is missing: `modprobe tun` brings it");
  write("tun", "");
  EXPECT_EQ(error_of("tap:mill9"), "");
  EXPECT_EQ(error_of("tap:mill9", {.net_raw = true}),
            "device tap:mill9: creating an interface needs CAP_NET_ADMIN: run as root");
  EXPECT_EQ(error_of("tap:lo"),
            "device tap:lo: interface lo exists already: choose another name, or remove it with "
            "`ip link delete lo`");
}

TEST_F(Precheck, PcapFilesAreLookedInto) {
  const std::string in = path("in.pcap");
  const std::string out = path("out.pcap");
  EXPECT_EQ(error_of("pcap:" + in + "," + out),
            "device pcap:" + in + "," + out + ": there is no file " + in + " to read frames from");
  write("in.pcap", "not a capture");
  EXPECT_EQ(error_of("pcap:" + in + "," + out), "device pcap:" + in + "," + out + ": " + in +
                                                    " is no pcap file: `tcpdump -w` writes one");
  write("in.pcap", std::string("\xd4\xc3\xb2\xa1", 4) + std::string(20, '\0'));
  EXPECT_EQ(error_of("pcap:" + in + "," + out), "");
  EXPECT_FALSE(fs::exists(out)) << "looking creates nothing";
  EXPECT_EQ(error_of("pcap:" + in + "," + in), "device pcap:" + in + "," + in + ": " + in +
                                                   " is the file to read, too: write to another");
  EXPECT_NE(error_of("pcap:" + in + "," + path("none/out.pcap")), "");
  EXPECT_NE(error_of("pcap:" + in + "," + folder_.path().string()), "");
  EXPECT_NE(error_of("pcap:" + folder_.path().string() + "," + out), "");
}

TEST_F(Precheck, ANicMustBeHandedOverByItsDriver) {
  const std::string uri = "pci:0000:3b:00.0";
  const std::string device = "sys/bus/pci/devices/0000:3b:00.0";
  EXPECT_EQ(error_of(uri),
            "device pci:0000:3b:00.0: there is no PCI device 0000:3b:00.0: `lspci -D` "
            "lists those there are");
  write(device + "/class", "0x010802\n");
  EXPECT_NE(error_of(uri).find("is no network card"), std::string::npos);
  write(device + "/class", "0x020000\n");
  EXPECT_NE(error_of(uri).find("is bound to no driver: "), std::string::npos);
  fs::create_directory_symlink("../drivers/e1000e", path(device + "/driver"));
  EXPECT_EQ(error_of(uri),
            "device pci:0000:3b:00.0: PCI device 0000:3b:00.0 is bound to e1000e: `modprobe "
            "vfio-pci && dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0` hands it over, and the "
            "kernel loses it");
  for (const char* driver : {"vfio-pci", "mlx5_core"}) {
    fs::remove(path(device + "/driver"));
    fs::create_directory_symlink(std::string("../drivers/") + driver, path(device + "/driver"));
    EXPECT_EQ(error_of(uri), "") << driver;
  }
}

TEST_F(Precheck, LoopbackIsNoDeviceToOpen) {
  EXPECT_NE(error_of("loopback").find("create_loopback()"), std::string::npos);
}

TEST(Hugepages, AreUsedWhenThereAreEnough) {
  EXPECT_TRUE(*choose_hugepages(DeviceKind::kMemif, Hugepages::kAuto, 64, {64, 1000}));
  EXPECT_FALSE(*choose_hugepages(DeviceKind::kMemif, Hugepages::kAuto, 64, {62, 1000}));
  EXPECT_TRUE(*choose_hugepages(DeviceKind::kPci, Hugepages::kAuto, 64, {64, 0}));
}

TEST(Hugepages, AreWhatANicNeeds) {
  const auto outcome = choose_hugepages(DeviceKind::kPci, Hugepages::kAuto, 64, {0, 1000});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            "a NIC needs 64 MB of hugepages and 0 MB are free: `sysctl -w vm.nr_hugepages=48` "
            "reserves enough");
}

TEST(Hugepages, AreLeftAloneWhereTheyAreNotWanted) {
  EXPECT_FALSE(*choose_hugepages(DeviceKind::kMemif, Hugepages::kOff, 64, {640, 1000}));
  const auto outcome = choose_hugepages(DeviceKind::kPci, Hugepages::kOff, 64, {640, 1000});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "hugepages is off: a NIC needs them; choose auto");
}

TEST(Hugepages, MustBeThereWhereTheyAreInsistedOn) {
  EXPECT_TRUE(*choose_hugepages(DeviceKind::kMemif, Hugepages::kOn, 64, {64, 1000}));
  const auto outcome = choose_hugepages(DeviceKind::kMemif, Hugepages::kOn, 64, {62, 1000});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            "the frame buffers take 64 MB of hugepages and 62 MB are free: `sysctl -w "
            "vm.nr_hugepages=17` reserves enough");
}

TEST(Hugepages, TooLittleMemoryOfAnyKindIsSaid) {
  const auto outcome = choose_hugepages(DeviceKind::kTap, Hugepages::kAuto, 4096, {10, 1000});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message,
            "4096 MB of memory are needed and 1000 MB are available: free some, or lower mbufs");
}

}  // namespace
}  // namespace millrace::nic
