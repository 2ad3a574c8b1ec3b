/* SPDX-License-Identifier: Apache-2.0 */

/* A virtio-serial port is a pipe to a process on the host that may not be there.
 *
 * While it is not, poll() reports a hangup as a level, read() returns 0 and write() gives EAGAIN: a read of
 * 0 bytes is no end of file, and a loop that polls in the ordinary way spins. We wait edge-triggered, take
 * no single event literally, and ask poll() itself what is the case. One wake-up can get lost in kernels
 * before December 2025, hence port_check().
 *
 * What a host that leaves has not read is thrown away by QEMU. So is our queue then, the rest of a message
 * that is half written included: the next host gets a stream that starts at a message. */

#include "port.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "port-device.h"
#include "util/log.h"
#include "util/secret.h"

#define READ_CHUNK 16384U
#define READ_BUDGET (4 * READ_CHUNK) /* bytes of input before others get their turn */
#define QUEUE_KEEP (64U * 1024)
/* A full socket buffer of the host's is read in a tenth of it. */
#define STALE_USEC (2 * G_USEC_PER_SEC)
#define RETRY_MIN_USEC (100 * UINT64_C(1000))
#define RETRY_MAX_USEC (5 * UINT64_C(1000000))

typedef struct Device {
        Port *port;
        const char *name; /* of the port */
        const char *override;
        char *path; /* of what is open, else NULL */
        int fd;
        bool is_socket;
        bool connected; /* the host's side is there */
        bool failed;    /* refuses what is written */
        bool said_error;
        gint64 stale_until; /* monotonic usec: what the host said before we listened is read until then */
        PortDeviceWatch
                *watch; /* NULL if the kernel has none to give: then it is looked for again and again */
        sd_event_source *io_source, *again_source, *retry_source;
        uint32_t io_events;
        uint64_t retry_usec;
        gint64 opened_usec; /* monotonic */
} Device;

struct Port {
        sd_event *event;
        const ProtocolOps *ops;
        void *protocol;
        const char *device_prefix;
        Device *devices;
        size_t n_devices;
        Device *active;
        GString *queue;
        size_t written; /* of the queue */
        bool congested; /* the device took less than there was, */
        bool drain_due; /* and the protocol has yet to hear that it flows again */
        uint8_t *chunk; /* what is read: a secret, as it may be */
        RateLimit full_limit;
};

static void device_try_open(Device *d);
static void device_look(Device *d);
static void device_look_again(Device *d);

static void queue_reset(Port *p) {
        /* A single large report should not stay in memory for ever. */
        if (p->queue->allocated_len > QUEUE_KEEP) {
                g_string_free(p->queue, true);
                p->queue = g_string_new(NULL);
        } else
                g_string_truncate(p->queue, 0);
        p->written = 0;
        p->congested = false;
}

static void set_active(Port *p, Device *d) {
        const char *name = d ? d->name : p->active->name;

        p->active = d;
        queue_reset(p);
        p->drain_due = false;
        log_full(LOG_INFO, 0, name, NULL, d ? "Port %s: host connected" : "Port %s: host disconnected",
                 name);
        p->ops->link_changed(p->protocol, d);
}

/* Waits for edges: of input while the host is there, of its coming while it is not; of room only where we
 * wait for room, as each consumed message is such an edge. */
static void device_wait(Device *d) {
        uint32_t events = EPOLLIN | EPOLLET;

        if (!d->connected || (d->port->active == d && d->port->congested))
                events |= EPOLLOUT;
        if (d->io_source && events != d->io_events) {
                d->io_events = events;
                (void) sd_event_source_set_io_events(d->io_source, events);
        }
}

static void device_close(Device *d) {
        d->io_source = sd_event_source_disable_unref(d->io_source);
        d->again_source = sd_event_source_disable_unref(d->again_source);
        d->fd = safe_close(d->fd);
        g_clear_pointer(&d->path, g_free);
        d->connected = d->failed = false;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        device_try_open(userdata);
        return 0;
}

