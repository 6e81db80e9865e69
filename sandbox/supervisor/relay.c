/* One request line in, one answer line out: how programs in the container reach the services outside. */
#include "agentd.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS 32
#define MOST_REQUEST (256u << 10)
#define PATIENCE_US 60000000u
#define TOO_LONG "{\"error\":\"the request is too long\"}\n"

enum stage { FREE, TALKING, WAITING, ANSWERED };
struct peer { enum stage stage; int fd; uint32_t number; struct ucred who; struct bytes text; uint64_t since_us; };
static struct peer peers[PEERS];
static int listener = -1;
static uint32_t next_number = 1;

/* An abstract name: no process, root or not, can unlink it. */
void relay_start(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0gateway" };
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(listener, (struct sockaddr *)&name, sizeof name.sun_family + 8) || listen(listener, 256))
        _exit(73);
}

static void dismiss(struct peer *p)
{
    close(p->fd);
    free_bytes(&p->text);
    p->stage = FREE;
}

static struct peer *free_peer(void)
{
    for (struct peer *p = peers; p < peers + PEERS; p++)
        if (p->stage == FREE)
            return p;
    return NULL;
}

static void welcome(void *owner, short events)
{
    (void)owner, (void)events;
    struct peer *p = free_peer();
    int fd = p ? accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
    if (fd < 0)
        return;
    *p = (struct peer){ .stage = TALKING, .fd = fd, .number = next_number++, .since_us = now_us() };
    socklen_t size = sizeof p->who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &p->who, &size))
        dismiss(p);
}

static void speak(struct peer *p)
{
    ssize_t n = send(p->fd, p->text.data, p->text.size, MSG_NOSIGNAL);
    if (n > 0)
        drop_front(&p->text, (size_t)n);
    if (!p->text.size || (n < 0 && errno != EAGAIN && errno != EINTR))
        dismiss(p); /* all said, or the asker left: the request stands in the record */
}

static void tell(struct peer *p, const void *data, size_t size)
{
    p->stage = ANSWERED;
    p->text.size = 0;
    put(&p->text, data, size);
    speak(p);
}

/* u32 pid, uid, gid; then the request line */
static void ask(struct peer *p, size_t length)
{
    struct bytes b = { 0 };
    put_u32(&b, (uint32_t)p->who.pid);
    put_u32(&b, p->who.uid);
    put_u32(&b, p->who.gid);
    put(&b, p->text.data, length);
    p->stage = WAITING;
    send_frame(ANS_RELAY, p->number, &b);
    free_bytes(&b);
}

static void listen_to(struct peer *p)
{
    uint8_t block[16384];
    ssize_t n = read(p->fd, block, sizeof block);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        dismiss(p);
        return;
    }
    uint8_t *end = memchr(block, '\n', (size_t)n);
    size_t before = p->text.size;
    put(&p->text, block, (size_t)n);
    if (end)
        ask(p, before + (size_t)(end - block));
    else if (p->text.size > MOST_REQUEST)
        tell(p, TOO_LONG, sizeof TOO_LONG - 1);
}

static void attend(void *owner, short events)
{
    struct peer *p = owner;
    if (p->stage == TALKING)
        listen_to(p);
    else if (p->stage == ANSWERED)
        speak(p);
    else if (events & (POLLHUP | POLLERR))
        dismiss(p); /* it left before the answer */
}

void relay_watch(void)
{
    static const short wanted[] = { [TALKING] = POLLIN, [WAITING] = 0, [ANSWERED] = POLLOUT };
    for (struct peer *p = peers; p < peers + PEERS; p++) {
        if (p->stage != FREE && now_us() - p->since_us > PATIENCE_US)
            dismiss(p);
        if (p->stage != FREE)
            watch(p->fd, wanted[p->stage], attend, p);
    }
    if (free_peer()) /* else they queue */
        watch(listener, POLLIN, welcome, NULL);
}

/* u32 number; text answer */
void relay_answer(struct cursor *c)
{
    uint32_t number = get_u32(c), size = get_u32(c);
    const uint8_t *data = get_raw(c, size);
    for (struct peer *p = peers; data && p < peers + PEERS; p++)
        if (p->stage == WAITING && p->number == number)
            tell(p, data, size);
}
