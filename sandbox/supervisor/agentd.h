/* agentd: launcher, supervisor (PID 1) and mediation listener of one container, in one static program.
 *
 *   agentd launch          container command: installs the mediation filter, then becomes `serve`
 *   agentd serve           PID 1: runs commands, sessions and file operations asked for on standard input
 *   agentd aside           the evidence sidecar, in a container beside the agent's that shares its process namespace
 *   agentd hold            keeps an empty network namespace until standard input ends
 *   agentd listen PID LOG MOST  on the host: takes the filter's listener out of PID and records every mediated act
 *
 * What PID 1 says about the conduct of the agent is grade G0: it runs inside. The listener's records are G3.
 */
#ifndef AGENTD_H
#define AGENTD_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LISTENER_FD 100
#define FIRST_PID 64 /* of the first process after PID 1, or a multiple of it */
#define SUPERVISOR_ID 65000 /* a uid and gid of its own: a root agent without CAP_KILL cannot reach it */
#define ASIDE_ID 65001 /* of the sidecar, which no agent can signal */
#define MAX_FRAME (64u << 20)

enum request {
    REQ_HELLO = 1, REQ_RUN, REQ_SHELL, REQ_READ, REQ_WRITE, REQ_INSTALL, REQ_SIGNAL, REQ_RENEW,
    REQ_RELAY_ANSWER, REQ_END_SESSION, REQ_PING, REQ_REMOVE, REQ_SHORT_CUT, REQ_PEEK,
};
enum answer { ANS_READY = 101, ANS_RESULT, ANS_RELAY, ANS_ERROR, ANS_PONG, ANS_ACT };
enum question { ASK_PEEK = 31, ASK_ROOTS, ASK_WALK, ASK_DIGEST, ASK_READ, ASK_KILL, ASK_SYNC };
enum outcome { EXITED, SIGNALED, TIMED_OUT, NOT_STARTED, SESSION_ENDED, STARTED };
enum run_flags { RUN_AS_AGENT = 1, RUN_MERGED = 2, RUN_DETACHED = 4 };
enum write_flags { WRITE_PARENTS = 1, WRITE_APPEND = 2 };

struct settings { /* from HELLO; fixed for the life of the container */
    uint32_t uid, gid;
    uint64_t caps;  /* capabilities that the agent's processes keep */
    uint64_t shed;  /* what we hold and they lose */
    uint32_t lease_ms;
    char **env;
    char *home;
};
extern struct settings settings;

/* bytes.c: growing buffers, and reading a payload from front to back */
struct bytes { uint8_t *data; size_t size, room; };
void put(struct bytes *b, const void *data, size_t size);
void put_u8(struct bytes *b, uint8_t v);
void put_u32(struct bytes *b, uint32_t v);
void put_u64(struct bytes *b, uint64_t v);
void drop_front(struct bytes *b, size_t size);
void free_bytes(struct bytes *b);

struct cursor { const uint8_t *at, *end; bool bad; };
uint8_t get_u8(struct cursor *c);
uint32_t get_u32(struct cursor *c);
uint64_t get_u64(struct cursor *c);
const uint8_t *get_raw(struct cursor *c, size_t size);
char *get_text(struct cursor *c);  /* u32 length + bytes; the caller frees */
char **get_list(struct cursor *c); /* u32 count + texts, ended by NULL; the caller frees */
void free_list(char **list);

/* stream.c: frames from and to the harness; neither direction ever makes us wait */
typedef void (*frame_taker)(uint8_t type, uint32_t id, struct cursor *body);
void stream_start(frame_taker take);
void stream_watch(void);
uint64_t stream_heard_us(void);
int stream_short_cut(void);
void stream_forget(void);
void send_frame(enum answer type, uint32_t id, const struct bytes *payload);
void send_error(uint32_t id, int error, const char *what);

/* watch.c: what one round of poll waits for; handlers run in the order in which they were added */
typedef void (*ready_handler)(void *owner, short events);
void watch(int fd, short events, ready_handler ready, void *owner);
int watch_wait(int timeout_ms);
uint64_t now_us(void);

