/* The sidecar's view of the agent's files: through descriptors of its mounts, by paths that no link can redirect. */
#include "agentd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_ROOTS 64
#define MOST_ENTRIES 200000
#define MOST_DEPTH 128
#define WHOLE_BYTES (8u << 20)
#define DATA_BYTES (512u << 20)
#define BLOCK (1u << 20)

static int roots[MOST_ROOTS];
static uint32_t root_count;

int open_beneath(int dir, const char *path, uint64_t flags)
{
    struct open_how how = {
        .flags = flags | O_NOFOLLOW | O_CLOEXEC | (flags & O_PATH ? 0 : O_NONBLOCK),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof how);
}

static int root_at(struct cursor *c)
{
    uint32_t index = get_u32(c);
    c->bad |= index >= root_count;
    return c->bad ? -1 : roots[index];
}

/* u32 count and texts, places of mounts; the answer is an errno each. They stay open when the container is dead. */
void aside_roots(struct bytes *b, struct cursor *c)
{
    int top = open("/proc/1/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint32_t count = get_u32(c);
    for (uint32_t i = 0; i < count && !c->bad && root_count < MOST_ROOTS; i++) {
        char *path = get_text(c);
        int fd = top < 0 || !path ? -1 : open_beneath(top, path + (*path == '/'), O_RDONLY | O_DIRECTORY);
        put_u32(b, fd < 0 ? (uint32_t)errno : 0);
        roots[root_count++] = fd;
        free(path);
    }
    close_fd(&top);
}

struct walk { struct bytes *out; dev_t device; uint32_t entries; bool complete; };

static void put_status(struct walk *w, int dir, const char *name, const char *path, const struct stat *st)
{
    char target[4096];
    ssize_t n = S_ISLNK(st->st_mode) ? readlinkat(dir, name, target, sizeof target) : 0;
    struct bytes *b = w->out;
    put_u32(b, (uint32_t)strlen(path));
    put(b, path, strlen(path));
    put_u32(b, st->st_mode);
    put_u32(b, st->st_uid);
    put_u32(b, st->st_gid);
    put_u32(b, (uint32_t)st->st_nlink);
    put_u64(b, (uint64_t)st->st_size);
    put_u64(b, st->st_ino);
    put_u64(b, st->st_dev);
    put_u64(b, (uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec);
    put_u32(b, n > 0 ? (uint32_t)n : 0);
    put(b, target, n > 0 ? (size_t)n : 0);
    w->entries++;
}

static bool gone(int error) { return error == ENOENT || error == ESTALE; }

static void walk(struct walk *w, int dir, const char *path, int depth)
{
    DIR *names = fdopendir(dir);
    struct dirent *e;
    if (!names) {
        w->complete = false;
        close(dir);
        return;
    }
    while ((e = readdir(names))) {
        struct stat st;
        char *inner;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (w->entries >= MOST_ENTRIES || w->out->size > MAX_FRAME / 2) {
            w->complete = false;
            break;
        }
        if (fstatat(dirfd(names), e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
            w->complete &= gone(errno);
            continue;
        }
        if (asprintf(&inner, "%s/%s", path, e->d_name) < 0)
            _exit(70);
        put_status(w, dirfd(names), e->d_name, inner, &st);
        if (S_ISDIR(st.st_mode) && st.st_dev == w->device) {
            int fd = depth < MOST_DEPTH ? openat(dirfd(names), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                                        : -1;
            if (fd >= 0)
                walk(w, fd, inner, depth + 1);
            else
                w->complete &= depth < MOST_DEPTH && gone(errno);
        }
        free(inner);
    }
    closedir(names);
}

/* u32 root; the answer is u8 complete, then each entry below it, the root first. */
void aside_walk(struct bytes *b, struct cursor *c)
{
    struct walk w = { .out = b, .complete = true };
    struct stat st;
    int root = root_at(c);
    put_u8(b, 1);
    if (root < 0 || fstat(root, &st)) {
        b->data[0] = 0;
        return;
    }
    w.device = st.st_dev;
    put_status(&w, root, ".", "", &st);
    int fd = open_beneath(root, "", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        w.complete = false;
    else
        walk(&w, fd, "", 0);
    b->data[0] = w.complete;
}

static bool add_extents(struct sha256 *s, int fd, off_t size)
{
    static uint8_t block[BLOCK + 8];
    char head[64];
    size_t read_so_far = 0;
    sha256_add(s, (uint8_t *)head, (size_t)snprintf(head, sizeof head, "extents of %lld bytes", (long long)size));
    for (off_t at = 0; read_so_far < DATA_BYTES;) {
        at = lseek(fd, at, SEEK_DATA);
        if (at < 0)
            return true;
        ssize_t n = pread(fd, block + 8, BLOCK, at);
        if (n < 0)
            return false;
        for (int i = 0; i < 8; i++)
            block[i] = (uint8_t)((uint64_t)at >> 8 * i);
        sha256_add(s, block, 8 + (size_t)n);
        at += n;
        read_so_far += (size_t)n;
        if (!n || at >= size)
            return true;
    }
    return false;
}

static bool add_whole(struct sha256 *s, int fd)
{
    static uint8_t block[BLOCK];
    ssize_t n = 0;
    for (off_t at = 0; at < WHOLE_BYTES && (n = pread(fd, block, BLOCK, at)) > 0; at += n)
        sha256_add(s, block, (size_t)n);
    return n >= 0;
}

static uint32_t digest_file(int root, const char *path, uint8_t digest[32])
{
    struct stat st;
    struct sha256 s;
    int fd = open_beneath(root, path, O_RDONLY);
    if (fd < 0)
        return (uint32_t)errno;
    bool is_file = !fstat(fd, &st) && S_ISREG(st.st_mode);
    sha256_start(&s);
    bool whole = is_file && (st.st_size <= WHOLE_BYTES ? add_whole(&s, fd) : add_extents(&s, fd, st.st_size));
    close(fd);
    sha256_finish(&s, digest);
    return whole ? 0 : EIO;
}

/* u32 count, then per item u32 root and text path; the answer is u32 errno and 32 bytes each. */
void aside_digest(struct bytes *b, struct cursor *c)
{
    uint32_t count = get_u32(c);
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        uint8_t digest[32] = { 0 };
        int root = root_at(c);
        char *path = get_text(c);
        put_u32(b, root < 0 || !path ? EBADF : digest_file(root, path + (*path == '/'), digest));
        put(b, digest, sizeof digest);
        free(path);
    }
}

/* u32 root, text path, u64 offset, u32 most; the answer is u32 errno and the bytes of a regular file. */
void aside_read(struct bytes *b, struct cursor *c)
{
    struct stat st;
    int root = root_at(c);
    char *path = get_text(c);
    uint64_t offset = get_u64(c);
    uint32_t most = get_u32(c);
    if (c->bad || most > MAX_FRAME / 2) {
        c->bad = true;
        free(path);
        return;
    }
    int fd = root < 0 ? -1 : open_beneath(root, path + (*path == '/'), O_RDONLY);
    uint32_t error = fd < 0 ? (uint32_t)errno : fstat(fd, &st) || !S_ISREG(st.st_mode) ? EINVAL : 0;
    uint8_t *data = malloc(most ? most : 1);
    ssize_t n = error || !data ? 0 : pread(fd, data, most, (off_t)offset);
    put_u32(b, error ? error : n < 0 ? EIO : 0);
    put(b, data, n > 0 ? (size_t)n : 0);
    free(data);
    free(path);
    close_fd(&fd);
}
