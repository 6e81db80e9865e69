/* Opening without following links, and the reading and writing of the agent's tools, which run as the agent. */
#include "agentd.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One step after the other, for a kernel that knows no openat2 (gVisor's, whose filter may not know it either). */
static int open_by_steps(int dir, const char *path, int flags, mode_t mode)
{
    int at = *path == '/' ? open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : dir;
    path += strspn(path, "/");
    for (bool last = false; at >= 0 && !last;) {
        char part[256];
        size_t length = strcspn(path, "/");
        const char *rest = path + length + strspn(path + length, "/");
        int next = -1, error = length < sizeof part ? 0 : ENAMETOOLONG;
        last = !*rest;
        if (!error) {
            memcpy(part, length ? path : ".", length ? length : 1);
            part[length ? length : 1] = 0;
            next = openat(at, part, last ? flags : O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, mode);
            error = errno;
        }
        if (at != dir)
            close(at);
        errno = error;
        at = next;
        path = rest;
    }
    return at;
}

int open_plainly(int dir, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    return fd < 0 && (errno == ENOSYS || errno == EPERM) ? open_by_steps(dir, path, (int)how.flags, (mode_t)how.mode) : fd;
}

int write_fully(int fd, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        data += n, size -= (size_t)n;
    }
    return 0;
}

/* In the agent's identity, in a process of its own: u32 errno, u64 size, then the bytes. */
int read_for_agent(const char *path, uint64_t offset, uint32_t most, int out)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat st = { 0 };
    int error = fd < 0 || fstat(fd, &st) ? errno : S_ISDIR(st.st_mode) ? EISDIR : S_ISREG(st.st_mode) ? 0 : EINVAL;
    struct bytes head = { 0 };
    put_u32(&head, (uint32_t)error);
    put_u64(&head, (uint64_t)st.st_size);
    if (write_fully(out, head.data, head.size))
        return 1;
    uint8_t block[65536];
    while (!error && most) {
        ssize_t n = pread(fd, block, most < sizeof block ? most : sizeof block, (off_t)offset);
        if (n <= 0 || write_fully(out, block, (size_t)n))
            break;
        offset += (uint64_t)n, most -= (uint32_t)n;
    }
    return 0;
}

static int make_parents(const char *path)
{
    char *copy = strdup(path);
    int error = 0;
    for (char *slash = strchr(copy + 1, '/'); slash && !error; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0755) && errno != EEXIST)
            error = errno;
        *slash = '/';
    }
    free(copy);
    return error;
}

int write_for_agent(const char *path, uint32_t flags, uint32_t mode, const uint8_t *data, size_t size)
{
    int error = flags & WRITE_PARENTS ? make_parents(path) : 0;
    if (error)
        return error;
    int how = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (flags & WRITE_APPEND ? O_APPEND : O_TRUNC);
    int fd = open(path, how, mode);
    if (fd < 0)
        return errno;
    struct stat st;
    return fstat(fd, &st) ? errno : S_ISREG(st.st_mode) ? write_fully(fd, data, size) : EINVAL;
}
