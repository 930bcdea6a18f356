/* The handoff message, byte by byte: what offhook-eagi and the daemon say to each other.
 *
 * One AF_UNIX SOCK_SEQPACKET connection per call.  Every packet is one message; all numbers are
 * little endian.  The twin of this file is engine/offhook/doors/eagi/handoff.py: change both, and
 * raise the version when a byte changes its meaning.
 *
 * hello, launcher to daemon, exactly once, with 2 or 3 descriptors attached (SCM_RIGHTS):
 *
 *   offset  bytes  meaning
 *        0      4  magic "OFFH"
 *        4      2  version, OFFHOOK_VERSION
 *        6      2  flags: bit 0 OFFHOOK_HAS_AUDIO; the others are 0
 *        8      2  argc: number of arguments, at most OFFHOOK_MAX_ARGS
 *       10      2  reserved, 0
 *       12      4  payload length in bytes, at most OFFHOOK_MAX_PAYLOAD; the packet ends there
 *       16      -  payload: argc strings (argv[1] and on), each ended by one NUL byte
 *
 *   descriptors, in this order:
 *     0  command input: what Asterisk prints (AGI header, replies); the launcher's fd 0
 *     1  command output: what Asterisk reads (AGI commands); the launcher's fd 1
 *     2  the caller's audio (EAGI), the launcher's fd 3; present exactly when the flag says so
 *
 * answer, daemon to launcher, at most once of accepted, busy or failed, then at the end of an
 * accepted call once of done or failed:
 *
 *   offset  bytes  meaning
 *        0      4  magic "OFFH"
 *        4      2  version, OFFHOOK_VERSION
 *        6      1  kind: OFFHOOK_ACCEPTED, _BUSY, _FAILED, _DONE
 *        7      1  reason when the kind is busy or failed (OFFHOOK_REASON_*), else 0
 *
 * Whoever shuts its end down for writing without a hello asks only how the daemon is, and is told once:
 * done (a call would be taken), busy, or failed.
 *
 * The connection is the lifeline of both sides.  The launcher's end closes when Asterisk kills the
 * launcher (SIGHUP at hang-up); the daemon's end closes without `done` when the daemon dies.
 */
#ifndef OFFHOOK_HANDOFF_H
#define OFFHOOK_HANDOFF_H

#define OFFHOOK_MAGIC "OFFH"
#define OFFHOOK_VERSION 1
#define OFFHOOK_HAS_AUDIO 0x0001
#define OFFHOOK_HELLO_BYTES 16
#define OFFHOOK_ANSWER_BYTES 8
#define OFFHOOK_MAX_ARGS 128
#define OFFHOOK_MAX_PAYLOAD 8192
#define OFFHOOK_DEFAULT_SOCKET "/run/offhook/offhook.sock"

enum offhook_kind {
  OFFHOOK_ACCEPTED = 1, /* the daemon owns the call now */
  OFFHOOK_BUSY = 2,     /* no place for another call */
  OFFHOOK_FAILED = 3,   /* not taken, or given up; the reason says why */
  OFFHOOK_DONE = 4,     /* the call is over and OFFHOOK_RESULT has been set */
};

enum offhook_reason {
  OFFHOOK_REASON_NONE = 0,
  OFFHOOK_REASON_PROTOCOL = 1,    /* the hello was malformed */
  OFFHOOK_REASON_VERSION = 2,     /* launcher and daemon are of different releases */
  OFFHOOK_REASON_NOT_ALLOWED = 3, /* the launcher's user is not in the socket's group */
  OFFHOOK_REASON_STOPPING = 4,    /* the daemon is shutting down */
  OFFHOOK_REASON_AGENT = 5,       /* the agent named in the arguments cannot be used */
  OFFHOOK_REASON_INTERNAL = 6,    /* see the daemon's log */
  OFFHOOK_REASON_STARTING = 7,    /* busy: the models are not loaded yet; 0 is "every place is taken" */
  OFFHOOK_REASON_UNWELL = 8,      /* busy: nobody could be answered now, see the daemon's log */
};

#endif
