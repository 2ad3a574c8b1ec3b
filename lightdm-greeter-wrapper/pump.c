/* SPDX-License-Identifier: Apache-2.0 */
#include "pump.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "greeter-wire.h"
#include "relay.h"
#include "util/log.h"

/* What a message may make the relay send: itself, and one of its own. */
#define ROOM (2 * (size_t) GREETER_FRAME_MAX)
#define QUEUE_MAX (2 * ROOM)

/* One direction. */
typedef struct Way {
        Pump *pump;
        const char *from;
        void (*handle)(Relay *relay, const uint8_t *frame, size_t n);
        int in, out;
        sd_event_source *in_source, *out_source;
        uint8_t read[GREETER_FRAME_MAX];
        size_t n_read;
        uint8_t queue[QUEUE_MAX];
        size_t n_queued;
} Way;

struct Pump {
        sd_event *event;
        Relay *relay;
        sd_event_source *step_source;
        Way to_server, to_greeter;
};

/* --- writing ------------------------------------------------------------------------------------------- */

/* Passwords pass here. */
static void consume(uint8_t *buffer, size_t *n, size_t n_consumed) {
        memmove(buffer, buffer + n_consumed, *n - n_consumed);
        explicit_bzero(buffer + *n - n_consumed, n_consumed);
        *n -= n_consumed;
}

static void shut(Way *w) {
        w->in_source = sd_event_source_disable_unref(w->in_source);
        w->out_source = sd_event_source_disable_unref(w->out_source);
        w->in = safe_close(w->in);
        w->out = safe_close(w->out);
        explicit_bzero(w->read, sizeof(w->read));
        explicit_bzero(w->queue, sizeof(w->queue));
        w->n_read = w->n_queued = 0;
}

static void flush(Way *w) {
        ssize_t n;

        if (w->n_queued == 0 || w->out < 0)
                return;
        n = write(w->out, w->queue, w->n_queued);
        if (n > 0)
                consume(w->queue, &w->n_queued, (size_t) n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR)
                shut(w);
}

static void enqueue(Way *w, const uint8_t *frame, size_t n) {
        if (w->out < 0)
                return;
        if (n > sizeof(w->queue) - w->n_queued) {
                log_error("Too much waits behind %s", w->from);
                shut(w);
                return;
        }
        memcpy(w->queue + w->n_queued, frame, n);
        w->n_queued += n;
        flush(w);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static bool is_held(const Way *w) {
        return (w == &w->pump->to_server && relay_is_attempting(w->pump->relay)) ||
               sizeof(w->queue) - w->n_queued < ROOM;
}

/* Handles what has been read. Returns whether there was anything to be handled. */
static bool handle_frames(Way *w) {
        bool any = false;

        while (w->in >= 0 && !is_held(w)) {
                int n = greeter_frame_length(w->read, w->n_read);

                if (n < 0) {
                        log_error("%s sends what is no message", w->from);
                        shut(w);
                }
                if (n <= 0)
                        break;
                w->handle(w->pump->relay, w->read, (size_t) n);
                if (w->in >= 0)
                        consume(w->read, &w->n_read, (size_t) n);
                any = true;
        }
        return any;
}

static void update_sources(Way *w) {
        if (w->in_source)
                (void) sd_event_source_set_enabled(w->in_source, !is_held(w) && w->n_read < sizeof(w->read)
                                                                         ? SD_EVENT_ON
                                                                         : SD_EVENT_OFF);
        if (w->out_source)
                (void) sd_event_source_set_io_events(w->out_source, w->n_queued > 0 ? EPOLLOUT : 0);
}

/* What one way brings may let the other go on. */
static void settle(Pump *p) {
        while (handle_frames(&p->to_greeter) || handle_frames(&p->to_server))
                ;
        update_sources(&p->to_greeter);
        update_sources(&p->to_server);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Way *w = userdata;
        ssize_t n = read(w->in, w->read + w->n_read, sizeof(w->read) - w->n_read);

        if (n > 0)
                w->n_read += (size_t) n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                shut(w);
        settle(w->pump);
        return 0;
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Way *w = userdata;

        /* The reader has gone. */
        if (revents & EPOLLERR)
                shut(w);
        else
                flush(w);
        settle(w->pump);
        return 0;
}

/* --- the relay ----------------------------------------------------------------------------------------- */

static void to_server(const uint8_t *frame, size_t n, void *userdata) {
        enqueue(&((Pump *) userdata)->to_server, frame, n);
}

static void to_greeter(const uint8_t *frame, size_t n, void *userdata) {
        enqueue(&((Pump *) userdata)->to_greeter, frame, n);
}

static int on_step_time(sd_event_source *source, uint64_t usec, void *userdata) {
        Pump *p = userdata;

        relay_give_up(p->relay);
        settle(p);
        return 0;
}

static void step(bool waiting, void *userdata) {
        Pump *p = userdata;

        p->step_source = sd_event_source_disable_unref(p->step_source);
        if (waiting && sd_event_add_time_relative(p->event, &p->step_source, CLOCK_MONOTONIC, PUMP_STEP_USEC,
                                                  0, on_step_time, p) < 0)
                log_error("Cannot set a timer for LightDM's answer");
}

static const RelayOps relay_ops = {to_server, to_greeter, step};

void pump_offer(Pump *p, const char *token) {
        relay_offer(p->relay, token);
        settle(p);
}

/* --- both ---------------------------------------------------------------------------------------------- */

/* What @handle takes from the pipe @in is for the pipe @out. */
static int open_way(Pump *p, Way *w, const char *from, int in, int out,
                    void (*handle)(Relay *relay, const uint8_t *frame, size_t n)) {
        int r;

        w->pump = p;
        w->from = from;
        w->handle = handle;
        w->in = in;
        w->out = out;
        if (fcntl(w->in, F_SETFL, O_NONBLOCK) < 0 || fcntl(w->out, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(w->pump->event, &w->in_source, w->in, EPOLLIN, on_readable, w);
        if (r < 0)
                return r;
        return sd_event_add_io(w->pump->event, &w->out_source, w->out, 0, on_writable, w);
}

int pump_new(Pump **ret, sd_event *event, PumpEnds server, PumpEnds greeter) {
        _cleanup_(pump_freep) Pump *p = g_new0(Pump, 1);
        int r;

        p->event = sd_event_ref(event);
        p->relay = relay_new(&relay_ops, p);
        r = open_way(p, &p->to_server, "the greeter", greeter.in, server.out, relay_from_greeter);
        if (r >= 0)
                r = open_way(p, &p->to_greeter, "LightDM", server.in, greeter.out, relay_from_server);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

Pump *pump_free(Pump *p) {
        if (!p)
                return NULL;
        shut(&p->to_server);
        shut(&p->to_greeter);
        (void) sd_event_source_disable_unref(p->step_source);
        relay_free(p->relay);
        sd_event_unref(p->event);
        g_free(p);
        return NULL;
}