/* Tries to open the device again after a while, longer each time. */
static void device_retry(Device *d) {
        int r;

        d->retry_usec = CLAMP(d->retry_usec * 2, RETRY_MIN_USEC, RETRY_MAX_USEC);
        d->retry_source = sd_event_source_disable_unref(d->retry_source);
        r = sd_event_add_time_relative(d->port->event, &d->retry_source, CLOCK_MONOTONIC, d->retry_usec, 0,
                                       on_retry, d);
        if (r < 0)
                log_error_errno(r, "Cannot set a timer to open %s again: %m", d->name);
}

/* The active device's host is gone: another device's host may be waiting. */
static void host_left(Port *p) {
        const Device *left = p->active;

        set_active(p, NULL);
        for (size_t i = 0; i < p->n_devices; i++)
                if (&p->devices[i] != left)
                        device_look_again(&p->devices[i]);
}

/* Whoever shows which port is in use wants to know, also while no host is there. */
static void path_changed(Port *p) {
        if (!p->active)
                p->ops->link_changed(p->protocol, false);
}

/* The device is gone for good (unplugged, terminal or socket closed): another may come in its place. */
static void device_lost(Device *d) {
        /* One that comes and goes at once is worth less haste each time. */
        if (g_get_monotonic_time() - d->opened_usec > (gint64) RETRY_MAX_USEC)
                d->retry_usec = 0;
        device_close(d);
        device_retry(d);
        if (d->port->active == d)
                host_left(d->port);
        else
                path_changed(d->port);
}

static int on_again(sd_event_source *source, void *userdata) {
        device_look(userdata);
        return 0;
}

/* Looks again in the next turn of the loop: an edge does not come twice. */
static void device_look_again(Device *d) {
        if (d->again_source)
                (void) sd_event_source_set_enabled(d->again_source, SD_EVENT_ONESHOT);
        else if (sd_event_add_defer(d->port->event, &d->again_source, on_again, d) >= 0)
                /* Set again from its own callback it would come before all others of its priority. */
                (void) sd_event_source_set_priority(d->again_source, SD_EVENT_PRIORITY_IDLE);
}

typedef enum ReadResult {
        READ_EMPTY,
        READ_MORE, /* there may be more, but it is somebody else's turn */
        READ_NO_HOST,
        READ_LOST,
} ReadResult;

static ReadResult device_read(Device *d) {
        Port *p = d->port;

        for (size_t budget = READ_BUDGET; budget > 0;) {
                ssize_t n = read(d->fd, p->chunk, MIN(READ_CHUNK, budget));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? READ_EMPTY : READ_LOST;
                if (n == 0)
                        return d->is_socket ? READ_LOST : READ_NO_HOST;
                budget -= (size_t) n;
                p->ops->input(p->protocol, p->chunk, (size_t) n);
                explicit_bzero(p->chunk, (size_t) n);
                port_flush(p);
        }
        return READ_MORE;
}

/* Whether a device that reports a hangup is gone for good; with a virtio port, an absent host looks much
 * the same. */
static bool device_is_gone(Device *d) {
        char nothing;

        return d->is_socket || (read(d->fd, &nothing, 0) < 0 && errno == ENODEV);
}

/* Finds out what is the case, and acts on it. */
static void device_look(Device *d) {
        struct pollfd pfd = {.fd = d->fd, .events = POLLIN | POLLOUT};
        ReadResult result = READ_EMPTY;
        Port *p = d->port;

        if (d->fd < 0 || poll(&pfd, 1, 0) < 0)
                return;

        bool host_present = !(pfd.revents & POLLHUP);
        if (!host_present)
                d->stale_until = 0; /* the next host is a new one */
        if (host_present && !p->active)
                set_active(p, d);

        /* What a host sent before it left is read first. A device beside the active one is left alone. */
        if (p->active == d)
                result = device_read(d);
        else if (!host_present && device_is_gone(d))
                result = READ_LOST;

        if (result == READ_LOST || d->failed || pfd.revents & (POLLERR | POLLNVAL)) {
                device_lost(d);
                return;
        }
        if (result == READ_MORE) {
                device_look_again(d);
                return;
        }

        d->connected = host_present && result != READ_NO_HOST;
        if (p->active == d && d->connected) {
                port_flush(p);
                if (p->drain_due && !p->congested) {
                        p->drain_due = false;
                        p->ops->drained(p->protocol);
                }
        }
        device_wait(d);
        if (p->active == d && !d->connected)
                host_left(p);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Device *d = userdata;

        /* Plain input from the host that is there leaves no question to ask poll(). */
        if (revents == EPOLLIN && d->port->active == d && !d->port->congested)
                switch (device_read(d)) {
                case READ_EMPTY:
                        return 0;
                case READ_MORE:
                        device_look_again(d);
                        return 0;
                default:
                        break;
                }
        device_look(d);
        return 0;
}

