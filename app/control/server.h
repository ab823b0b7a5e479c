// SPDX-License-Identifier: BSD-3-Clause
// The control socket of a running process: a Unix stream socket, mode 0600, and a thread of its own
// that answers by it. In: from each connection one line, a request (verbs.h). Out: the answer's
// lines, then {"end":true}; or {"error":"a sentence"}, wherever it failed; then the connection is
// closed. Who is not root or our own user is not answered.
//
// Must hold: whatever readers do, memory is bounded (ServerLimits) and no worker notices. An answer
// is asked for more only when its reader has read what there was; who does not read keeps a place
// and the little that waits for him, until somebody else needs the place.
#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "control/verbs.h"
#include "millrace/result.h"
#include "millrace/time.h"

namespace millrace::control {

struct ServerLimits {
  size_t clients_max = 16;  // the next ones wait in the system's queue, as many again
  size_t request_bytes_max = 4096;
  size_t pending_bytes = 64 * 1024;  // from so many that wait to be read an answer pauses
  Duration request_timeout = seconds(2);
  Duration stalled_after = seconds(1);  // without reading: gives way to others
  Duration reading_timeout = seconds(300);
};

class Server {
 public:
  // Listens there, taking the place of a socket that nobody listens on any more. What `verbs` refer
  // to must outlive the server. Errors: the system's, or somebody does listen there.
  static Result<std::unique_ptr<Server>> open(const std::string& path, Verbs verbs,
                                              const ServerLimits& limits = {});
  // Cuts answers off, and removes the socket.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Client {
    int fd = -1;
    Instant last_progress;
    std::string request;
    std::unique_ptr<Answer> answer;  // of a request that is whole
    std::string pending;             // of it, from `sent` on to be read
    size_t sent = 0;
    bool ending = false;  // nothing follows what is pending
    bool waiting = false;
  };

  Server(std::string path, int listener, int wake, Verbs verbs, const ServerLimits& limits);
  void run();
  void wait();
  void accept_clients(Instant now);
  bool make_room(Instant now);
  bool serve(Client& client, Instant now);
  bool read_request(Client& client, Instant now);
  void begin_answer(Client& client);
  void pull(Client& client);
  bool write_pending(Client& client, Instant now);

  std::string path_;
  int listener_;
  int wake_;
  Verbs verbs_;
  ServerLimits limits_;
  std::atomic<bool> stopping_{false};  // wake_ is written behind it
  std::list<Client> clients_;
  std::thread thread_;
};

// The socket of a serving process: at `path`, by default PID.sock in default_folder(); "off": none,
// and nullptr. Errors: as open(); those of the default place are no reason not to serve, so they
// are said on stderr, and nullptr is returned.
[[nodiscard]] Result<std::unique_ptr<Server>> open_control(const std::string& path, Verbs verbs);

}  // namespace millrace::control
