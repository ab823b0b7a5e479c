// SPDX-License-Identifier: BSD-3-Clause
// Which memory is near which CPU, as the system tells.
#pragma once

#include <cstdint>
#include <string>

namespace millrace::nic {

// The NUMA node of a CPU; 0 where there is only one, or none is told, or the CPU is -1.
int node_of_cpu(int32_t cpu, const std::string& sysfs = "/sys");

}  // namespace millrace::nic
