// SPDX-License-Identifier: BSD-3-Clause
// Looks at the system before DPDK does, whose complaints nobody can act on. Every error is one
// sentence that names the value and says what to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/device.h"
#include "millrace/engine.h"
#include "millrace/result.h"

namespace millrace::nic {

// What the process may do; read once, so that tests can pretend.
struct Privileges {
  bool net_admin = false;
  bool net_raw = false;
  bool load_bpf = false;  // CAP_BPF or CAP_SYS_ADMIN

  static Privileges of_this_process();
};

// Where the kernel shows its devices; tests show their own.
struct SystemPaths {
  std::string sysfs = "/sys";
  std::string tun = "/dev/net/tun";
  std::string vfio = "/dev/vfio";
};

// Whether the device can be opened. Removes the file of a socket of ours that nobody listens on
// any more, which a killed process has left behind.
Result<void> check_device(const DeviceUri& device, const Privileges& privileges,
                          const SystemPaths& paths = {});

// Whether a kernel interface carries packets of that size, with so many bytes of VLAN tags.
// Requires: check_device() found it.
Result<void> check_mtu(const DeviceUri& device, uint16_t mtu, size_t tag_bytes = 0);

// Whether a process has the Unix socket at `path` open. Does not disturb it.
bool somebody_listens(const std::string& path);

struct Memory {
  uint64_t hugepages_free_mb = 0;
  uint64_t available_mb = 0;
};
Memory look_at_memory();

// Decides between hugepages and ordinary memory. True: hugepages.
// Errors: a NIC without hugepages, not enough of either, not enough of what is wished.
Result<bool> choose_hugepages(DeviceKind kind, Hugepages wish, uint32_t needed_mb,
                              const Memory& memory);

}  // namespace millrace::nic
