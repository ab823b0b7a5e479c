// SPDX-License-Identifier: BSD-3-Clause
// DPDK's environment layer, set up without anybody having to know its arguments. It lives once in
// a process: DPDK cannot be set up again after its cleanup.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/device.h"
#include "millrace/result.h"

namespace millrace::nic {

struct EalWish {
  DeviceKind kind = DeviceKind::kTap;
  std::string pci_address;  // only for a PCI device
  uint32_t memory_mb = 64;
  bool hugepages = false;
  bool verbose = false;
  int process_id = 0;              // makes the names of its files unique
  int predecessor = 0;             // a dead process of ours whose folder goes, too; 0: none
  std::string cpus = "0";          // where the calling thread may run, as a list: "0-3,7"
  std::vector<std::string> extra;  // the user's, after ours; theirs win over ours
};

// The arguments of rte_eal_init(), with a program name in front. Pure.
std::vector<std::string> eal_arguments(const EalWish& wish);

// The CPUs the calling thread may run on, as a list.
std::string allowed_cpus();

// Whether the user's own arguments decide about memory, so that we do not.
bool chooses_memory(const std::vector<std::string>& extra);

class Eal {
 public:
  Eal() = default;
  ~Eal();
  Eal(Eal&& other) noexcept;
  Eal& operator=(Eal&& other) noexcept;

  // Errors: DPDK refuses an argument or finds no memory; it has been set up in this process before.
  static Result<Eal> create(const EalWish& wish);

  // What DPDK said last, as one line to end an error with: " (DPDK says: ...)". Empty when it was
  // silent, or spoke to the terminal itself.
  static std::string last_words();

 private:
  bool up_ = false;
};

}  // namespace millrace::nic