/* sha256.c */
struct sha256 { uint32_t h[8]; uint64_t length; uint8_t block[64]; };
void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const uint8_t *data, size_t size);
void sha256_finish(struct sha256 *s, uint8_t out[32]);

/* capture.c: the head and the tail of a stream, its true size and its digest */
struct capture {
    uint64_t total;
    uint32_t cap;
    struct sha256 sha;
    struct bytes head, tail; /* tail is a ring once it holds cap / 2 */
    size_t tail_at;
};
void capture_start(struct capture *k, uint32_t cap);
void capture_add(struct capture *k, const uint8_t *data, size_t size);
void capture_put(struct capture *k, struct bytes *b);
void capture_free(struct capture *k);
void capture_some(struct capture *k, int *fd);  /* one read; closes and forgets a stream that ended */
void capture_drain(struct capture *k, int fd);  /* all that is there now */

/* calls.c: what a command of any kind has: streams, a deadline, an outcome */
struct call {
    uint32_t id;
    struct capture out, err;
    uint64_t started_us, deadline_us; /* 0: none */
    enum outcome outcome;
    uint32_t code;
};
void call_start(struct call *call, uint32_t id, uint32_t timeout_ms, uint32_t cap);
void call_answer(struct call *call, pid_t pid, bool fresh, struct capture *late);
bool call_overdue(const struct call *call);
int64_t call_sooner(const struct call *call, int64_t deadline_us); /* the nearer of two deadlines; -1: none */

/* children.c: becoming the agent, and the part of a fork that goes on as something else */
void children_start(void);
void become_agent(void);
void child_start(int in, int out, int err);
void keep_orphans(void);
void step_back(void);
int null_descriptor(void);
void close_fd(int *fd);
void unblock(int fd);

/* processes.c: who runs in the container, by its own /proc */
struct mark { uint64_t ticks; long pid; }; /* a moment: every process is older or newer */
struct mark mark_now(void);
void kill_tree(pid_t root, const struct mark *newer_than);
uint32_t signal_agent(int number);

/* jobs.c: commands and file operations that run in a process of their own */
void run(uint32_t id, struct cursor *c);
void read_file(uint32_t id, struct cursor *c);
void write_file(uint32_t id, struct cursor *c);
void jobs_watch(void);
bool job_ended(pid_t pid, int status);
void jobs_time_out(void);
int64_t jobs_deadline(int64_t deadline_us);

/* sessions.c: named shells that live on between calls */
void shell(uint32_t id, struct cursor *c);
void end_session(uint32_t id, struct cursor *c);
void sessions_watch(void);
bool session_ended(pid_t pid, int status);
void sessions_time_out(void);
int64_t sessions_deadline(int64_t deadline_us);

/* files.c and install.c */
int open_plainly(int dir, const char *path, int flags, mode_t mode);
int write_fully(int fd, const uint8_t *data, size_t size);
int read_for_agent(const char *path, uint64_t offset, uint32_t most, int out);
int write_for_agent(const char *path, uint32_t flags, uint32_t mode, const uint8_t *data, size_t size);
int seed_directory(const char *from, const char *to);
void install(uint32_t id, struct cursor *c);
void remove_path(uint32_t id, struct cursor *c);

/* relay.c */
void relay_start(void);
void relay_watch(void);
void relay_answer(struct cursor *c);

/* listen.c: what the listener on the host and the sidecar share */
typedef int (*act_sink)(const struct bytes *framed); /* 0: the record is kept, and the act may go on */
int take_listener(int process);
int serve_acts(int fd, int process, act_sink sink);

/* peek.c */
void peek(struct bytes *b, struct cursor *c);

/* aside.c and aside_files.c */
void aside_say(enum answer type, uint32_t id, const struct bytes *payload);
int open_beneath(int dir, const char *path, uint64_t flags);
void aside_roots(struct bytes *b, struct cursor *c);
void aside_walk(struct bytes *b, struct cursor *c);
void aside_digest(struct bytes *b, struct cursor *c);
void aside_read(struct bytes *b, struct cursor *c);
int aside(void);

int launch(char **argv);
int serve(void);
int hold(void);
int listen_from_outside(int argc, char **argv);

#endif
