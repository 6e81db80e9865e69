/* Frames from and to the harness: u32 length (of what follows), u8 type, u32 id, payload; all little-endian.
 *
 * Both directions keep their own queue and never wait: a harness that stops in the middle of a frame, or no longer
 * takes our answers, cannot keep us from honouring the end of its lease. */
#include "agentd.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_UNSENT (192u << 20)

static struct bytes incoming, outgoing;
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

static void flush(void)
{
    size_t sent = 0;
    while (sent < outgoing.size) {
        ssize_t n = write(1, outgoing.data + sent, outgoing.size - sent);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0 && errno != EINTR)
            _exit(0); /* nobody is left to serve */
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
static size_t take_frames(void)
{
    size_t taken = 0;
    while (incoming.size - taken >= 9) {
        struct cursor c = { incoming.data + taken, incoming.data + incoming.size, false };
        uint32_t size = get_u32(&c);
        if (size < 5 || size > MAX_FRAME)
            _exit(65);
        if (incoming.size - taken < 4 + (size_t)size)
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
    (void)owner, (void)events;
    static uint8_t block[1 << 18];
    ssize_t n = read(0, block, sizeof block);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        _exit(0); /* dead-man: the harness is gone */
    heard_us = now_us();
    put(&incoming, block, (size_t)n);
    size_t taken = take_frames();
    if (taken)
        drop_front(&incoming, taken);
}

static void go_on_sending(void *owner, short events)
{
    (void)owner, (void)events;
    flush();
}

void stream_watch(void)
{
    if (outgoing.size)
        watch(1, POLLOUT, go_on_sending, NULL);
    watch(0, POLLIN, hear, NULL);
}
