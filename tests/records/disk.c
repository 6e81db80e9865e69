/* Stands between Python and the C library: counts the calls that touch files below one folder, lets one of them fail
 * or stop half-way, and writes down what a disk would have to hold. Loaded by LD_PRELOAD, armed by disk.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char root[4096];
static long left = -1;    /* calls until the fault; -1: never */
static int fault;         /* its errno; 0: a short write */
static int journal = -1;  /* descriptor of what is written down */
static char fired[64];    /* the call that was made to fail */

void disk_arm(const char *folder, long nth, int number) {
    snprintf(root, sizeof root, "%s", folder);
    left = nth;
    fault = number;
    fired[0] = 0;
}
void disk_record(const char *folder, int fd) {
    snprintf(root, sizeof root, "%s", folder);
    journal = fd;
}
const char *disk_fired(void) { return fired; }
void disk_note(const char *kind, const char *first, const char *second, long number, const void *data, long size);

static int inside(const char *path) { return root[0] && path && !strncmp(path, root, strlen(root)); }
static const char *path_of(int fd, char *into) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, into, 4095);
    into[size < 0 ? 0 : size] = 0;
    return into;
}
/* Whether this call is the one that fails. */
static int fails(const char *name) {
    if (left < 0 || --left > 0) return 0;
    left = -1;
    snprintf(fired, sizeof fired, "%s", name);
    return 1;
}
void disk_note(const char *kind, const char *first, const char *second, long number, const void *data, long size) {
    if (journal < 0) return;
    char head[9000];
    int length = snprintf(head, sizeof head, "%s\t%s\t%s\t%ld\t%ld\n", kind, first, second, number, size);
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    if (real(journal, head, length) != length || (size && real(journal, data, size) != size)) _exit(99);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, name)
#define FAIL(name, path) \
    if (inside(path) && fails(name)) { errno = fault ? fault : ENOSPC; return -1; }

#define OPEN(symbol) \
int symbol(const char *path, int flags, ...) { \
    REAL(int, #symbol, const char *, int, ...); \
    va_list more; va_start(more, flags); int mode = va_arg(more, int); va_end(more); \
    FAIL("open", path) \
    int there = !access(path, F_OK), fd = real(path, flags, mode); \
    if (fd >= 0 && inside(path) && (flags & (O_CREAT | O_TRUNC)) && (!there || flags & O_TRUNC)) \
        disk_note("make", path, "", 0, "", 0); \
    return fd; \
}
OPEN(open)
OPEN(open64)

#define WRITE(symbol, name, OFFSET_PARAMETER, OFFSET_ARGUMENT, OFFSET_VALUE) \
ssize_t symbol(int fd, const void *data, size_t size OFFSET_PARAMETER) { \
    REAL(ssize_t, #symbol, int, const void *, size_t OFFSET_PARAMETER); \
    char path[4096]; \
    if (!root[0] || !inside(path_of(fd, path))) return real(fd, data, size OFFSET_ARGUMENT); \
    size_t most = size; \
    if (fails(name)) { \
        if (fault) { errno = fault; return -1; } \
        most = size / 2; \
    } \
    ssize_t done = real(fd, data, most OFFSET_ARGUMENT); \
    if (done > 0) disk_note("write", path, "", OFFSET_VALUE, data, done); \
    return done; \
}
#define COMMA ,
WRITE(write, "write", , , lseek(fd, 0, SEEK_CUR) - done)
WRITE(pwrite, "pwrite", COMMA off_t offset, COMMA offset, offset)
WRITE(pwrite64, "pwrite", COMMA off_t offset, COMMA offset, offset)

#define ON_FD(symbol, name, NOTE) \
int symbol(int fd) { \
    REAL(int, #symbol, int); \
    char path[4096]; \
    if (!root[0] || !inside(path_of(fd, path))) return real(fd); \
    FAIL(name, path) \
    int done = real(fd); \
    if (!done) NOTE; \
    return done; \
}
ON_FD(fsync, "fsync", disk_note("sync", path, "", 0, "", 0))
ON_FD(fdatasync, "fdatasync", disk_note("sync", path, "", 0, "", 0))

int close(int fd) {
    REAL(int, "close", int);
    char path[4096];
    int ours = root[0] && inside(path_of(fd, path)), done = real(fd);
    if (ours) FAIL("close", path)
    return done;
}
#define READ(symbol, name, OFFSET_PARAMETER, OFFSET_ARGUMENT) \
ssize_t symbol(int fd, void *data, size_t size OFFSET_PARAMETER) { \
    REAL(ssize_t, #symbol, int, void *, size_t OFFSET_PARAMETER); \
    char path[4096]; \
    if (root[0] && inside(path_of(fd, path))) FAIL(name, path) \
    return real(fd, data, size OFFSET_ARGUMENT); \
}
READ(read, "read", , )
READ(pread, "pread", COMMA off_t offset, COMMA offset)
READ(pread64, "pread", COMMA off_t offset, COMMA offset)

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    FAIL("rename", to)
    int done = real(from, to);
    if (!done && inside(to)) disk_note("rename", from, to, 0, "", 0);
    return done;
}
#define TRUNCATE(symbol) \
int symbol(int fd, off_t size) { \
    REAL(int, #symbol, int, off_t); \
    char path[4096]; \
    if (!root[0] || !inside(path_of(fd, path))) return real(fd, size); \
    FAIL("ftruncate", path) \
    int done = real(fd, size); \
    if (!done) disk_note("truncate", path, "", size, "", 0); \
    return done; \
}
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    FAIL("unlink", path)
    int done = real(path);
    if (!done && inside(path)) disk_note("unlink", path, "", 0, "", 0);
    return done;
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    FAIL("mkdir", path)
    int done = real(path, mode);
    if (!done && inside(path)) disk_note("mkdir", path, "", 0, "", 0);
    return done;
}
int flock(int fd, int operation) {
    REAL(int, "flock", int, int);
    char path[4096];
    if (root[0] && inside(path_of(fd, path))) FAIL("flock", path)
    return real(fd, operation);
}
