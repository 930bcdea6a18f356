/* offhook-eagi: the program that Asterisk starts for a call.
 *
 * It hands its descriptors to the resident daemon and waits.  Nothing else: no allocation, no
 * configuration file, no name service, no stdio, so that it starts in about a millisecond.
 *
 *   EAGI(offhook-eagi,${UNIQUEID},...)  ->  hello + fd 0, 1, 3  ->  offhookd
 *
 * What it never does: read the AGI header (that is the daemon's), or print anything but a whole
 * AGI command on fd 1.  When no daemon takes the call, or the daemon dies, it sets the channel
 * variable OFFHOOK_RESULT to unavailable, busy or failed and exits 0, so that the dialplan goes on.
 * SIGHUP (Asterisk's hang-up) keeps its default and kills: the daemon sees the connection close.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "handoff.h"

#ifndef OFFHOOK_RELEASE
#define OFFHOOK_RELEASE "0.1.0"
#endif

enum {
  kConnectMs = 500,  /* a daemon whose backlog stays full this long is busy */
  kAnswerMs = 2000,  /* from hello to accepted; $OFFHOOK_ANSWER_MS overrides */
  kAgiReplyMs = 200, /* for Asterisk to execute SET VARIABLE before we exit */
  kAudioFd = 3,
};

struct text {
  size_t length;
  char bytes[1024];
};

static void append(struct text* out, const char* words) {
  size_t length = strlen(words);
  size_t room = sizeof out->bytes - out->length;
  if (length > room) length = room;
  memcpy(out->bytes + out->length, words, length);
  out->length += length;
}

/* Write all of it, or give up after timeout_ms of nobody reading.  Asks before it writes: the pipe may
 * be blocking (stderr is whatever Asterisk has there) or, as the daemon left it, non-blocking. */
