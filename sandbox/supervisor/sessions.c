/* Named shells that live on between calls.
 *
 * A session outlives its shell: when that one exits or is killed, the next call starts another with the same output
 * pipe, so that what earlier background processes write is neither lost nor a reason for them to die. */
#include "agentd.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FD 199
#define LATE_CAP (64u << 10)
#define MOST_STATUS (64u << 10)
#define MOST_SESSIONS 128 /* each holds four descriptors of ours, and the agent chooses their names */

struct session {
    struct session *next;
    char *name;
    pid_t pid; /* of the shell; 0 for none */
    int out, out_end; /* the pipe that all its shells share */
    int in, status;
    struct bytes pending; /* not yet taken by the shell's standard input */
    struct bytes lines;   /* of the status pipe */
    struct capture late;  /* output between two calls */
    bool busy, fresh;
    struct call call;
    struct mark begun;
    char *nonce;
};
static struct session *sessions;
static int session_count;

static struct session *find_session(const char *name)
{
    struct session *s = sessions;
    while (s && strcmp(s->name, name))
        s = s->next;
    return s;
}

static struct session *new_session(const char *name)
{
    int out[2];
    if (session_count >= MOST_SESSIONS) {
        errno = EMFILE;
        return NULL;
    }
    if (pipe2(out, O_CLOEXEC))
        return NULL;
    struct session *s = calloc(1, sizeof *s);
    if (!s || !(s->name = strdup(name)))
        _exit(70);
    s->next = sessions;
    s->out = out[0], s->out_end = out[1];
    s->in = s->status = -1;
    unblock(s->out);
    capture_start(&s->late, LATE_CAP);
    session_count++;
    return sessions = s;
}

/* The part of a fork that becomes the shell; never returns. */
static void become_shell(const struct session *s, int in, int status, const char *cwd)
{
    child_start(in, s->out_end, s->out_end);
    /* It may have that very number already, and would then be closed by the exec. */
    if (status == STATUS_FD ? fcntl(status, F_SETFD, 0) : dup2(status, STATUS_FD) < 0)
        _exit(126);
    keep_orphans();
    step_back();
    become_agent();
    if (chdir(cwd) && chdir(settings.home) && chdir("/"))
        _exit(123);
    execle("/bin/bash", "bash", "--noprofile", "--norc", (char *)NULL, settings.env);
    _exit(127);
}

/* Returns errno. */
static int start_shell(struct session *s, const char *cwd)
{
    int in[2], status[2] = { -1, -1 }, error = 0;
    if (pipe2(in, O_CLOEXEC))
        return errno;
    if (pipe2(status, O_CLOEXEC) || (s->pid = fork()) < 0)
        error = errno;
    else if (s->pid == 0)
        become_shell(s, in[0], status[1], cwd);
    close_fd(&in[0]), close_fd(&status[1]);
    if (error) {
        s->pid = 0;
        close_fd(&in[1]), close_fd(&status[0]);
        return error;
    }
    s->in = in[1], s->status = status[0];
    unblock(s->in), unblock(s->status);
    return 0;
}

static void lose_shell(struct session *s)
{
    s->pid = 0;
    close_fd(&s->in);
    close_fd(&s->status);
    free_bytes(&s->pending);
    free_bytes(&s->lines);
}

static void drop_session(struct session *gone)
{
    struct session **at = &sessions;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    session_count--;
    lose_shell(gone);
    close_fd(&gone->out);
    close_fd(&gone->out_end);
    capture_free(&gone->late);
    free(gone->name);
    free(gone);
}

static void answer(struct session *s, pid_t shell, enum outcome outcome, uint32_t code)
{
    capture_drain(&s->call.out, s->out);
    s->call.outcome = outcome;
    s->call.code = code;
    call_answer(&s->call, shell, s->fresh, &s->late);
    capture_free(&s->late);
    capture_start(&s->late, LATE_CAP);
    free(s->nonce);
    s->nonce = NULL;
    s->busy = false;
}

static void feed(struct session *s)
{
    ssize_t n = s->pending.size ? write(s->in, s->pending.data, s->pending.size) : 0;
    if (n > 0)
        drop_front(&s->pending, (size_t)n);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        free_bytes(&s->pending); /* the shell no longer reads: it ended or is about to */
}

