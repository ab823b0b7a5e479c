// SPDX-License-Identifier: BSD-3-Clause
#include "nic/precheck.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

namespace millrace::nic {
namespace {

namespace fs = std::filesystem;

Error wrong(const DeviceUri& device, std::string_view why) {
  return {fmt::format("device {}: {}", device.to_string(), why)};
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A folder in which we can create a file.
Result<void> check_folder(const DeviceUri& device, const std::string& path) {
  const std::string folder = folder_of(path);
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    return wrong(device, fmt::format("there is no folder {}: create it first", folder));
  }
  if (eaccess(folder.c_str(), W_OK | X_OK) != 0) {
    return wrong(device, fmt::format("no permission to create a file in {}: choose another folder "
                                     "or run as its owner",
                                     folder));
  }
  return {};
}

enum class SocketUse { kNone, kListening, kStale, kOtherFile, kForbidden };

// Finds out without being accepted: the memif driver dies of a client that goes away at once. Only
// sockets of one type can be connected, and neither memif's nor vhost's are datagram sockets, so
// the kernel refuses either way and says with which error whether there is a socket behind the
// file.
SocketUse look_at_socket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    return errno == EACCES ? SocketUse::kForbidden : SocketUse::kNone;
  }
  if (!S_ISSOCK(status.st_mode)) return SocketUse::kOtherFile;
  const FileDescriptor probe(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (connect(probe.get(), generic, sizeof(address)) == 0) return SocketUse::kOtherFile;
  if (errno == ECONNREFUSED) return SocketUse::kStale;
  return errno == EACCES ? SocketUse::kForbidden : SocketUse::kListening;
}

// We create the socket.
Result<void> check_server_socket(const DeviceUri& device) {
  const std::string& path = device.target;
  if (auto ok = check_folder(device, path); !ok) return ok;
  switch (look_at_socket(path)) {
    case SocketUse::kNone:
      return {};
    case SocketUse::kStale:
      if (unlink(path.c_str()) == 0) return {};
      [[fallthrough]];
    case SocketUse::kForbidden:
      return wrong(device, fmt::format("{} belongs to somebody else: choose another path or remove "
                                       "it",
                                       path));
    case SocketUse::kListening:
      return wrong(device, fmt::format("another process listens on {}: stop it or choose another "
                                       "path",
                                       path));
    case SocketUse::kOtherFile:
      return wrong(device, fmt::format("{} is a file but no socket: choose another path", path));
  }
  return {};
}

// Somebody else creates the socket.
Result<void> check_client_socket(const DeviceUri& device, bool may_wait) {
  const std::string& path = device.target;
  std::error_code ignored;
  if (!fs::is_directory(folder_of(path), ignored)) {
    return wrong(device, fmt::format("there is no folder {}: create it, and start the server of "
                                     "this socket",
                                     folder_of(path)));
  }
  switch (look_at_socket(path)) {
    case SocketUse::kListening:
      return {};
    case SocketUse::kNone:
    case SocketUse::kStale:
      if (may_wait) return {};
      return wrong(device, fmt::format("nobody listens on {}: start the vhost side first", path));
    case SocketUse::kForbidden:
      return wrong(device, fmt::format("no permission to connect to {}: run as its owner", path));
    case SocketUse::kOtherFile:
      return wrong(device, fmt::format("{} is a file but no socket: choose another path", path));
  }
  return {};
}

bool ask_interface(const std::string& name, unsigned long question, ifreq& request) {
  const FileDescriptor any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::memcpy(request.ifr_name, name.c_str(), name.size());
  return any.ok() && ioctl(any.get(), question, &request) == 0;
}

Result<void> check_kernel_interface(const DeviceUri& device, const Privileges& privileges) {
  const std::string& name = device.target;
  if (if_nametoindex(name.c_str()) == 0) {
    return wrong(device,
                 fmt::format("there is no interface {}: `ip link` lists those there are", name));
  }
  const bool xdp = device.kind == DeviceKind::kAfXdp;
  if (!privileges.net_raw) {
    return wrong(device, "raw access to an interface needs CAP_NET_RAW: run as root");
  }
  if (xdp && !(privileges.net_admin && privileges.load_bpf)) {
    return wrong(device, "an XDP program needs CAP_NET_ADMIN and CAP_BPF: run as root");
  }
  ifreq request{};
  if (ask_interface(name, SIOCGIFFLAGS, request) && (request.ifr_flags & IFF_UP) == 0) {
    return wrong(device,
                 fmt::format("interface {} is down: `ip link set {} up` brings it up", name, name));
  }
  return {};
}

Result<void> check_tap(const DeviceUri& device, const Privileges& privileges,
                       const SystemPaths& paths) {
  if (eaccess(paths.tun.c_str(), F_OK) != 0) {
    return wrong(device, fmt::format("{} is missing: `modprobe tun` brings it", paths.tun));
  }
  if (eaccess(paths.tun.c_str(), R_OK | W_OK) != 0 || !privileges.net_admin) {
    return wrong(device, "creating an interface needs CAP_NET_ADMIN: run as root");
  }
  if (if_nametoindex(device.target.c_str()) != 0) {
    return wrong(device, fmt::format("interface {} exists already: choose another name, or remove "
                                     "it with `ip link delete {}`",
                                     device.target, device.target));
  }
  return {};
}

Result<void> check_pcap(const DeviceUri& device) {
  const std::string& input = device.target;
  const std::string& output = device.output;
  std::error_code ignored;
  if (!fs::exists(input, ignored)) {
    return wrong(device, fmt::format("there is no file {} to read frames from", input));
  }
  if (!fs::is_regular_file(input, ignored)) {
    return wrong(device, fmt::format("{} is no ordinary file: name a pcap file", input));
  }
  if (eaccess(input.c_str(), R_OK) != 0) {
    return wrong(device, fmt::format("no permission to read {}", input));
  }
  std::array<unsigned char, 4> magic{};
  std::ifstream(input, std::ios::binary).read(reinterpret_cast<char*>(magic.data()), magic.size());
  constexpr std::array<std::array<unsigned char, 4>, 5> kMagics{{{0xa1, 0xb2, 0xc3, 0xd4},
                                                                 {0xd4, 0xc3, 0xb2, 0xa1},
                                                                 {0xa1, 0xb2, 0x3c, 0x4d},
                                                                 {0x4d, 0x3c, 0xb2, 0xa1},
                                                                 {0x0a, 0x0d, 0x0d, 0x0a}}};
  if (std::find(kMagics.begin(), kMagics.end(), magic) == kMagics.end()) {
    return wrong(device, fmt::format("{} is no pcap file: `tcpdump -w` writes one", input));
  }
  if (fs::exists(output, ignored)) {
    if (fs::equivalent(input, output, ignored)) {
      return wrong(device, fmt::format("{} is the file to read, too: write to another", output));
    }
    if (fs::is_directory(output, ignored) || eaccess(output.c_str(), W_OK) != 0) {
      return wrong(device, fmt::format("no permission to write {}: name another file", output));
    }
    return {};
  }
  return check_folder(device, output);
}

std::string first_line(const fs::path& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

// A NIC must belong to a driver that hands it to programs, or to one that shares it with them.
Result<void> check_pci(const DeviceUri& device, const SystemPaths& paths) {
  const std::string& address = device.target;
  const fs::path bus = fs::path(paths.sysfs) / "bus/pci/devices";
  const fs::path folder = bus / address;
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) {
    return wrong(device, fmt::format("there is no PCI device {}: `lspci -D` lists those there are",
                                     address));
  }
  constexpr std::string_view kNetworkClass = "0x02";
  if (!first_line(folder / "class").starts_with(kNetworkClass)) {
    return wrong(device, fmt::format("PCI device {} is no network card: `lspci -D | grep -i net` "
                                     "lists those",
                                     address));
  }
  const std::string driver = fs::read_symlink(folder / "driver", ignored).filename().string();
  for (const std::string_view shared : {"mlx4_core", "mlx5_core", "mana"}) {
    if (driver == shared) return {};
  }
  for (const std::string_view uio : {"uio_pci_generic", "igb_uio"}) {
    if (driver == uio && geteuid() == 0) return {};
    if (driver == uio) return wrong(device, fmt::format("driver {} needs root: run as root", uio));
  }
  if (driver != "vfio-pci") {
    return wrong(device,
                 fmt::format("PCI device {} is bound to {}: `modprobe vfio-pci && dpdk-devbind.py "
                             "--bind=vfio-pci {}` hands it over, and the kernel loses it",
                             address, driver.empty() ? "no driver" : driver, address));
  }
  const fs::path group = fs::read_symlink(folder / "iommu_group", ignored).filename();
  const std::string node = (fs::path(paths.vfio) / group).string();
  if (!group.empty() && eaccess(node.c_str(), F_OK) == 0 &&
      eaccess(node.c_str(), R_OK | W_OK) != 0) {
    return wrong(device, fmt::format("no permission to open {}: run as root, or chown it", node));
  }
  return {};
}

}  // namespace

