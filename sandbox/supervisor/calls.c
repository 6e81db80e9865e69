/* What a command of any kind has: two streams, a deadline, an outcome, and one answer. */
#include "agentd.h"
#include <string.h>

void call_start(struct call *call, uint32_t id, uint32_t timeout_ms, uint32_t cap)
{
    memset(call, 0, sizeof *call);
    call->id = id;
    capture_start(&call->out, cap);
    capture_start(&call->err, cap);
    call->started_us = now_us();
    call->deadline_us = timeout_ms ? call->started_us + (uint64_t)timeout_ms * 1000 : 0;
}

/* u8 outcome; u32 code; u64 microseconds; u8 fresh; u32 pid; captures of output, errors and what came late.
 * Releases the streams of the call. */
void call_answer(struct call *call, pid_t pid, bool fresh, struct capture *late)
{
    struct bytes b = { 0 };
    struct capture nothing;
    capture_start(&nothing, 0);
    put_u8(&b, (uint8_t)call->outcome);
    put_u32(&b, call->code);
    put_u64(&b, now_us() - call->started_us);
    put_u8(&b, fresh);
    put_u32(&b, (uint32_t)pid);
    capture_put(&call->out, &b);
    capture_put(&call->err, &b);
    capture_put(late ? late : &nothing, &b);
    send_frame(ANS_RESULT, call->id, &b);
    free_bytes(&b);
    capture_free(&call->out);
    capture_free(&call->err);
}

bool call_overdue(const struct call *call) { return call->deadline_us && call->deadline_us <= now_us(); }

int64_t call_sooner(const struct call *call, int64_t deadline_us)
{
    int64_t mine = call->deadline_us ? (int64_t)call->deadline_us : -1;
    return mine >= 0 && (deadline_us < 0 || mine < deadline_us) ? mine : deadline_us;
}
