/* Looks at places below /proc that the harness names: for the sidecar, and for PID 1 where nobody else can look. */
#include "agentd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_PEEK (1u << 20)
#define MOST_NODES 4096

/* A place below /proc. What a process has as its root is the agent's: no link of it is followed. */
static int open_place(const char *path, int flags)
{
    int number = 0, used = 0, top, fd, error;
    char root[64];
    if (sscanf(path, "/proc/%d/root/%n", &number, &used) != 1 || !used)
        return open(path, flags | O_NOFOLLOW | O_CLOEXEC);
    snprintf(root, sizeof root, "/proc/%d/root", number);
    top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    fd = top < 0 ? -1 : open_beneath(top, path + used, (uint64_t)flags);
    error = top < 0 && errno == ENOENT ? ESRCH : errno;
    close_fd(&top);
    errno = error;
    return fd;
}

static void put_file(struct bytes *b, const char *path)
{
    static uint8_t block[MOST_PEEK];
    size_t got = 0;
    ssize_t n = -1;
    int fd = open_place(path, O_RDONLY), error = errno;
    while (fd >= 0 && got < sizeof block && (n = read(fd, block + got, sizeof block - got)) > 0)
        got += (size_t)n;
    if (fd >= 0 && n < 0)
        error = errno;
    put_u32(b, fd < 0 || n < 0 ? (uint32_t)error : 0);
    put_u32(b, (uint32_t)got);
    put(b, block, got);
    close_fd(&fd);
}

static void put_link(struct bytes *b, const char *path)
{
    char target[4096];
    ssize_t n = readlink(path, target, sizeof target);
    put_u32(b, n < 0 ? (uint32_t)errno : 0);
    put_u32(b, n < 0 ? 0 : (uint32_t)n);
    put(b, target, n < 0 ? 0 : (size_t)n);
}

static void put_node(struct bytes *b, const struct stat *st)
{
    put_u32(b, st->st_mode);
    put_u32(b, st->st_uid);
    put_u64(b, st->st_dev);
    put_u64(b, st->st_rdev);
}

static void put_answer(struct bytes *b, int error, struct bytes *found)
{
    put_u32(b, (uint32_t)error);
    put_u32(b, error ? 0 : (uint32_t)found->size);
    put(b, found->data, error ? 0 : found->size);
    free_bytes(found);
}

static void put_place(struct bytes *b, const char *path)
{
    struct bytes found = { 0 };
    struct stat st;
    int fd = open_place(path, O_PATH), error = fd < 0 || fstat(fd, &st) ? errno : 0;
    if (!error)
        put_node(&found, &st);
    close_fd(&fd);
    put_answer(b, error, &found);
}

/* What is in a directory, each name before what it stands for. */
static void put_directory(struct bytes *b, const char *path)
{
    struct bytes found = { 0 };
    struct dirent *e;
    struct stat st;
    int fd = open_place(path, O_RDONLY | O_DIRECTORY), error = fd < 0 ? errno : 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (uint32_t count = 0; dir && !error && (e = readdir(dir));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (count++ >= MOST_NODES)
            error = E2BIG;
        else if (!fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
            put_u32(&found, (uint32_t)strlen(e->d_name));
            put(&found, e->d_name, strlen(e->d_name));
            put_node(&found, &st);
        } else if (errno != ENOENT)
            error = errno;
    }
    if (dir)
        closedir(dir);
    put_answer(b, error, &found);
}

static bool climbs(const char *path)
{
    size_t size = strlen(path);
    return strstr(path, "/../") || (size > 2 && !strcmp(path + size - 3, "/.."));
}

/* u32 count, then per item u8 kind and text path below /proc; the answers are u32 errno and text each. */
void peek(struct bytes *b, struct cursor *c)
{
    uint32_t count = get_u32(c);
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        uint8_t kind = get_u8(c);
        char *path = get_text(c);
        if (!path || strncmp(path, "/proc/", 6) || climbs(path)) {
            put_u32(b, EACCES);
            put_u32(b, 0);
        } else if (kind == 'r')
            put_file(b, path);
        else if (kind == 'l')
            put_link(b, path);
        else if (kind == 's')
            put_place(b, path);
        else
            put_directory(b, path);
        free(path);
    }
}
