/* The evidence sidecar: a second container in the agent's process namespace, for a harness that has no rights over the
 * agent's processes itself. Takes the mediation listener out of PID 1, reads files and /proc, kills everybody; speaks
 * to the harness over its attached stream, in the frames of `serve`. Everything that the harness asks for is named by
 * number or by a path that no link can redirect.
 *
 * An act's record is in the stream, out of our reach, before the act is answered. A harness that takes nothing makes
 * acts wait. Our end closes the listener: whatever is mediated then fails.
 */
#include "agentd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KILL_US 2000000

static pthread_mutex_t speaking = PTHREAD_MUTEX_INITIALIZER;

void aside_say(enum answer type, uint32_t id, const struct bytes *payload)
{
    struct bytes b = { 0 };
    put_u32(&b, (uint32_t)(5 + payload->size));
    put_u8(&b, (uint8_t)type);
    put_u32(&b, id);
    put(&b, payload->data, payload->size);
    pthread_mutex_lock(&speaking);
    if (write_fully(1, b.data, b.size))
        _exit(0); /* the harness is gone */
    pthread_mutex_unlock(&speaking);
    free_bytes(&b);
}

/* Only what evidence needs: other users' processes, their files whatever their mode, and their end. */
static void shed_rights(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct caps[2] = { { 0 } };
    caps[0].effective = caps[0].permitted = 1u << CAP_SYS_PTRACE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_KILL;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_KEEPCAPS, 1) || syscall(SYS_setgroups, 0, NULL)
        || syscall(SYS_setresgid, ASIDE_ID, ASIDE_ID, ASIDE_ID) || syscall(SYS_setresuid, ASIDE_ID, ASIDE_ID, ASIDE_ID)
        || syscall(SYS_capset, &header, caps) || prctl(PR_SET_KEEPCAPS, 0))
        _exit(124);
}

static int say_act(const struct bytes *framed)
{
    aside_say(ANS_ACT, 0, framed);
    return 0;
}

static void *serve_listener(void *descriptors)
{
    int *both = descriptors;
    _exit(serve_acts(both[0], both[1], say_act) ? 2 : 0); /* without acts there is nothing to be here for */
    return NULL;
}

static uint32_t others(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    uint32_t count = 0;
    while (proc && (e = readdir(proc))) {
        long pid = atol(e->d_name);
        count += pid > 1 && pid != getpid();
    }
    if (proc)
        closedir(proc);
    return proc ? count : UINT32_MAX;
}

/* One call reaches everybody but PID 1 and us, forks in flight included. u32 who is left, u64 microseconds. */
static void kill_all(struct bytes *b)
{
    uint64_t start = now_us();
    uint32_t left;
    while (kill(-1, SIGKILL), (left = others()) && now_us() - start < KILL_US)
        usleep(500);
    put_u32(b, left);
    put_u64(b, now_us() - start);
}

static void answer(uint8_t type, uint32_t id, struct cursor *c)
{
    struct bytes b = { 0 };
    switch (type) {
    case ASK_PEEK: peek(&b, c); break;
    case ASK_ROOTS: aside_roots(&b, c); break;
    case ASK_WALK: aside_walk(&b, c); break;
    case ASK_DIGEST: aside_digest(&b, c); break;
    case ASK_READ: aside_read(&b, c); break;
    case ASK_KILL: kill_all(&b); break;
    case ASK_SYNC: break;
    default: c->bad = true;
    }
    aside_say(c->bad ? ANS_ERROR : ANS_RESULT, id, &b);
    free_bytes(&b);
}

static bool read_exactly(void *into, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = read(0, (char *)into + got, size - got);
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        got += n > 0 ? (size_t)n : 0;
    }
    return true;
}

int aside(void)
{
    static int descriptors[2];
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    pthread_t thread;
    uint32_t size;
    shed_rights();
    for (int s = 1; s < 32; s++) /* only SIGKILL, and the end of our stream, end us */
        if (s != SIGSEGV && s != SIGBUS && s != SIGABRT && s != SIGFPE && s != SIGILL)
            sigaction(s, &ignore, NULL);
    descriptors[1] = (int)syscall(SYS_pidfd_open, 1, 0);
    descriptors[0] = descriptors[1] < 0 ? -1 : take_listener(descriptors[1]);
    if (descriptors[0] < 0) {
        dprintf(2, "agentd: aside: %s\n", strerror(errno));
        return 1;
    }
    struct bytes none = { 0 };
    aside_say(ANS_READY, 0, &none);
    if (pthread_create(&thread, NULL, serve_listener, descriptors))
        return 2;
    while (read_exactly(&size, sizeof size)) {
        if (size < 5 || size > MAX_FRAME)
            return 65;
        uint8_t *frame = malloc(size);
        if (!frame || !read_exactly(frame, size))
            break;
        struct cursor c = { frame, frame + size, false };
        uint8_t type = get_u8(&c);
        uint32_t id = get_u32(&c);
        answer(type, id, &c);
        free(frame);
    }
    return 0;
}
