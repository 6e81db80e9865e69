/* Putting files into the container for the harness: any owner, never through a link of any kind. */
#include "agentd.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum entry_kind {
    ENTRY_DIR = 1, ENTRY_FILE, ENTRY_LINK, ENTRY_APPEND,
    ENTRY_NAME, ENTRY_PIECE, ENTRY_SOCKET, ENTRY_GONE,
};

struct entry { uint8_t kind; uint32_t mode, uid, gid; uint64_t mtime_ns; char *path; const uint8_t *data; uint32_t size; };

/* Opens a directory below dir, made where it is missing and an owner is given. Returns -1 with errno. */
static int step_into(int dir, const char *name, const struct entry *owner)
{
    int next = open_plainly(dir, name, O_RDONLY | O_DIRECTORY, 0);
    if (next >= 0 || errno != ENOENT || !owner)
        return next;
    if (mkdirat(dir, name, 0755))
        return -1;
    next = open_plainly(dir, name, O_RDONLY | O_DIRECTORY, 0);
    if (next >= 0 && fchown(next, owner->uid, owner->gid))
        close_fd(&next);
    return next;
}

/* Opens the parent of path; *name is the last component. Never follows a link. Returns -1 with errno. */
static int open_parent(const char *path, const char **name, const struct entry *owner)
{
    char part[256];
    int dir = open_plainly(AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0);
    *name = path + strspn(path, "/");
    for (const char *slash; dir >= 0 && (slash = strchr(*name, '/')); *name = slash + strspn(slash, "/")) {
        size_t length = (size_t)(slash - *name);
        int next = -1;
        errno = ENAMETOOLONG;
        if (length < sizeof part) {
            memcpy(part, *name, length);
            part[length] = 0;
            next = step_into(dir, part, owner);
        }
        int error = errno;
        close(dir);
        errno = error;
        dir = next;
    }
    return dir;
}

/* A regular file of this name alone: one that has other names too gets a new file in its place. */
static int open_own_file(int dir, const char *name, struct stat *st)
{
    int fd = open_plainly(dir, name, O_WRONLY | O_CREAT, 0600);
    if (fd < 0 || fstat(fd, st) || !S_ISREG(st->st_mode) || st->st_nlink == 1)
        return fd;
    close(fd);
    if (unlinkat(dir, name, 0))
        return -1;
    fd = open_plainly(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return fd >= 0 && fstat(fd, st) ? -1 : fd;
}

/* 0 leaves the time as it is. */
static int set_time(int fd, uint64_t mtime_ns)
{
    struct timespec time = { (time_t)(mtime_ns / 1000000000u), (long)(mtime_ns % 1000000000u) };
    struct timespec times[2] = { time, time };
    return mtime_ns && futimens(fd, times) ? errno : 0;
}

static int set_time_of_name(int dir, const char *name, uint64_t mtime_ns)
{
    struct timespec time = { (time_t)(mtime_ns / 1000000000u), (long)(mtime_ns % 1000000000u) };
    struct timespec times[2] = { time, time };
    return mtime_ns && utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) ? errno : 0;
}

/* Gives what was written without error its owner, mode and time, and closes it. */
static int finished(int fd, const struct entry *e, int error)
{
    if (!error && (fchown(fd, e->uid, e->gid) || fchmod(fd, e->mode & 07777)))
        error = errno;
    if (!error)
        error = set_time(fd, e->mtime_ns);
    close(fd);
    return error;
}

static int install_file(int dir, const char *name, const struct entry *e)
{
    struct stat st;
    int fd = open_own_file(dir, name, &st);
    if (fd < 0)
        return errno;
    int error = !S_ISREG(st.st_mode) ? EINVAL : ftruncate(fd, 0) ? errno : write_fully(fd, e->data, e->size);
    return finished(fd, e, error);
}

static int append_to_file(int dir, const char *name, const struct entry *e)
{
    int fd = open_plainly(dir, name, O_WRONLY | O_APPEND, 0);
    if (fd < 0)
        return errno == ENOENT ? install_file(dir, name, e) : errno;
    struct stat st;
    int error = fstat(fd, &st) ? errno : !S_ISREG(st.st_mode) ? EINVAL : write_fully(fd, e->data, e->size);
    close(fd);
    return error;
}

static int install_dir(int dir, const char *name, const struct entry *e)
{
    if (mkdirat(dir, name, 0700) && errno != EEXIST)
        return errno;
    int fd = open_plainly(dir, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return errno;
    return finished(fd, e, 0);
}

static int install_link(int dir, const char *name, const struct entry *e)
{
    char *target = strndup((const char *)e->data, e->size);
    int error = symlinkat(target, dir, name) ? errno : 0;
    if (!error && fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW))
        error = errno;
    if (!error)
        error = set_time_of_name(dir, name, e->mtime_ns);
    free(target);
    return error;
}