static int find(Device *d, char **ret) {
        if (!d->override)
                return port_device_find(d->port->device_prefix, d->name, ret);
        *ret = g_strdup(d->override);
        return 0;
}

/* The watch will tell when it is there. */
static void device_missing(Device *d) {
        if (!d->watch)
                device_retry(d);
}

static void device_open_failed(Device *d, const char *path, int error) {
        /* A socket without a listener is a host that is away. */
        bool expected = error == -ECONNREFUSED || error == -EAGAIN;

        if (error == -ENOENT) {
                device_missing(d);
                return;
        }

        if (expected || d->said_error)
                log_debug("Cannot open port %s, will try again: %s", path, g_strerror(-error));
        else if (error == -EBUSY)
                /* The service does not see other processes, so it cannot look for the one. */
                log_full(LOG_WARNING, error, d->name, NULL,
                         "Port %s is in use by another process, perhaps an old guest agent; waiting for it "
                         "(\"fuser %s\" tells which)",
                         path, path);
        else
                log_full(LOG_WARNING, error, d->name, NULL, "Cannot open port %s, will try again: %m", path);
        d->said_error = d->said_error || !expected;
        device_retry(d);
}

static void device_try_open(Device *d) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (d->fd >= 0)
                return;
        r = find(d, &path);
        if (r < 0) {
                device_missing(d);
                return;
        }
        r = port_device_open(path, &d->is_socket);
        if (r < 0) {
                device_open_failed(d, path, r);
                return;
        }

        d->fd = r;
        /* A socket's other end has just been called. */
        d->stale_until = d->is_socket ? 0 : g_get_monotonic_time() + STALE_USEC;
        d->io_events = EPOLLIN | EPOLLOUT | EPOLLET;
        r = sd_event_add_io(d->port->event, &d->io_source, d->fd, d->io_events, on_io, d);
        if (r < 0) {
                device_close(d);
                device_open_failed(d, path, r);
                return;
        }
        d->path = TAKE_PTR(path);
        d->said_error = false;
        d->opened_usec = g_get_monotonic_time();
        d->retry_source = sd_event_source_disable_unref(d->retry_source);
        log_full(LOG_INFO, 0, d->name, NULL, "Port %s opened", d->path);
        device_look(d);
        path_changed(d->port);
}

static void on_appeared(void *userdata) {
        Device *d = userdata;

        d->retry_usec = 0;
        device_try_open(d);
}

static const char *find_override(const PortOverride *overrides, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (g_str_equal(overrides[i].name, name))
                        return overrides[i].path;
        return NULL;
}

Port *port_new(sd_event *event, const ProtocolOps *ops, const char *device_prefix,
               const PortOverride *overrides, size_t n_overrides) {
        Port *p = g_new0(Port, 1);
        bool overridden = false;
        size_t n_names = 0;

        for (; ops->port_names[n_names]; n_names++)
                overridden = overridden || find_override(overrides, n_overrides, ops->port_names[n_names]);

        p->event = sd_event_ref(event);
        p->ops = ops;
        p->device_prefix = device_prefix;
        p->queue = g_string_new(NULL);
        p->chunk = secret_new(READ_CHUNK);
        p->full_limit = (RateLimit){.interval_usec = 60 * UINT64_C(1000000), .burst = 1};
        p->devices = g_new0(Device, n_names);
        for (size_t i = 0; i < n_names; i++) {
                const char *path = find_override(overrides, n_overrides, ops->port_names[i]);

                if (overridden && !path)
                        continue;
                p->devices[p->n_devices++] = (Device){
                        .port = p,
                        .name = ops->port_names[i],
                        .override = path,
                        .fd = -EBADF,
                };
        }
        return p;
}

