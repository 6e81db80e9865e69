/* Commands and file operations: each runs in a process of its own, in a kernel session of its own. */
#include "agentd.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
    struct job *next;
    struct call call;
    pid_t pid;
    int out, err, fail; /* fail: the errno of a child that could not become the command; its end: it has */
    bool detached;
};
static struct job *jobs;

typedef int (*worker)(void *);
struct work { bool as_agent; const char *cwd; worker run; void *argument; };

static struct job *new_job(uint32_t id, uint32_t timeout_ms, uint32_t cap)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        _exit(70);
    call_start(&j->call, id, timeout_ms, cap);
    j->out = j->err = j->fail = -1;
    j->next = jobs;
    return jobs = j;
}

static void finish(struct job *gone)
{
    uint32_t error;
    capture_drain(&gone->call.out, gone->out);
    capture_drain(&gone->call.err, gone->err);
    if (gone->fail >= 0 && read(gone->fail, &error, sizeof error) == sizeof error)
        gone->call.outcome = NOT_STARTED, gone->call.code = error;
    call_answer(&gone->call, gone->pid, false, NULL);
    struct job **at = &jobs;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    close_fd(&gone->out);
    close_fd(&gone->err);
    close_fd(&gone->fail);
    free(gone);
}

static void fail(struct job *j, int error)
{
    j->call.outcome = NOT_STARTED;
    j->call.code = (uint32_t)error;
    finish(j);
}

/* The part of a child that goes on as the command; never returns. */
static void work_in_child(const struct work *w, int fail)
{
    if (w->as_agent)
        become_agent();
    int error = *w->cwd && chdir(w->cwd) ? errno : w->run(w->argument);
    if (error && write(fail, &error, sizeof error) != sizeof error)
        _exit(125);
    _exit(error ? 127 : 0);
}

static int open_pipes(int pipes[3][2])
{
    memset(pipes, -1, 6 * sizeof(int));
    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC))
            return errno;
    return 0;
}

static void close_ends(int pipes[3][2], int end)
{
    for (int i = 0; i < 3; i++)
        close_fd(&pipes[i][end]);
}

static void spawn(struct job *j, bool merged, const struct work *w)
{
    int pipes[3][2], null_fd = null_descriptor();
    int error = open_pipes(pipes);
    if (!error && (j->pid = fork()) < 0)
        error = errno;
    if (!error && j->pid == 0) {
        child_start(null_fd, j->detached ? null_fd : pipes[0][1], j->detached ? null_fd : pipes[merged ? 0 : 1][1]);
        work_in_child(w, pipes[2][1]);
    }
    close_ends(pipes, 1);
    if (error) {
        close_ends(pipes, 0);
        fail(j, error);
        return;
    }
    j->out = pipes[0][0], j->err = pipes[1][0], j->fail = pipes[2][0];
    unblock(j->out), unblock(j->err), unblock(j->fail);
}

/* A service: nobody waits for its end, its output goes nowhere. The answer comes when it runs, and carries its pid. */
static void spawn_detached(struct job *j, const struct work *w)
{
    j->detached = true;
    spawn(j, false, w);
}

static void has_started(void *owner, short events)
{
    struct job *j = owner;
    (void)events;
    j->call.outcome = STARTED;
    j->call.code = (uint32_t)j->pid;
    finish(j);
}

static int exec_command(void *argument)
{
    char **argv = argument;
    step_back();
    environ = settings.env; /* its PATH is where the program is looked for */
    execvp(argv[0], argv);
    return errno;
}

/* u32 flags, timeout_ms, cap; text cwd; list argv */
void run(uint32_t id, struct cursor *c)
{
    uint32_t flags = get_u32(c), timeout_ms = get_u32(c), cap = get_u32(c);
    char *cwd = get_text(c);
    char **argv = get_list(c);
    struct work w = { flags & RUN_AS_AGENT, cwd, exec_command, argv };
    if (c->bad || !argv[0])
        send_error(id, EINVAL, "run");
    else if (flags & RUN_DETACHED)
        spawn_detached(new_job(id, timeout_ms, cap), &w);
    else
        spawn(new_job(id, timeout_ms, cap), flags & RUN_MERGED, &w);
    free(cwd);
    free_list(argv);
}

struct file_work { char *path; uint64_t offset; uint32_t most, flags, mode; const uint8_t *data; uint32_t size; };

static int do_read(void *argument)
{
    struct file_work *w = argument;
    return read_for_agent(w->path, w->offset, w->most, 1);
}

static int do_write(void *argument)
{
    struct file_work *w = argument;
    return write_for_agent(w->path, w->flags, w->mode, w->data, w->size);
}

/* u32 timeout_ms; u64 offset; u32 most; text cwd, path */
void read_file(uint32_t id, struct cursor *c)
{
    struct file_work f = { 0 };
    uint32_t timeout_ms = get_u32(c);
    f.offset = get_u64(c);
    f.most = get_u32(c);
    char *cwd = get_text(c);
    f.path = get_text(c);
    struct work w = { true, cwd, do_read, &f };
    if (c->bad || f.most > MAX_FRAME / 2)
        send_error(id, EINVAL, "read");
    else
        spawn(new_job(id, timeout_ms, (f.most + 64) * 2), false, &w);
    free(cwd);
    free(f.path);
}

/* u32 timeout_ms, flags, mode; text cwd, path, data */
void write_file(uint32_t id, struct cursor *c)
{
    struct file_work f = { 0 };
    uint32_t timeout_ms = get_u32(c);
    f.flags = get_u32(c);
    f.mode = get_u32(c);
    char *cwd = get_text(c);
    f.path = get_text(c);
    f.size = get_u32(c);
    f.data = get_raw(c, f.size);
    struct work w = { true, cwd, do_write, &f };
    if (c->bad)
        send_error(id, EINVAL, "write");
    else
        spawn(new_job(id, timeout_ms, 4096), false, &w);
    free(cwd);
    free(f.path);
}

static void more_output(void *owner, short events)
{
    struct job *j = owner;
    (void)events;
    capture_some(&j->call.out, &j->out);
}

static void more_errors(void *owner, short events)
{
    struct job *j = owner;
    (void)events;
    capture_some(&j->call.err, &j->err);
}

void jobs_watch(void)
{
    for (struct job *j = jobs; j; j = j->next)
        if (j->detached) {
            watch(j->fail, POLLIN, has_started, j);
        } else {
            watch(j->out, POLLIN, more_output, j);
            watch(j->err, POLLIN, more_errors, j);
        }
}

bool job_ended(pid_t pid, int status)
{
    struct job *j = jobs;
    while (j && j->pid != pid)
        j = j->next;
    if (!j)
        return false;
    if (j->detached) {
        has_started(j, 0);
        return true;
    }
    j->call.outcome = WIFEXITED(status) ? EXITED : SIGNALED;
    j->call.code = (uint32_t)(WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    finish(j);
    return true;
}

void jobs_time_out(void)
{
    for (struct job *j = jobs, *next; j; j = next) {
        next = j->next;
        if (!call_overdue(&j->call))
            continue;
        kill_tree(j->pid, NULL);
        j->call.outcome = TIMED_OUT;
        finish(j);
    }
}

int64_t jobs_deadline(int64_t deadline_us)
{
    for (struct job *j = jobs; j; j = j->next)
        deadline_us = call_sooner(&j->call, deadline_us);
    return deadline_us;
}
