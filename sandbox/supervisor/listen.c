/* The mediation listener, on the host: takes the filter's descriptor out of the container's first process, and writes
 * one record of every mediated act before it answers. It lives as long as that process, whatever becomes of the
 * harness. While it is dead nothing mediated happens: the harness holds a copy of the descriptor, so that callers wait
 * instead of failing.
 *
 * Record, little-endian: u32 length of what follows; u64 monotonic ns; u32 host pid, parent, session (host numbers);
 * u32 kind (0 exec, 1 signal, 2 connect); i32 a, b (target and signal); then NUL-ended texts: path, arguments.
 */
#include "agentd.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define MOST_ARGUMENTS 64
#define MOST_TEXT 1024
enum { KIND_EXEC, KIND_SIGNAL, KIND_CONNECT };

static uint64_t monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int take_listener(int process)
{
    int fd = -1;
    for (int tries = 0; process >= 0 && fd < 0 && tries < 50000; tries++) {
        fd = (int)syscall(SYS_pidfd_getfd, process, LISTENER_FD, 0);
        if (fd < 0 && errno != EBADF)
            break;
        if (fd < 0)
            usleep(200);
    }
    return fd;
}

/* Reads up to `most` bytes without crossing into a page that may not be there, then goes on into the next one. */
static size_t read_remote(pid_t pid, uint64_t address, void *into, size_t most)
{
    size_t got = 0;
    while (got < most) {
        size_t n = PAGE - ((address + got) & (PAGE - 1));
        if (n > most - got)
            n = most - got;
        struct iovec here = { (char *)into + got, n }, there = { (void *)(uintptr_t)(address + got), n };
        ssize_t r = process_vm_readv(pid, &here, 1, &there, 1, 0);
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    return got;
}

#define CUT "\xe2\x80\xa6" /* an ellipsis: here is more than is recorded */

static void put_remote_text(struct bytes *b, pid_t pid, uint64_t address)
{
    char text[MOST_TEXT];
    size_t done = 0;
    bool cut = true;
    while (address && done < sizeof text - 1) { /* page by page: most texts are short */
        size_t n = PAGE - ((address + done) & (PAGE - 1));
        n = n < 256 ? n : 256;
        n = n < sizeof text - 1 - done ? n : sizeof text - 1 - done;
        size_t got = read_remote(pid, address + done, text + done, n);
        char *end = memchr(text + done, 0, got);
        done = end ? (size_t)(end - text) : done + got;
        cut = !end && got == n;
        if (!cut)
            break;
    }
    put(b, text, done);
    put(b, CUT, cut && address ? strlen(CUT) : 0);
    put_u8(b, 0);
}

static void put_arguments(struct bytes *b, pid_t pid, uint64_t array)
{
    uint64_t pointers[MOST_ARGUMENTS + 1];
    size_t got = read_remote(pid, array, pointers, sizeof pointers) / sizeof *pointers, i = 0;
    for (; i < got && i < MOST_ARGUMENTS && pointers[i]; i++)
        put_remote_text(b, pid, pointers[i]);
    if (i == MOST_ARGUMENTS && i < got && pointers[i])
        put(b, CUT, sizeof CUT);
}

static void put_address(struct bytes *b, pid_t pid, uint64_t address, uint64_t length)
{
    uint8_t raw[128];
    char hex[sizeof raw * 2 + 1] = "";
    size_t got = read_remote(pid, address, raw, length < sizeof raw ? length : sizeof raw);
    for (size_t i = 0; i < got; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
    put(b, hex, 2 * got + 1);
}

static void put_relatives(struct bytes *b, pid_t pid)
{
    char path[64], text[512] = "";
    unsigned parent = 0, session = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    char *rest = strrchr(text, ')');
    if (rest)
        sscanf(rest + 2, "%*c %u %*d %u", &parent, &session);
    put_u32(b, parent);
    put_u32(b, session);
}

/* What an exec by descriptor names: the path of the descriptor, then the name below it if there is one. */
static void put_descriptor_path(struct bytes *b, pid_t pid, int fd)
{
    char link[64], path[MOST_TEXT];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, fd);
    ssize_t n = readlink(link, path, sizeof path);
    put(b, path, n > 0 ? (size_t)n : 0);
}

static void put_exec(struct bytes *b, pid_t pid, const __u64 *a, bool at)
{
    char first = 0;
    if (at && (int)a[0] != AT_FDCWD && read_remote(pid, a[1], &first, 1) == 1 && first != '/') {
        put_descriptor_path(b, pid, (int)a[0]);
        if (first)
            put(b, "/", 1);
    }
    put_remote_text(b, pid, a[at]);
    put_arguments(b, pid, a[at + 1]);
}

/* The process behind a descriptor, as the container counts; 0 where it is gone. */
static uint32_t behind_descriptor(pid_t pid, int fd)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
    int info = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = info < 0 ? 0 : read(info, text, sizeof text - 1);
    if (info >= 0)
        close(info);
    text[n > 0 ? n : 0] = 0;
    char *line = strstr(text, "\nNSpid:"), *end = line ? strchr(line + 1, '\n') : NULL;
    if (!end)
        return 0;
    *end = 0;
    return (uint32_t)strtoul(strrchr(line, '\t') + 1, NULL, 10);
}