static int write_all(int fd, const struct text* text, int timeout_ms) {
  size_t sent = 0;
  while (sent < text->length) {
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int ready = poll(&wait, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return -1;
    ssize_t count = write(fd, text->bytes + sent, text->length - sent);
    if (count > 0) {
      sent += (size_t)count;
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      return -1;
    }
  }
  return 0;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 1 when fd is readable (or closed by the other side), 0 when the deadline passed, -1 on error. */
static int wait_readable(int fd, int64_t deadline_ms) {
  for (;;) {
    int64_t left = deadline_ms - now_ms();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
    if (ready > 0) return 1;
    if (ready == 0) return 0;
    if (errno != EINTR) return -1;
  }
}

/* One line on stderr, which Asterisk shows on its console. */
static void complain(const char* what, const char* path, const char* then) {
  struct text line = {0};
  append(&line, "offhook-eagi: ");
  append(&line, what);
  append(&line, path);
  append(&line, then);
  if (line.length == sizeof line.bytes) line.length--; /* an absurdly long path: cut, but end the line */
  append(&line, "\n");
  (void)write_all(STDERR_FILENO, &line, kAgiReplyMs);
}

/* Drop what Asterisk has printed so far: the header, or replies to a daemon that is gone. */
static void discard_input(void) {
  char chunk[4096];
  for (int reads = 0; reads < 64 && wait_readable(STDIN_FILENO, 0) == 1; reads++) {
    ssize_t count = read(STDIN_FILENO, chunk, sizeof chunk);
    if (count == 0 || (count < 0 && errno != EINTR)) return;
  }
}

/* Read what Asterisk prints until a reply ("200 ...", "511 ...") has gone by.  The rest of the AGI
 * header may come first; nobody else wants it any more. */
static void await_agi_reply(void) {
  int64_t deadline_ms = now_ms() + kAgiReplyMs;
  int at_line_start = 1;
  int in_reply = 0;
  while (wait_readable(STDIN_FILENO, deadline_ms) == 1) {
    char chunk[512];
    ssize_t count = read(STDIN_FILENO, chunk, sizeof chunk);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return;
    for (ssize_t i = 0; i < count; i++) {
      if (at_line_start) in_reply = chunk[i] >= '0' && chunk[i] <= '9';
      at_line_start = chunk[i] == '\n';
      if (at_line_start && in_reply) return;
    }
  }
}

/* Let the dialplan know, and leave it the call. */
static int give_up(const char* result) {
  struct text line = {0};
  discard_input();
  append(&line, "SET VARIABLE OFFHOOK_RESULT ");
  append(&line, result);
  append(&line, "\n");
  if (write_all(STDOUT_FILENO, &line, kAgiReplyMs) == 0) await_agi_reply();
  return 0;
}

/* The same when a silent daemon may still hold copies of our descriptors: Asterisk then sees no end
 * of file when we exit, but leaves the script at once on a line that begins with "failure". */
static int give_up_on_silent_daemon(const char* result) {
  struct text line = {0};
  (void)give_up(result);
  append(&line, "failure\n");
  (void)write_all(STDOUT_FILENO, &line, kAgiReplyMs);
  return 0;
}

static int is_open(int fd) {
  return fcntl(fd, F_GETFD) != -1;
}

/* Under plain AGI fd 3 is closed; anything that is not a pipe there is not Asterisk's audio. */
static int has_audio(void) {
  struct stat what;
  return fstat(kAudioFd, &what) == 0 && (S_ISFIFO(what.st_mode) || S_ISSOCK(what.st_mode));
}

static void put_u16(unsigned char* at, unsigned value) {
  at[0] = (unsigned char)(value & 0xff);
  at[1] = (unsigned char)((value >> 8) & 0xff);
}

/* Fills packet; returns its length, or 0 when the arguments do not fit. */
static size_t make_hello(unsigned char* packet, int argc, char** argv, int audio) {
  size_t payload = 0;
  if (argc - 1 > OFFHOOK_MAX_ARGS) return 0;
  for (int i = 1; i < argc; i++) {
    size_t length = strlen(argv[i]) + 1;
    if (length > OFFHOOK_MAX_PAYLOAD - payload) return 0;
    memcpy(packet + OFFHOOK_HELLO_BYTES + payload, argv[i], length);
    payload += length;
  }
  memcpy(packet, OFFHOOK_MAGIC, 4);
  put_u16(packet + 4, OFFHOOK_VERSION);
  put_u16(packet + 6, audio ? OFFHOOK_HAS_AUDIO : 0);
  put_u16(packet + 8, (unsigned)(argc > 0 ? argc - 1 : 0));
  put_u16(packet + 10, 0);
  put_u16(packet + 12, (unsigned)(payload & 0xffff));
  put_u16(packet + 14, (unsigned)(payload >> 16));
  return OFFHOOK_HELLO_BYTES + payload;
}

static int send_hello(int sock, unsigned char* packet, size_t length, int audio) {
  int fds[3] = {STDIN_FILENO, STDOUT_FILENO, kAudioFd};
  size_t fds_bytes = sizeof(int) * (audio ? 3 : 2);
  union {
    char bytes[CMSG_SPACE(sizeof fds)];
    struct cmsghdr align;
  } control;
  memset(&control, 0, sizeof control);
  struct iovec data = {.iov_base = packet, .iov_len = length};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  message.msg_control = control.bytes;
  message.msg_controllen = CMSG_SPACE(fds_bytes);
  struct cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(fds_bytes);
  memcpy(CMSG_DATA(rights), fds, fds_bytes);
  for (;;) {
    if (sendmsg(sock, &message, MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return -1;
  }
}

/* Receives one answer; returns its kind, 0 when the daemon is gone, -1 for anything else. */
static int receive_answer(int sock, int* reason) {
  unsigned char answer[OFFHOOK_ANSWER_BYTES];
  ssize_t count;
  do {
    count = recv(sock, answer, sizeof answer, MSG_TRUNC);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return 0;
  if (count != OFFHOOK_ANSWER_BYTES || memcmp(answer, OFFHOOK_MAGIC, 4) != 0) return -1;
  *reason = answer[7];
  if (answer[4] != OFFHOOK_VERSION || answer[5] != 0) {
    *reason = OFFHOOK_REASON_VERSION;
    return OFFHOOK_FAILED;
  }
  return answer[6];
}

static const char* failure_words(int reason) {
  switch (reason) {
    case OFFHOOK_REASON_PROTOCOL:
    case OFFHOOK_REASON_VERSION:
      return " is of another release than this launcher: install both from the same one";
    case OFFHOOK_REASON_NOT_ALLOWED:
      return " refuses this user: add Asterisk's user to the socket's group";
    case OFFHOOK_REASON_STOPPING:
      return " is shutting down";
    case OFFHOOK_REASON_AGENT:
      return " cannot use the agent named in the dialplan: see its log";
    default:
      return " gave up the call: see its log";
  }
}

static const char* busy_words(int reason) {
  switch (reason) {
    case OFFHOOK_REASON_STARTING:
      return " is still starting: its models are being loaded";
    case OFFHOOK_REASON_UNWELL:
      return " cannot answer anybody now: see its log";
    default:
      return " is busy: every place for a call is taken";
  }
}

/* Connects without ever hanging; returns the socket, or -1 with errno. */
static int connect_daemon(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, path, length + 1);
  int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (sock < 0) return -1;
  /* The send timeout bounds connect() too: it waits there while the backlog is full. */
  struct timeval limit = {.tv_sec = kConnectMs / 1000, .tv_usec = kConnectMs % 1000 * 1000};
  (void)setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  while (connect(sock, (struct sockaddr*)&address, sizeof address) != 0) {
    if (errno != EINTR) return -1; /* we exit soon: the socket needs no closing */
  }
  return sock;
}

static int answer_ms(void) {
  const char* named = getenv("OFFHOOK_ANSWER_MS");
  int value = named ? atoi(named) : 0;
  return value > 0 && value <= 60000 ? value : kAnswerMs;
}

static int report_no_connection(const char* path) {
  switch (errno) {
    case EAGAIN:
      complain("the daemon at ", path, " takes no connections: it is overloaded or hangs");
      return give_up("busy");
    case EACCES:
    case EPERM:
      complain("no permission for ", path, ": add Asterisk's user to the socket's group");
      break;
    case ENAMETOOLONG:
      complain("OFFHOOK_SOCKET is too long for a socket path (107 bytes): ", path, "");
      break;
    case EPROTOTYPE:
      complain("the socket ", path, " belongs to another program: correct OFFHOOK_SOCKET");
      break;
    default:
      complain("no daemon at ", path, ": start it with 'systemctl start offhookd'");
  }
  return give_up("unavailable");
}

static const char kClosed[] = " closed the connection: see its log";
static const char kUsage[] =
    "usage: EAGI(offhook-eagi,${UNIQUEID}[,agent=NAME]) in Asterisk's extensions.conf\n"
    "\n"
    "Hands the call to the offhook daemon and waits for its end.  Afterwards the channel variable\n"
    "OFFHOOK_RESULT is ok, unavailable (no daemon), busy or failed, and the dialplan goes on.\n"
    "\n"
    "  --help, --version   as the only argument: print this, or the release, and exit\n"
    "  OFFHOOK_SOCKET      the daemon's socket (default " OFFHOOK_DEFAULT_SOCKET
    ")\n"
    "  OFFHOOK_ANSWER_MS   how long the daemon may take to accept (default 2000)\n";

static int run_by_hand(int argc, char** argv) {
  struct text words = {0};
  int help = argc == 2 && strcmp(argv[1], "--help") == 0;
  int version = argc == 2 && strcmp(argv[1], "--version") == 0;
  if (help || version) {
    append(&words, help ? kUsage : "offhook-eagi " OFFHOOK_RELEASE "\n");
    exit(write_all(STDOUT_FILENO, &words, kAgiReplyMs) == 0 ? 0 : 1);
  }
  if (isatty(STDOUT_FILENO)) {
    append(&words, "offhook-eagi: Asterisk starts this program; to try a call, run 'offhook call'\n");
    (void)write_all(STDERR_FILENO, &words, kAgiReplyMs);
    exit(2);
  }
  return 0;
}

static void prepare_process(void) {
  sigset_t none;
  sigemptyset(&none);
  signal(SIGHUP, SIG_DFL); /* whoever started us may have ignored or blocked it */
  signal(SIGPIPE, SIG_IGN);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (!is_open(STDIN_FILENO) || !is_open(STDOUT_FILENO)) exit(2); /* nobody to talk to */
  if (!is_open(STDERR_FILENO)) (void)open("/dev/null", O_WRONLY); /* or the socket would become fd 2 */
}

int main(int argc, char** argv) {
  static unsigned char packet[OFFHOOK_HELLO_BYTES + OFFHOOK_MAX_PAYLOAD];
  int reason = 0;
  prepare_process();
  run_by_hand(argc, argv);

  int audio = has_audio(); /* before the socket exists: it could become fd 3 */
  const char* path = getenv("OFFHOOK_SOCKET");
  if (!path || !*path) path = OFFHOOK_DEFAULT_SOCKET;
  size_t length = make_hello(packet, argc, argv, audio);
  if (length == 0) {
    complain("too many arguments in the dialplan: at most 128, ", "8192 bytes", " together");
    return give_up("failed");
  }

  int sock = connect_daemon(path);
  if (sock < 0) return report_no_connection(path);
  if (send_hello(sock, packet, length, audio) != 0) {
    complain("the daemon at ", path, kClosed);
    return give_up("failed");
  }
  if (audio) close(kAudioFd); /* the daemon's alone from here: its end of file is the channel's end */

  if (wait_readable(sock, now_ms() + answer_ms()) == 0) {
    complain("the daemon at ", path, " did not answer in time: it is overloaded or hangs");
    return give_up_on_silent_daemon("unavailable");
  }
  int kind = receive_answer(sock, &reason);
  int accepted = kind == OFFHOOK_ACCEPTED;
  if (accepted) kind = receive_answer(sock, &reason); /* blocks for the whole call: the lifeline */
  if (accepted && kind == OFFHOOK_DONE) return 0;

  if (kind == OFFHOOK_BUSY && !accepted) {
    complain("the daemon at ", path, busy_words(reason));
    return give_up("busy");
  }
  if (kind == OFFHOOK_FAILED) {
    complain("the daemon at ", path, failure_words(reason));
  } else if (kind == 0) {
    complain("the daemon at ", path, accepted ? " died during the call: see its log" : kClosed);
  } else {
    complain("what listens at ", path, " does not speak offhook's protocol: correct OFFHOOK_SOCKET");
  }
  return give_up("failed");
}
