// mq_overview(7): owners and modes of POSIX message queues.
#include <fcntl.h>
#include <mqueue.h>

#include "tests/conformance/conformance.h"

namespace wslm::conformance {
namespace {

constexpr char kArea[] = "ipc/mqueue";

struct Queue {
  Queue() : name("/wslm" + std::to_string(getpid())) {}
  ~Queue() { mq_unlink(name.c_str()); }
  std::string name;
};

BEHAVIOUR(kEach, "a queue is its maker's, with the mode less the umask") {
  const Queue queue;
  umask(027);
  const mqd_t opened = OK(mq_open(queue.name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0666, nullptr));
  struct stat status;
  OK(fstat(opened, &status));
  SAME(getuid(), status.st_uid);
  SAME(getgid(), status.st_gid);
  SAME(S_IFREG | 0640, status.st_mode);
  FAILS(EEXIST, mq_open(queue.name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600, nullptr));
  OK(mq_send(opened, "hi", 2, 0));
  mq_attr attributes;
  OK(mq_getattr(opened, &attributes));
  SAME(1, attributes.mq_curmsgs);
}

BEHAVIOUR(kRoot, "another user's queue is opened as its mode allows, and removed by its owner only") {
  const Queue queue;
  As(kUser, [&] {
    mq_attr attributes = {};
    attributes.mq_maxmsg = 2;
    attributes.mq_msgsize = 8;
    OK(mq_open(queue.name.c_str(), O_CREAT | O_RDWR, 0644, &attributes));
  });
  As(kOther, [&] {
    OK(mq_open(queue.name.c_str(), O_RDONLY));
    FAILS(EACCES, mq_open(queue.name.c_str(), O_WRONLY));
    FAILS(EACCES, mq_open(queue.name.c_str(), O_CREAT | O_RDWR, 0600, nullptr));
    FAILS(EACCES, mq_unlink(queue.name.c_str()));
    FAILS(ENOENT, mq_open("/wslm-none", O_RDONLY));
  });
  const mqd_t opened = OK(mq_open(queue.name.c_str(), O_RDWR));
  mq_attr attributes;
  OK(mq_getattr(opened, &attributes));
  SAME(2, attributes.mq_maxmsg);
  As(kUser, [&] { OK(mq_unlink(queue.name.c_str())); });
}

}  // namespace
}  // namespace wslm::conformance
