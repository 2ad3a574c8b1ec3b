/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-heartbeat.h"

#include "ovirt/ovirt-encode.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* "memory-stat" is four fifths of a heartbeat, optional, and the host keeps the last one. It goes out when a
 * figure has moved by a thirty-second of the whole, when the guest swaps or reads much of its programs
 * again, and at least this often. */
#define FULL_INTERVAL_USEC (600 * USEC_PER_SEC)
#define CHANGE_SHARE 32
/* A program that starts has some hundred, once; a guest that lacks memory has thousands, all the time. */
#define MANY_MAJOR_FAULTS 100

/* Events per second, rounded; a counter that went back counts as none. */
static uint64_t rate(uint64_t before, uint64_t now, uint64_t usec) {
        if (now <= before || usec == 0)
                return 0;
        return (uint64_t) ((double) (now - before) * USEC_PER_SEC / (double) usec + 0.5);
}

static bool moved(uint64_t before, uint64_t now, uint64_t whole) {
        return (now > before ? now - before : before - now) > whole / CHANGE_SHARE;
}

static bool is_news(const OvirtHeartbeatState *s, const GuestMemory *m, bool active, uint64_t now_usec) {
        const GuestMemory *t = &s->told;

        return s->told_usec == 0 || now_usec - s->told_usec >= FULL_INTERVAL_USEC || active ||
               s->told_active || t->total != m->total || t->swap_total != m->swap_total ||
               moved(t->free, m->free, m->total) || moved(t->cached, m->cached, m->total) ||
               moved(t->buffers, m->buffers, m->total) || moved(t->swap_free, m->swap_free, m->swap_total);
}

char *ovirt_heartbeat(OvirtHeartbeatState *s, int root_fd, uint64_t now_usec) {
        OvirtHeartbeat h = {
                /* A host that still has the version of the agent before us sees no change, and asks for
                 * nothing, unless the first heartbeat of a process says 0. */
                .api_version = s->sent == 0 ? 0 : OVIRT_API_VERSION_MAX,
        };
        GuestMemory m;

        if (guest_memory_read(root_fd, &m) >= 0) {
                uint64_t elapsed = s->last_usec > 0 ? now_usec - s->last_usec : 0;
                bool active;

                h.swap_in = rate(s->last.swap_in, m.swap_in, elapsed);
                h.swap_out = rate(s->last.swap_out, m.swap_out, elapsed);
                h.faults = rate(s->last.faults, m.faults, elapsed);
                h.major_faults = rate(s->last.major_faults, m.major_faults, elapsed);
                active = h.swap_in > 0 || h.swap_out > 0 || h.major_faults >= MANY_MAJOR_FAULTS;

                /* 0 would mean "no figure". */
                s->free_ram = MAX(m.available / 1024, 1);
                if (is_news(s, &m, active, now_usec) || s->sent < 2) {
                        h.memory = &m;
                        s->told = m;
                        s->told_usec = now_usec;
                        s->told_active = active;
                }
                s->last = m;
                s->last_usec = now_usec;
        }
        h.free_ram = s->free_ram;
        if (s->sent < 2)
                s->sent++;
        return ovirt_encode_heartbeat(&h);
}

void ovirt_heartbeat_forget(OvirtHeartbeatState *s) {
        s->told_usec = 0;
}
