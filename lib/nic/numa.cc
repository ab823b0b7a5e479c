// SPDX-License-Identifier: BSD-3-Clause
#include "nic/numa.h"

#include <cstdlib>
#include <filesystem>

namespace millrace::nic {

int node_of_cpu(int32_t cpu, const std::string& sysfs) {
  constexpr std::string_view kNode = "node";
  if (cpu < 0) return 0;
  std::error_code ignored;
  const std::string folder = sysfs + "/devices/system/cpu/cpu" + std::to_string(cpu);
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kNode) || name.size() == kNode.size()) continue;
    char* end = nullptr;
    const long node = std::strtol(name.c_str() + kNode.size(), &end, 10);
    if (*end == 0) return static_cast<int>(node);
  }
  return 0;
}

}  // namespace millrace::nic