Privileges Privileges::of_this_process() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return {};
  constexpr unsigned kCapBpf = 39;
  const auto has = [&](unsigned capability) {
    return (data[capability / 32].effective >> (capability % 32) & 1) != 0;
  };
  return {.net_admin = has(CAP_NET_ADMIN),
          .net_raw = has(CAP_NET_RAW),
          .load_bpf = has(kCapBpf) || has(CAP_SYS_ADMIN)};
}

Result<void> check_device(const DeviceUri& device, const Privileges& privileges,
                          const SystemPaths& paths) {
  switch (device.kind) {
    case DeviceKind::kPci:
      return check_pci(device, paths);
    case DeviceKind::kMemif:
      // A client may come first: it tries again until the server is there.
      return device.server ? check_server_socket(device) : check_client_socket(device, true);
    case DeviceKind::kVhost:
      return check_server_socket(device);
    case DeviceKind::kVirtioUser:
      return check_client_socket(device, false);
    case DeviceKind::kAfPacket:
    case DeviceKind::kAfXdp:
      return check_kernel_interface(device, privileges);
    case DeviceKind::kTap:
      return check_tap(device, privileges, paths);
    case DeviceKind::kPcap:
      return check_pcap(device);
    case DeviceKind::kLoopback:
      return Error{
          "device loopback: it joins two engines of one process and opens nothing: use "
          "Engine::create_loopback()"};
  }
  return {};
}

