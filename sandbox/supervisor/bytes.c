/* Growing buffers, and reading a payload from front to back. Numbers are little-endian. */
#include "agentd.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *or_exit(void *memory)
{
    if (!memory)
        _exit(70);
    return memory;
}

void put(struct bytes *b, const void *data, size_t size)
{
    if (b->size + size > b->room) {
        b->room = (b->size + size) * 2;
        b->data = or_exit(realloc(b->data, b->room));
    }
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

void put_u8(struct bytes *b, uint8_t v) { put(b, &v, 1); }

void put_u32(struct bytes *b, uint32_t v)
{
    uint8_t raw[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };
    put(b, raw, 4);
}

void put_u64(struct bytes *b, uint64_t v)
{
    put_u32(b, (uint32_t)v);
    put_u32(b, (uint32_t)(v >> 32));
}

void drop_front(struct bytes *b, size_t size)
{
    b->size -= size;
    if (b->size)
        memmove(b->data, b->data + size, b->size);
    else if (b->room > 1u << 20)
        free_bytes(b); /* what was large once need not stay so */
}

void free_bytes(struct bytes *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

const uint8_t *get_raw(struct cursor *c, size_t size)
{
    if (c->bad || (size_t)(c->end - c->at) < size) {
        c->bad = true;
        return NULL;
    }
    c->at += size;
    return c->at - size;
}

uint8_t get_u8(struct cursor *c)
{
    const uint8_t *p = get_raw(c, 1);
    return p ? *p : 0;
}

uint32_t get_u32(struct cursor *c)
{
    const uint8_t *p = get_raw(c, 4);
    return p ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : 0;
}

uint64_t get_u64(struct cursor *c)
{
    uint64_t low = get_u32(c);
    uint64_t high = get_u32(c);
    return low | high << 32;
}

char *get_text(struct cursor *c)
{
    uint32_t size = get_u32(c);
    const uint8_t *raw = get_raw(c, size);
    char *text = or_exit(calloc(1, raw ? (size_t)size + 1 : 1));
    if (raw)
        memcpy(text, raw, size);
    return text;
}

char **get_list(struct cursor *c)
{
    uint32_t count = get_u32(c);
    if (count > 65536)
        c->bad = true, count = 0;
    char **list = or_exit(calloc(count + 1, sizeof *list));
    for (uint32_t i = 0; i < count; i++)
        list[i] = get_text(c);
    return list;
}

void free_list(char **list)
{
    for (char **text = list; *text; text++)
        free(*text);
    free(list);
}