static void begin(struct session *s, const char *start, const char *script)
{
    s->busy = true;
    s->begun = mark_now();
    s->lines.size = 0;
    capture_drain(&s->late, s->out);
    if (s->fresh)
        put(&s->pending, start, strlen(start));
    put(&s->pending, script, strlen(script));
    feed(s);
}

static int ready_shell(struct session **s, const char *name, const char *cwd)
{
    *s = find_session(name);
    if (*s && (*s)->busy)
        return EBUSY;
    bool is_new = !*s;
    if (is_new && !(*s = new_session(name)))
        return errno;
    (*s)->fresh = !(*s)->pid;
    int error = (*s)->fresh ? start_shell(*s, cwd) : 0;
    if (error && is_new)
        drop_session(*s);
    return error;
}

/* u32 timeout_ms, cap; text session, cwd and start (both for a new shell), nonce, script.
 * The script ends by writing "NONCE STATUS" and a newline to STATUS_FD. */
void shell(uint32_t id, struct cursor *c)
{
    uint32_t timeout_ms = get_u32(c), cap = get_u32(c);
    char *name = get_text(c), *cwd = get_text(c), *start = get_text(c), *nonce = get_text(c), *script = get_text(c);
    struct session *s = NULL;
    int error = c->bad ? EINVAL : ready_shell(&s, name, cwd);
    if (error) {
        send_error(id, error, "shell");
        free(nonce);
    } else {
        call_start(&s->call, id, timeout_ms, cap);
        s->nonce = nonce;
        begin(s, start, script);
    }
    free(name), free(cwd), free(start), free(script);
}

static bool take_status(struct session *s, const char *line)
{
    size_t length = s->busy ? strlen(s->nonce) : 0;
    if (!length || strncmp(line, s->nonce, length) || line[length] != ' ')
        return false;
    answer(s, s->pid, EXITED, (uint32_t)strtoul(line + length + 1, NULL, 10));
    return true;
}

static void more_status(void *owner, short events)
{
    struct session *s = owner;
    uint8_t block[4096], *end;
    (void)events;
    ssize_t n = read(s->status, block, sizeof block);
    if (n == 0)
        close_fd(&s->status);
    if (n <= 0)
        return;
    put(&s->lines, block, (size_t)n);
    while ((end = memchr(s->lines.data, '\n', s->lines.size))) {
        *end = 0;
        take_status(s, (char *)s->lines.data);
        drop_front(&s->lines, (size_t)(end + 1 - s->lines.data));
    }
    if (s->lines.size > MOST_STATUS)
        free_bytes(&s->lines); /* not a line of ours */
}

static void more_output(void *owner, short events)
{
    struct session *s = owner;
    (void)events;
    capture_some(s->busy ? &s->call.out : &s->late, &s->out);
}

static void more_room(void *owner, short events)
{
    (void)events;
    feed(owner);
}

void sessions_watch(void)
{
    for (struct session *s = sessions; s; s = s->next) {
        watch(s->out, POLLIN, more_output, s);
        watch(s->status, POLLIN, more_status, s);
        if (s->pending.size)
            watch(s->in, POLLOUT, more_room, s);
    }
}

bool session_ended(pid_t pid, int status)
{
    struct session *s = sessions;
    while (s && s->pid != pid)
        s = s->next;
    if (!s)
        return false;
    lose_shell(s);
    if (s->busy)
        answer(s, pid, SESSION_ENDED, (uint32_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
    return true;
}

void sessions_time_out(void)
{
    for (struct session *s = sessions; s; s = s->next) {
        if (!s->busy || !call_overdue(&s->call))
            continue;
        pid_t shell = s->pid;
        kill_tree(shell, &s->begun);
        lose_shell(s);
        answer(s, shell, TIMED_OUT, 0);
    }
}

int64_t sessions_deadline(int64_t deadline_us)
{
    for (struct session *s = sessions; s; s = s->next)
        if (s->busy)
            deadline_us = call_sooner(&s->call, deadline_us);
    return deadline_us;
}

/* text session */
void end_session(uint32_t id, struct cursor *c)
{
    char *name = get_text(c);
    struct session *s = find_session(name);
    if (s && s->busy)
        s->call.deadline_us = 1;
    else if (s) {
        if (s->pid)
            kill(s->pid, SIGKILL);
        drop_session(s);
    }
    free(name);
    send_frame(ANS_RESULT, id, NULL);
}
