/* Filling a writable place from the image: a copy that never follows a link. */
#include "agentd.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy_file(int from, int to_dir, const char *name, const struct stat *st)
{
    int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int out = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = in < 0 || out < 0 ? errno : 0;
    uint8_t block[65536];
    ssize_t n;
    while (!error && (n = read(in, block, sizeof block)) != 0)
        error = n < 0 ? errno : write_fully(out, block, (size_t)n);
    if (!error && (fchown(out, st->st_uid, st->st_gid) || fchmod(out, st->st_mode & 07777)))
        error = errno;
    struct timespec times[2] = { st->st_mtim, st->st_mtim };
    if (!error && futimens(out, times))
        error = errno;
    close(in);
    close(out);
    return error;
}

static int copy_link(int from, int to_dir, const char *name)
{
    char target[4096];
    ssize_t n = readlinkat(from, name, target, sizeof target - 1);
    if (n < 0)
        return errno;
    target[n] = 0;
    return symlinkat(target, to_dir, name) ? errno : 0;
}

static int copy_tree(int from, int to);

static int copy_dir(int from, int to, const char *name, const struct stat *st)
{
    if (mkdirat(to, name, 0700))
        return errno;
    int a = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int b = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = a < 0 || b < 0 ? errno : copy_tree(a, b);
    if (!error && (fchown(b, st->st_uid, st->st_gid) || fchmod(b, st->st_mode & 07777)))
        error = errno;
    close(a);
    close(b);
    return error;
}

static int copy_entry(int from, int to, const char *name)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
        return errno;
    int error = S_ISREG(st.st_mode) ? copy_file(from, to, name, &st)
        : S_ISLNK(st.st_mode)       ? copy_link(from, to, name)
        : S_ISDIR(st.st_mode)       ? copy_dir(from, to, name, &st)
                                    : 0;
    return error == EEXIST ? 0 : error; /* the engine's own files stand already: hosts, hostname, resolv.conf */
}

static int copy_tree(int from, int to)
{
    DIR *dir = fdopendir(dup(from));
    if (!dir)
        return errno;
    int error = 0;
    struct dirent *e;
    while (!error && (e = readdir(dir)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            error = copy_entry(from, to, e->d_name);
    closedir(dir);
    return error;
}

int seed_directory(const char *from, const char *to)
{
    int a = open_plainly(AT_FDCWD, from, O_RDONLY | O_DIRECTORY, 0);
    int b = open_plainly(AT_FDCWD, to, O_RDONLY | O_DIRECTORY, 0);
    struct stat st;
    int error = a < 0 || b < 0 || fstat(a, &st) ? errno : copy_tree(a, b);
    if (!error && (fchown(b, st.st_uid, st.st_gid) || fchmod(b, st.st_mode & 07777)))
        error = errno;
    close(a);
    close(b);
    return error;
}
