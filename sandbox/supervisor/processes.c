/* Who runs in the container, by its own /proc: to end the processes of a call, and to signal those of the agent. */
#include "agentd.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST 4096
#define PASSES 20
#define MOURNING_US 500000

struct process { long pid, parent, session; uint64_t start; char state; bool chosen; };
struct list { struct process of[MOST]; int count; };

static ssize_t read_text(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, room - 1);
    close_fd(&fd);
    text[n > 0 ? n : 0] = 0;
    return n;
}

/* Clock ticks since boot, as /proc counts start times, and the newest process id: together they split equal ticks. */
struct mark mark_now(void)
{
    char text[128];
    struct timespec t;
    read_text("/proc/loadavg", text, sizeof text);
    char *last = strrchr(text, ' ');
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mark){ (uint64_t)t.tv_sec * 100 + (uint64_t)t.tv_nsec / 10000000, last ? atol(last) : 0 };
}

static bool is_newer(const struct process *p, const struct mark *mark)
{
    return !mark || p->start > mark->ticks || (p->start == mark->ticks && p->pid > mark->pid);
}

static bool look_at(const char *name, struct process *p)
{
    char path[64], text[1024];
    unsigned long long start;
    snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    if (read_text(path, text, sizeof text) <= 0)
        return false;
    char *rest = strrchr(text, ')');
    *p = (struct process){ .pid = atol(name) };
    /* state, parent, group, session, then fifteen fields up to the start time */
    if (!rest || sscanf(rest + 2, "%c %ld %*d %ld %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                        &p->state, &p->parent, &p->session, &start) != 4)
        return false;
    p->start = start;
    return p->state != 'Z' && p->pid != 1;
}

static void list_processes(struct list *all)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    all->count = 0;
    while (proc && all->count < MOST && (e = readdir(proc)))
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && look_at(e->d_name, &all->of[all->count]))
            all->count++;
    if (proc)
        closedir(proc);
}

static bool is_chosen(const struct list *all, long pid)
{
    for (int i = 0; i < all->count; i++)
        if (all->of[i].pid == pid)
            return all->of[i].chosen;
    return false;
}

/* Chooses the descendants of root, and those orphans that kept its session; older ones and their children never. */
static void choose_tree(struct list *all, pid_t root, const struct mark *newer_than)
{
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < all->count; i++) {
            struct process *p = &all->of[i];
            bool ours = p->parent == root || is_chosen(all, p->parent) || (p->parent == 1 && p->session == root);
            if (!p->chosen && ours && p->pid != root && is_newer(p, newer_than))
                p->chosen = more = true;
        }
    }
}

static bool met_before(const struct list *met, const struct process *p)
{
    for (int i = 0; i < met->count; i++)
        if (met->of[i].pid == p->pid && met->of[i].start == p->start)
            return true;
    return false;
}

static bool still_there(const struct process *met)
{
    char name[24];
    struct process now;
    snprintf(name, sizeof name, "%ld", met->pid);
    return look_at(name, &now) && now.start == met->start;
}

/* A killed process takes a moment to go: who looks right after us should not see it any more. */
static void wait_until_gone(const struct list *met)
{
    uint64_t deadline = now_us() + MOURNING_US;
    for (int i = 0; i < met->count; i++)
        while (still_there(&met->of[i]) && now_us() < deadline)
            usleep(500);
}

/* Kills root and its processes. All are stopped first, so that none can fork while others are being killed. */
void kill_tree(pid_t root, const struct mark *newer_than)
{
    static struct list all, met;
    char name[24];
    snprintf(name, sizeof name, "%d", root);
    met.count = look_at(name, &met.of[0]);
    kill(root, SIGSTOP);
    for (int pass = 0, fresh = 1; pass < PASSES && fresh; pass++) {
        fresh = 0;
        list_processes(&all);
        choose_tree(&all, root, newer_than);
        for (int i = 0; i < all.count; i++)
            if (all.of[i].chosen && !met_before(&met, &all.of[i]) && met.count < MOST) {
                kill((pid_t)all.of[i].pid, SIGSTOP);
                met.of[met.count++] = all.of[i];
                fresh++;
            }
    }
    for (int i = met.count; i-- > 0;) /* root last: the kernel wakes what a leader leaves behind stopped */
        kill((pid_t)met.of[i].pid, SIGKILL);
    wait_until_gone(&met);
}

static bool is_ours(long pid)
{
    char path[64], text[1024];
    unsigned effective = SUPERVISOR_ID;
    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    if (read_text(path, text, sizeof text) <= 0)
        return true; /* gone */
    char *line = strstr(text, "\nUid:");
    struct stat st;
    snprintf(path, sizeof path, "/proc/%ld", pid);
    if (line ? sscanf(line, "\nUid: %*u %u", &effective) != 1 : stat(path, &st))
        return true;
    if (!line) /* gVisor's kernel tells it in no other way */
        effective = st.st_uid;
    return effective == SUPERVISOR_ID || effective == ASIDE_ID;
}

/* Signals every process that has neither our identity nor the sidecar's; returns how many. */
uint32_t signal_agent(int number)
{
    static struct list all;
    uint32_t signalled = 0;
    list_processes(&all);
    for (int i = 0; i < all.count; i++)
        if (!is_ours(all.of[i].pid))
            signalled += !kill((pid_t)all.of[i].pid, number);
    return signalled;
}