static void put_signal(struct bytes *b, pid_t pid, int number, const __u64 *a)
{
    bool thread = number == SYS_tgkill || number == SYS_rt_tgsigqueueinfo;
    put_u32(b, number == SYS_pidfd_send_signal ? behind_descriptor(pid, (int)a[0]) : (uint32_t)a[thread]);
    put_u32(b, (uint32_t)a[thread ? 2 : 1]);
}

static void put_act(struct bytes *b, const struct seccomp_notif *act)
{
    const __u64 *a = act->data.args;
    pid_t pid = (pid_t)act->pid;
    int number = act->data.nr;
    bool exec = number == SYS_execve || number == SYS_execveat;
    put_u32(b, exec ? KIND_EXEC : number == SYS_connect ? KIND_CONNECT : KIND_SIGNAL);
    if (exec || number == SYS_connect) {
        put_u32(b, number == SYS_execve ? 0 : (uint32_t)a[0]);
        put_u32(b, (uint32_t)number);
    }
    if (exec)
        put_exec(b, pid, a, number == SYS_execveat);
    else if (number == SYS_connect)
        put_address(b, pid, a[1], a[2]);
    else
        put_signal(b, pid, number, a);
}

static uint64_t most_log; /* the agent decides how fast it grows: past this nothing mediated happens any more */
static int log_file = -1;

static int write_to_log(const struct bytes *framed)
{
    static uint64_t written;
    written += framed->size;
    return written <= most_log && write(log_file, framed->data, framed->size) == (ssize_t)framed->size ? 0 : -1;
}

static int record(act_sink sink, const struct seccomp_notif *act)
{
    static struct bytes b, framed;
    b.size = framed.size = 0;
    put_u64(&b, monotonic_ns());
    put_u32(&b, act->pid);
    put_relatives(&b, (pid_t)act->pid);
    put_act(&b, act);
    put_u32(&framed, (uint32_t)b.size);
    put(&framed, b.data, b.size);
    return sink(&framed);
}

/* An act whose record could not be written is not answered: the caller waits, and the harness sees us gone. */
static int answer(int fd, act_sink sink)
{
    struct seccomp_notif act = { 0 };
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &act))
        return errno == ENOENT || errno == EINTR ? 0 : -1;
    if (record(sink, &act))
        return -1;
    struct seccomp_notif_resp go_on = { .id = act.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &go_on) && errno != ENOENT)
        return -1;
    return 0;
}

int serve_acts(int fd, int process, act_sink sink)
{
    struct pollfd wait[2] = { { fd, POLLIN, 0 }, { process, POLLIN, 0 } };
    while (poll(wait, 2, -1) > 0 || errno == EINTR) {
        if (wait[0].revents & POLLIN && answer(fd, sink))
            return 2;
        if (wait[1].revents || (!(wait[0].revents & POLLIN) && wait[0].revents & (POLLHUP | POLLERR)))
            return 0;
    }
    return 3;
}

int listen_from_outside(int argc, char **argv)
{
    (void)argc;
    most_log = strtoull(argv[4], NULL, 10);
    log_file = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int process = (int)syscall(SYS_pidfd_open, atoi(argv[2]), 0);
    int fd = log_file < 0 || process < 0 ? -1 : take_listener(process);
    if (fd < 0) {
        fprintf(stderr, "agentd: listen: %s\n", strerror(errno));
        return 1;
    }
#ifdef SECCOMP_IOCTL_NOTIF_SET_FLAGS
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1UL); /* wake the listener on the caller's processor, where known */
#else
    ioctl(fd, _IOW('!', 4, __u64), 1UL);
#endif
    printf("%d\n", fd);
    fflush(stdout);
    return serve_acts(fd, process, write_to_log);
}
