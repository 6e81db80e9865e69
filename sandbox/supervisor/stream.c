/* Frames from and to the harness: u32 length (of what follows), u8 type, u32 id, payload; all little-endian.
 *
 * They come over the stream that the engine attached, whose end is the harness's end, and over a short cut past the
 * engine's processes once the harness has taken its end of that. Both directions keep their own queue and never wait: a harness that stops in the middle of a frame, or no longer
 * takes our answers, cannot keep us from honouring the end of its lease. */
#include "agentd.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_UNSENT (192u << 20)

static struct channel { int fd; struct bytes incoming; } attached = { 0, { 0 } }, direct = { -1, { 0 } };
static int for_harness = -1, answers = 1; /* the end that the harness takes; where answers go */
static struct bytes outgoing;
static frame_taker taker;
static uint64_t heard_us;

void stream_start(frame_taker take)
{
    unblock(0);
    unblock(1);
    taker = take;
    heard_us = now_us();
}

uint64_t stream_heard_us(void) { return heard_us; }

/* Makes the short cut: the descriptor that the harness may take out of us, or -errno. */
int stream_short_cut(void)
{
    int ends[2];
    if (direct.fd >= 0)
        return -EBUSY;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        return -errno;
    direct.fd = ends[0];
    return for_harness = ends[1];
}

/* In a child that does not become another program at once. */
void stream_forget(void)
{
    close_fd(&direct.fd);
    close_fd(&for_harness);
}

/* The attached stream is still there, and its end decides what becomes of us. */
static void lose_short_cut(void)
{
    stream_forget();
    answers = 1;
}

static void flush(void)
{
    size_t sent = 0;
    while (sent < outgoing.size) {
        ssize_t n = write(answers, outgoing.data + sent, outgoing.size - sent);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0 && errno != EINTR && answers == 1)
            _exit(0); /* nobody is left to serve */
        if (n < 0 && errno != EINTR)
            lose_short_cut();
        sent += n > 0 ? (size_t)n : 0;
    }
    if (sent)
        drop_front(&outgoing, sent);
    if (outgoing.size > MOST_UNSENT)
        _exit(74);
}

void send_frame(enum answer type, uint32_t id, const struct bytes *payload)
{
    put_u32(&outgoing, (uint32_t)(5 + (payload ? payload->size : 0)));
    put_u8(&outgoing, (uint8_t)type);
    put_u32(&outgoing, id);
    if (payload)
        put(&outgoing, payload->data, payload->size);
    flush();
}

void send_error(uint32_t id, int error, const char *what)
{
    struct bytes b = { 0 };
    put_u32(&b, (uint32_t)error);
    put(&b, what, strlen(what));
    send_frame(ANS_ERROR, id, &b);
    free_bytes(&b);
}

/* Hands on every complete frame; returns how many bytes they took. */
static size_t take_frames(const struct bytes *incoming)
{
    size_t taken = 0;
    while (incoming->size - taken >= 9) {
        struct cursor c = { incoming->data + taken, incoming->data + incoming->size, false };
        uint32_t size = get_u32(&c);
        if (size < 5 || size > MAX_FRAME)
            _exit(65);
        if (incoming->size - taken < 4 + (size_t)size)
            break;
        uint8_t type = get_u8(&c);
        uint32_t id = get_u32(&c);
        c.end = c.at + size - 5;
        taker(type, id, &c);
        taken += 4 + (size_t)size;
    }
    return taken;
}

static void hear(void *owner, short events)
{
    static uint8_t block[1 << 18];
    struct channel *from = owner;
    ssize_t n = read(from->fd, block, sizeof block);
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 && from == &attached)
        _exit(0); /* dead-man: the harness is gone */
    if (n <= 0) {
        lose_short_cut();
        return;
    }
    if (from == &direct) {
        close_fd(&for_harness);
        answers = direct.fd;
    }
    heard_us = now_us();
    put(&from->incoming, block, (size_t)n);
    size_t taken = take_frames(&from->incoming);
    if (taken)
        drop_front(&from->incoming, taken);
}

static void go_on_sending(void *owner, short events)
{
    (void)owner, (void)events;
    flush();
}

void stream_watch(void)
{
    if (outgoing.size)
        watch(answers, POLLOUT, go_on_sending, NULL);
    if (direct.fd >= 0)
        watch(direct.fd, POLLIN, hear, &direct);
    watch(attached.fd, POLLIN, hear, &attached);
}
