// SPDX-License-Identifier: BSD-3-Clause
#include "support/rival.h"

#include <rte_eal.h>
#include <rte_memory.h>
#include <sched.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace millrace::bench {

void start_eal(uint32_t memory_mb) {
  static bool started = false;
  if (started) return;
  started = true;
  std::string memory = std::to_string(memory_mb);
  std::string arguments[] = {"bench",    "--no-huge",      "--no-shconf",
                             "--no-pci", "--no-telemetry", "--log-level=3",
                             "-m",       memory,           "--iova-mode=va"};
  char* argv[std::size(arguments)];
  for (size_t i = 0; i < std::size(arguments); ++i) argv[i] = arguments[i].data();
  // EAL binds the thread to one CPU, which may be somebody else's busy one.
  cpu_set_t cpus;
  sched_getaffinity(0, sizeof(cpus), &cpus);
  if (rte_eal_init(static_cast<int>(std::size(arguments)), argv) < 0) {
    std::fprintf(stderr, "DPDK's EAL does not start with %s MB\n", memory.c_str());
    std::exit(1);
  }
  sched_setaffinity(0, sizeof(cpus), &cpus);
  rte_memseg_list_walk(
      [](const rte_memseg_list* list, void*) {
        static_cast<void>(::madvise(list->base_va, list->len, MADV_HUGEPAGE));
        return 0;
      },
      nullptr);
}

}  // namespace millrace::bench
