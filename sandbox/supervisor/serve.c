/* PID 1: takes its own identity, then serves the harness until that one ends or falls silent. */
#include "agentd.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct settings settings;
static int reaper;

/* A uid of its own, and one capability that no child keeps: together they keep a root agent from tracing us, from
 * reading our memory and from changing our limits. Returns errno. */
static int take_own_identity(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct caps[2];
    if (prctl(PR_SET_KEEPCAPS, 1))
        return errno;
    if (syscall(SYS_capget, &header, caps))
        return errno;
    if (setgroups(0, NULL) || setresgid(SUPERVISOR_ID, SUPERVISOR_ID, SUPERVISOR_ID)
        || setresuid(SUPERVISOR_ID, SUPERVISOR_ID, SUPERVISOR_ID))
        return errno;
    for (int i = 0; i < 2; i++)
        caps[i].effective = caps[i].permitted, caps[i].inheritable = 0;
    if (syscall(SYS_capset, &header, caps))
        return errno;
    for (int cap = 0; cap < 64; cap++)
        if (!(settings.caps >> cap & 1) && prctl(PR_CAPBSET_READ, cap) == 1)
            settings.shed |= (uint64_t)1 << cap;
    /* Undumpable, our files in /proc would be root's, and a root agent's to write: our place in the kernel's list of
     * victims, for one. As our own they are shut to everybody who lacks our capabilities. */
    return prctl(PR_SET_KEEPCAPS, 0) || prctl(PR_SET_DUMPABLE, 1) ? errno : 0;
}

/* Fills directories of the container from /seed. Returns errno, with the directory that failed. */
static int seed(char **directories, const char **failed)
{
    for (; *directories; directories++) {
        char from[4096] = "/seed";
        strncat(from, *directories, sizeof from - 6);
        int error = seed_directory(from, *directories);
        if (error) {
            *failed = *directories;
            return error;
        }
    }
    return 0;
}

/* u32 uid, gid; u64 caps; u32 lease_ms; text home; list env; list of directories to fill from /seed */
static void hello(uint32_t id, struct cursor *c)
{
    settings.uid = get_u32(c);
    settings.gid = get_u32(c);
    settings.caps = get_u64(c);
    settings.lease_ms = get_u32(c);
    settings.home = get_text(c);
    settings.env = get_list(c);
    char **seeds = get_list(c);
    const char *failed = c->bad ? "hello" : "identity";
    int error = c->bad ? EINVAL : take_own_identity();
    if (!error)
        error = seed(seeds, &failed);
    if (error) {
        send_error(id, error, failed);
    } else {
        relay_start();
        send_frame(ANS_READY, id, NULL);
    }
    free_list(seeds);
}

/* u32 signal: to every process of the agent; the answer is u32, how many were signalled */
static void signal_request(uint32_t id, struct cursor *c)
{
    struct bytes b = { 0 };
    uint32_t number = get_u32(c);
    put_u32(&b, signal_agent((int)number));
    send_frame(ANS_RESULT, id, &b);
    free_bytes(&b);
}

/* the answer is u32, the descriptor that the harness may take out of us */
static void short_cut(uint32_t id)
{
    struct bytes b = { 0 };
    int fd = stream_short_cut();
    if (fd < 0) {
        send_error(id, -fd, "short cut");
        return;
    }
    put_u32(&b, (uint32_t)fd);
    send_frame(ANS_RESULT, id, &b);
    free_bytes(&b);
}

/* what we see of /proc, where no sidecar can be had: it says of the agent's processes what we say, no more */
static void look_around(uint32_t id, struct cursor *c)
{
    struct bytes b = { 0 };
    peek(&b, c);
    if (c->bad)
        send_error(id, EINVAL, "peek");
    else
        send_frame(ANS_RESULT, id, &b);
    free_bytes(&b);
}

static void dispatch(uint8_t type, uint32_t id, struct cursor *c)
{
    if (!settings.env && type != REQ_HELLO) {
        send_error(id, EPROTO, "before hello");
        return;
    }
    switch (type) {
    case REQ_HELLO: hello(id, c); break;
    case REQ_RUN: run(id, c); break;
    case REQ_SHELL: shell(id, c); break;
    case REQ_READ: read_file(id, c); break;
    case REQ_WRITE: write_file(id, c); break;
    case REQ_INSTALL: install(id, c); break;
    case REQ_REMOVE: remove_path(id, c); break;
    case REQ_SIGNAL: signal_request(id, c); break;
    case REQ_RELAY_ANSWER: relay_answer(c); break;
    case REQ_END_SESSION: end_session(id, c); break;
    case REQ_SHORT_CUT: short_cut(id); break;
    case REQ_PEEK: look_around(id, c); break;
    case REQ_PING: send_frame(ANS_PONG, id, NULL); break;
    case REQ_RENEW: break;
    default: send_error(id, ENOSYS, "request");
    }
}

/* Ends after `deadline_us`, or after a second to look at the lease. */
static int patience_ms(int64_t deadline_us)
{
    int64_t left_ms = deadline_us < 0 ? 1000 : (deadline_us - (int64_t)now_us()) / 1000 + 1;
    return left_ms < 0 ? 0 : left_ms > 1000 ? 1000 : (int)left_ms;
}

static void reap(void *owner, short events)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;
    (void)owner, (void)events;
    while (read(reaper, &info, sizeof info) > 0)
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!job_ended(pid, status))
            session_ended(pid, status);
}

static int start_reaper(void)
{
    struct sigaction plain = { .sa_handler = SIG_DFL }, ignore = { .sa_handler = SIG_IGN };
    for (int s = 1; s < 65; s++)
        sigaction(s, &plain, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    return signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool lease_is_over(void)
{
    return settings.lease_ms && now_us() - stream_heard_us() > (uint64_t)settings.lease_ms * 1000;
}

/* The order of watching is the order of serving: what may drop jobs and sessions comes last. */
int serve(void)
{
    reaper = start_reaper();
    if (reaper < 0)
        return 71;
    children_start();
    stream_start(dispatch);
    while (!lease_is_over()) {
        jobs_watch();
        sessions_watch();
        relay_watch();
        watch(reaper, POLLIN, reap, NULL);
        stream_watch();
        if (watch_wait(patience_ms(sessions_deadline(jobs_deadline(-1)))))
            return 72;
        jobs_time_out();
        sessions_time_out();
    }
    return 0;
}