/* A further name for the file whose path the data is. */
static int install_name(int dir, const char *name, const struct entry *e)
{
    char *path = strndup((const char *)e->data, e->size);
    const char *other;
    int from = open_parent(path, &other, NULL);
    int error = from < 0 || linkat(from, other, dir, name, 0) ? errno : 0;
    close_fd(&from);
    free(path);
    return error;
}

/* u64 offset, u64 size of the whole file, then the bytes: a hole stays where no piece is written. */
static int install_piece(int dir, const char *name, const struct entry *e)
{
    struct cursor c = { e->data, e->data + e->size, false };
    uint64_t offset = get_u64(&c), size = get_u64(&c);
    struct stat st;
    int fd = open_own_file(dir, name, &st);
    if (fd < 0)
        return errno;
    int error = c.bad || !S_ISREG(st.st_mode) ? EINVAL
        : ftruncate(fd, (off_t)size) || lseek(fd, (off_t)offset, SEEK_SET) < 0
        ? errno : write_fully(fd, c.at, (size_t)(c.end - c.at));
    return finished(fd, e, error);
}

/* A socket that nobody listens on. */
static int install_socket(int dir, const char *name, const struct entry *e)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(name) >= sizeof address.sun_path)
        return ENAMETOOLONG;
    strcpy(address.sun_path, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 || fchdir(dir) || bind(fd, (struct sockaddr *)&address, sizeof address) ? errno : 0;
    if (chdir("/") && !error)
        error = errno;
    close_fd(&fd);
    if (!error && (fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) || fchmodat(dir, name, e->mode & 07777, 0)))
        error = errno;
    return error ? error : set_time_of_name(dir, name, e->mtime_ns);
}

static int install_nothing(int dir, const char *name)
{
    if (!unlinkat(dir, name, 0) || (errno == EISDIR && !unlinkat(dir, name, AT_REMOVEDIR)))
        return 0;
    return errno;
}

static int install_entry(const struct entry *e)
{
    const char *name;
    int dir = open_parent(e->path, &name, e);
    if (dir < 0)
        return errno;
    int error = EINVAL;
    if (*name && e->kind == ENTRY_FILE)
        error = install_file(dir, name, e);
    else if (*name && e->kind == ENTRY_DIR)
        error = install_dir(dir, name, e);
    else if (*name && e->kind == ENTRY_LINK)
        error = install_link(dir, name, e);
    else if (*name && e->kind == ENTRY_APPEND)
        error = append_to_file(dir, name, e);
    else if (*name && e->kind == ENTRY_NAME)
        error = install_name(dir, name, e);
    else if (*name && e->kind == ENTRY_PIECE)
        error = install_piece(dir, name, e);
    else if (*name && e->kind == ENTRY_SOCKET)
        error = install_socket(dir, name, e);
    else if (*name && e->kind == ENTRY_GONE)
        error = install_nothing(dir, name);
    close(dir);
    return error;
}

static void get_entry(struct cursor *c, struct entry *e)
{
    e->kind = get_u8(c);
    e->mode = get_u32(c);
    e->uid = get_u32(c);
    e->gid = get_u32(c);
    e->mtime_ns = get_u64(c);
    e->path = get_text(c);
    e->size = get_u32(c);
    e->data = get_raw(c, e->size);
}

/* u32 count, then per entry: u8 kind; u32 mode, uid, gid; u64 mtime_ns; text path; text data.
 * The answer lists u32 index, u32 errno of each entry that failed. */
void install(uint32_t id, struct cursor *c)
{
    struct bytes failed = { 0 };
    uint32_t count = get_u32(c);
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        struct entry e;
        get_entry(c, &e);
        int error = c->bad ? EINVAL : install_entry(&e);
        free(e.path);
        if (error) {
            put_u32(&failed, i);
            put_u32(&failed, (uint32_t)error);
        }
    }
    if (c->bad)
        send_error(id, EINVAL, "install");
    else
        send_frame(ANS_RESULT, id, &failed);
    free_bytes(&failed);
}

/* text path; the answer is u32 errno */
void remove_path(uint32_t id, struct cursor *c)
{
    char *path = get_text(c);
    const char *name;
    int dir = open_parent(path, &name, NULL);
    int error = dir < 0 ? errno : unlinkat(dir, name, 0) ? errno : 0;
    close_fd(&dir);
    free(path);
    struct bytes b = { 0 };
    put_u32(&b, (uint32_t)error);
    send_frame(ANS_RESULT, id, &b);
    free_bytes(&b);
}