Port *port_free(Port *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_devices; i++) {
                Device *d = &p->devices[i];

                device_close(d);
                (void) sd_event_source_disable_unref(d->retry_source);
                port_device_watch_free(d->watch);
        }
        g_free(p->devices);
        g_string_free(p->queue, true);
        (void) secret_free(p->chunk, READ_CHUNK);
        sd_event_unref(p->event);
        g_free(p);
        return NULL;
}

void port_start(Port *p, void *protocol) {
        p->protocol = protocol;
        for (size_t i = 0; i < p->n_devices; i++) {
                Device *d = &p->devices[i];
                _cleanup_free_ char *path = d->override ? g_strdup(d->override)
                                                        : g_build_filename(p->device_prefix, d->name, NULL);
                int r = port_device_watch_new(&d->watch, p->event, path, on_appeared, d);

                if (r < 0)
                        log_full(LOG_WARNING, r, d->name, NULL,
                                 "Cannot be notified when port %s appears, will look for it: %m", path);
        }
        for (size_t i = 0; i < p->n_devices; i++)
                device_try_open(&p->devices[i]);
        if (!port_path(p))
                log_info("No port for channel \"%s\" yet; waiting for one", p->ops->name);
}

const char *port_name(const Port *p) {
        return p->active ? p->active->name : p->ops->port_names[0];
}

const char *port_path(const Port *p) {
        if (p->active)
                return p->active->path;
        for (size_t i = 0; i < p->n_devices; i++)
                if (p->devices[i].path)
                        return p->devices[i].path;
        return NULL;
}

bool port_is_connected(const Port *p) {
        return p->active;
}

int port_write(Port *p, const char *data, size_t n) {
        unsigned suppressed;

        if (!p->active)
                return -ENOTCONN;
        if (port_pending(p) + n > p->ops->queue_max) {
                if (rate_limit(&p->full_limit, &suppressed))
                        log_full(LOG_WARNING, 0, p->active->name, NULL,
                                 "Host does not read from %s: dropping messages (%u more before)",
                                 p->active->path, suppressed);
                return -ENOBUFS;
        }
        if (p->written > port_pending(p)) {
                g_string_erase(p->queue, 0, (gssize) p->written);
                p->written = 0;
        }
        g_string_append_len(p->queue, data, (gssize) n);
        return 0;
}

void port_flush(Port *p) {
        while (p->active && port_pending(p) > 0) {
                ssize_t n = write(p->active->fd, p->queue->str + p->written, port_pending(p));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        p->congested = p->drain_due = true;
                        device_wait(p->active);
                        return;
                }
                if (n < 0) {
                        p->active->failed = true;
                        /* Not from here, where the protocol may be in the middle of something. */
                        device_look_again(p->active);
                        return;
                }
                p->written += (size_t) n;
        }
        queue_reset(p);
}

void port_drain(Port *p, uint64_t usec) {
        gint64 deadline = g_get_monotonic_time() + (gint64) usec;

        for (port_flush(p); p->active && port_pending(p) > 0; port_flush(p)) {
                struct pollfd pfd = {.fd = p->active->fd, .events = POLLOUT};
                gint64 left = deadline - g_get_monotonic_time();

                if (left <= 0 || poll(&pfd, 1, (int) (left / 1000) + 1) < 0 || pfd.revents != POLLOUT)
                        return;
        }
}

size_t port_pending(const Port *p) {
        return p->queue->len - p->written;
}

bool port_may_be_stale(const Port *p) {
        return p->active && g_get_monotonic_time() < p->active->stale_until;
}

bool port_is_congested(const Port *p) {
        return p->congested;
}

void port_check(Port *p) {
        for (size_t i = 0; i < p->n_devices; i++)
                device_look(&p->devices[i]);
}