Result<void> check_mtu(const DeviceUri& device, uint16_t mtu, size_t tag_bytes) {
  if (device.kind != DeviceKind::kAfPacket && device.kind != DeviceKind::kAfXdp) return {};
  // One tag passes beside the MTU, a second does not.
  constexpr size_t kTagBytes = 4;
  const size_t needed = mtu + (tag_bytes > kTagBytes ? tag_bytes - kTagBytes : 0);
  ifreq request{};
  const bool known = ask_interface(device.target, SIOCGIFMTU, request);
  if (!known || static_cast<size_t>(request.ifr_mtu) >= needed) return {};
  if (needed != mtu) {
    return Error{fmt::format(
        "mtu is {}, and a second VLAN tag takes {} more: interface {} carries {}; choose {}, or "
        "raise it with `ip link set {} mtu {}`",
        mtu, needed - mtu, device.target, request.ifr_mtu, request.ifr_mtu - (needed - mtu),
        device.target, needed)};
  }
  return Error{
      fmt::format("mtu is {}: interface {} carries {}; choose that, or raise it with `ip "
                  "link set {} mtu {}`",
                  mtu, device.target, request.ifr_mtu, device.target, mtu)};
}

bool somebody_listens(const std::string& path) {
  return look_at_socket(path) == SocketUse::kListening;
}

Memory look_at_memory() {
  Memory memory;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/sys/kernel/mm/hugepages", ignored)) {
    const std::string name = entry.path().filename().string();  // hugepages-2048kB
    const size_t dash = name.find('-');
    if (dash == std::string::npos) continue;
    const uint64_t page_kb = std::strtoull(name.c_str() + dash + 1, nullptr, 10);
    const std::string free = first_line(entry.path() / "free_hugepages");
    memory.hugepages_free_mb += std::strtoull(free.c_str(), nullptr, 10) * page_kb / 1024;
  }
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view kAvailable = "MemAvailable:";
    if (!line.starts_with(kAvailable)) continue;
    memory.available_mb = std::strtoull(line.c_str() + kAvailable.size(), nullptr, 10) / 1024;
  }
  return memory;
}

Result<bool> choose_hugepages(DeviceKind kind, Hugepages wish, uint32_t needed_mb,
                              const Memory& memory) {
  const bool nic = kind == DeviceKind::kPci;
  if (nic && wish == Hugepages::kOff) {
    return Error{"hugepages is off: a NIC needs them; choose auto"};
  }
  const bool enough = memory.hugepages_free_mb >= needed_mb;
  if (enough && wish != Hugepages::kOff) return true;
  if (nic || wish == Hugepages::kOn) {
    return Error{
        fmt::format("{} {} MB of hugepages and {} MB are free: `sysctl -w "
                    "vm.nr_hugepages={}` reserves enough",
                    nic ? "a NIC needs" : "the frame buffers take", needed_mb,
                    memory.hugepages_free_mb, (needed_mb - memory.hugepages_free_mb) / 2 + 16)};
  }
  if (memory.available_mb < needed_mb) {
    return Error{
        fmt::format("{} MB of memory are needed and {} MB are available: free some, or "
                    "lower mbufs",
                    needed_mb, memory.available_mb)};
  }
  return false;
}

}  // namespace millrace::nic
