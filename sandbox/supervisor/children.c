/* Becoming the agent, and the part of a fork that goes on as something else. */
#include "agentd.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int null_fd = -1;

void children_start(void)
{
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        _exit(71);
}

int null_descriptor(void) { return null_fd; }

void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void unblock(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Drops to the agent's identity and keeps just the capabilities that its profile names. */
void become_agent(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct caps[2] = { { 0 } };
    for (int cap = 0; cap < 64; cap++)
        if (settings.shed >> cap & 1 && prctl(PR_CAPBSET_DROP, cap))
            _exit(124);
    prctl(PR_SET_KEEPCAPS, settings.caps != 0);
    if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, settings.gid, settings.gid, settings.gid)
        || syscall(SYS_setresuid, settings.uid, settings.uid, settings.uid))
        _exit(124);
    caps[0].effective = caps[0].permitted = (uint32_t)settings.caps;
    caps[1].effective = caps[1].permitted = (uint32_t)(settings.caps >> 32);
    if (syscall(SYS_capset, &header, caps))
        _exit(124);
    prctl(PR_SET_KEEPCAPS, 0);
}

/* What its descendants leave behind stays its own, also in sessions of their own: a time limit reaches all of it.
 * For a shell, which buries whoever dies below it; another program would let the dead pile up. */
void keep_orphans(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); }

/* The host may have put us before everybody: what is not ours has no part in that. What reads or writes a file for the
 * agent has: a storm of processes must not keep it waiting. */
void step_back(void) { setpriority(PRIO_PROCESS, 0, 0); }

/* First victim of the kernel when memory runs out, leader of a session, plain signals, these three streams. */
void child_start(int in, int out, int err)
{
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score < 0 || write(score, "900", 3) != 3)
        _exit(126);
    close(score);
    setsid();
    stream_forget();
    /* A child that kept our own streams would speak to the harness in our name. */
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(126);
    struct sigaction plain = { .sa_handler = SIG_DFL };
    sigaction(SIGPIPE, &plain, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(022);
}
