/* What one round of poll waits for. The list is made anew each round, so nothing in it outlives its owner. */
#include "agentd.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct watcher { ready_handler ready; void *owner; };
static struct pollfd *fds;
static struct watcher *watchers;
static nfds_t count, room;

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void grow(void)
{
    room = room ? room * 2 : 64;
    fds = realloc(fds, room * sizeof *fds);
    watchers = realloc(watchers, room * sizeof *watchers);
    if (!fds || !watchers)
        _exit(70);
}

void watch(int fd, short events, ready_handler ready, void *owner)
{
    if (fd < 0)
        return;
    if (count == room)
        grow();
    fds[count] = (struct pollfd){ fd, events, 0 };
    watchers[count++] = (struct watcher){ ready, owner };
}

/* Waits, calls the handlers of what is ready, and forgets the list. Returns -1 where poll itself failed. */
int watch_wait(int timeout_ms)
{
    nfds_t all = count;
    count = 0;
    if (poll(fds, all, timeout_ms) < 0)
        return errno == EINTR ? 0 : -1;
    for (nfds_t i = 0; i < all; i++)
        if (fds[i].revents)
            watchers[i].ready(watchers[i].owner, fds[i].revents);
    return 0;
}
