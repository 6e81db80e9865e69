/* The head and the tail of a stream, its true size and its digest: output of any length in bounded memory. */
#include "agentd.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_MOST (4u << 20)

void capture_start(struct capture *k, uint32_t cap)
{
    memset(k, 0, sizeof *k);
    k->cap = cap;
    sha256_start(&k->sha);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void capture_add(struct capture *k, const uint8_t *data, size_t size)
{
    k->total += size;
    sha256_add(&k->sha, data, size);
    size_t half = k->cap / 2, n = smaller(size, half - k->head.size);
    put(&k->head, data, n);
    data += n, size -= n;
    if (size > half)
        data += size - half, size = half;
    while (size) {
        if (k->tail.size < half) {
            n = smaller(half - k->tail.size, size);
            put(&k->tail, data, n);
        } else {
            n = smaller(half - k->tail_at, size);
            memcpy(k->tail.data + k->tail_at, data, n);
            k->tail_at = (k->tail_at + n) % half;
        }
        data += n, size -= n;
    }
}

/* u64 total; 32 bytes of digest; u32 + head; u32 + tail */
void capture_put(struct capture *k, struct bytes *b)
{
    uint8_t digest[32];
    sha256_finish(&k->sha, digest);
    put_u64(b, k->total);
    put(b, digest, sizeof digest);
    put_u32(b, (uint32_t)k->head.size);
    put(b, k->head.data, k->head.size);
    put_u32(b, (uint32_t)k->tail.size);
    if (k->tail.size)
        put(b, k->tail.data + k->tail_at, k->tail.size - k->tail_at);
    put(b, k->tail.data, k->tail_at);
}

void capture_free(struct capture *k)
{
    free_bytes(&k->head);
    free_bytes(&k->tail);
}

void capture_some(struct capture *k, int *fd)
{
    static uint8_t block[65536];
    ssize_t n = read(*fd, block, sizeof block);
    if (n > 0)
        capture_add(k, block, (size_t)n);
    else if (n == 0)
        close_fd(fd);
}

/* A writer that never stops cannot hold us here. */
void capture_drain(struct capture *k, int fd)
{
    static uint8_t block[65536];
    ssize_t n;
    for (size_t all = 0; fd >= 0 && all < DRAIN_MOST && (n = read(fd, block, sizeof block)) > 0; all += (size_t)n)
        capture_add(k, block, (size_t)n);
}
