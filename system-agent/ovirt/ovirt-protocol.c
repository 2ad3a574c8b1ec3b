/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-protocol.h"

#include <fcntl.h>
#include <string.h>

#include "channels.h"
#include "config.h"
#include "ovirt/ovirt-collect.h"
#include "ovirt/ovirt-commands.h"
#include "ovirt/ovirt-encode.h"
#include "ovirt/ovirt-heartbeat.h"
#include "ovirt/ovirt-message.h"
#include "ovirt/ovirt-reports.h"
#include "ovirt/ovirt-sessions.h"
#include "port.h"
#include "services.h"
#include "util/line-buffer.h"
#include "util/log.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

/* A machine counts as up with its first heartbeat, and the second one gets the version agreed on: neither
 * waits for the configured rate. */
#define FIRST_BEAT_USEC (500 * USEC_PER_MSEC)
#define SECOND_BEAT_USEC (1 * USEC_PER_SEC)
/* How late a heartbeat may be, so that wake-ups can come together. */
#define BEAT_SLACK_USEC (100 * USEC_PER_MSEC)

struct OvirtProtocol {
        ProtocolContext context;
        OvirtReports *reports;
        OvirtSessions *sessions;
        GPtrArray *completions; /* Completion: owed to the host when hooks have run */
        OvirtHeartbeatState heartbeat;
        sd_event_source *beat_source;
        LineBuffer *lines;
        unsigned version; /* agreed on; 0 at every start */
        bool lock_wanted; /* as soon as it is known who is there */
        int root_fd;
        RateLimit bad_line_limit, command_limit;
};

/* Consumes @line. */
static void send(OvirtProtocol *p, const char *name, char *line) {
        if (port_write(p->context.port, line, strlen(line)) >= 0)
                log_debug("Sending %s", name);
        port_flush(p->context.port);
        g_free(line);
}

void ovirt_protocol_refresh(OvirtProtocol *p, bool host_knows_versions) {
        if (!host_knows_versions)
                p->version = 0;
        channel_set_version(p->context.channel, p->version);
        ovirt_reports_set_version(p->reports, p->version);
        ovirt_reports_refresh(p->reports);
        ovirt_sessions_forget(p->sessions);
        /* The host that asks may be a new one. */
        ovirt_heartbeat_forget(&p->heartbeat);
}

void ovirt_protocol_set_version(OvirtProtocol *p, int64_t version) {
        unsigned v = (unsigned) CLAMP(version, 0, (int64_t) OVIRT_API_VERSION_MAX);

        if (v == p->version)
                return;
        log_full(LOG_INFO, 0, port_name(p->context.port), "api-version",
                 "Agreed on version %u of the protocol", v);
        p->version = v;
        ovirt_protocol_refresh(p, true);
}

void ovirt_protocol_echo(OvirtProtocol *p, JsonObject *members) {
        _cleanup_free_ char *line = ovirt_encode_echo(members);

        (void) port_write(p->context.port, line, strlen(line)); /* the port flushes after input */
}

void ovirt_protocol_send_cpus(OvirtProtocol *p) {
        ovirt_reports_send_cpus(p->reports);
}

void ovirt_protocol_lock_screen(OvirtProtocol *p) {
        /* "Nobody" is no answer yet; the host would take it for one and go on. */
        p->lock_wanted = !logind_is_known(p->context.services->logind);
        if (p->lock_wanted)
                return;
        switch (session_control_lock_seat(p->context.services->control)) {
        case SESSION_LOCK_NOBODY:
                ovirt_sessions_tell_locked(p->sessions, false);
                break;
        case SESSION_LOCK_ALREADY:
                ovirt_sessions_tell_locked(p->sessions, true);
                break;
        case SESSION_LOCK_STARTED:
                break; /* told when it is */
        }
}

/* An answer that hooks have to run for. */
typedef struct Completion {
        OvirtProtocol *protocol;
        JsonNode *reply_id;
} Completion;

static void completion_free(void *p) {
        Completion *c = p;

        g_clear_pointer(&c->reply_id, json_node_unref);
        g_free(c);
}

static void on_hooks_done(void *userdata) {
        Completion *c = userdata;
        OvirtProtocol *p = c->protocol;

        /* Asked for by version 3, and only understood by it. */
        if (c->reply_id && p->version >= 3)
                send(p, "completion", ovirt_encode_completion(c->reply_id));
        g_ptr_array_remove_fast(p->completions, c);
}

void ovirt_protocol_lifecycle_event(OvirtProtocol *p, const char *event, bool failure, JsonNode *reply_id) {
        Completion *c = g_new0(Completion, 1);
        int r;

        c->protocol = p;
        c->reply_id = reply_id ? json_node_copy(reply_id) : NULL;
        g_ptr_array_add(p->completions, c);
        r = hooks_run(p->context.services->hooks, event ?: "", failure, on_hooks_done, c);
        if (r < 0) {
                log_warning_errno(r, "Cannot run the hooks of %s: %m",
                                  hooks_is_event(event) ? event : "an event");
                on_hooks_done(c);
        }
}

bool ovirt_protocol_may_be_stale(const OvirtProtocol *p) {
        return port_may_be_stale(p->context.port);
}

const Services *ovirt_protocol_services(const OvirtProtocol *p) {
        return p->context.services;
}

static void bad_line(OvirtProtocol *p, const char *why) {
        unsigned suppressed;

        if (rate_limit(&p->bad_line_limit, &suppressed))
                log_full(LOG_WARNING, 0, port_name(p->context.port), NULL,
                         "Ignoring a line of the host's: %s (%u more before)", why, suppressed);
}

/* A command's name as it may stand in a log. */
static char *clean_name(const char *name) {
        char *clean = g_strndup(name, 64);

        for (char *c = clean; *c; c++)
                if (!g_ascii_isgraph(*c))
                        *c = '?';
        return clean;
}

/* Says why a command was not carried out: its name, and never its members. */
static void refused(OvirtProtocol *p, const char *name, int error) {
        _cleanup_free_ char *clean = NULL;
        unsigned suppressed;

        if (!rate_limit(&p->command_limit, &suppressed))
                return;
        clean = clean_name(name);
        log_full(error == -ESTALE ? LOG_NOTICE : LOG_WARNING, 0, port_name(p->context.port), clean,
                 "Ignoring the host's command \"%s\": %s (%u more before)", clean,
                 error == -ENOENT     ? "there is no such command"
                 : error == -ENOTCONN ? "the login manager cannot be reached"
                 : error == -ESTALE   ? "it is from before the agent was there"
                                      : "its members are not what it needs",
                 suppressed);
}

static void on_line(const char *line, size_t n, void *userdata) {
        _cleanup_(ovirt_message_freep) OvirtMessage *m = NULL;
        OvirtProtocol *p = userdata;
        int r;

        if (!line) {
                bad_line(p, "it is too long");
                return;
        }
        if (n == 0)
                return;
        r = ovirt_message_parse(line, n, &m);
        if (r < 0) {
                bad_line(p, r == -EPROTO ? "it has no name" : "it is no JSON object");
                return;
        }
        if (log_is_debug()) {
                _cleanup_free_ char *clean = clean_name(m->name);

                log_full(LOG_DEBUG, 0, port_name(p->context.port), clean, "Received %s", clean);
        }
        r = ovirt_command_run(p, m);
        if (r < 0)
                refused(p, m->name, r);
}

static int on_beat(sd_event_source *source, uint64_t usec, void *userdata) {
        OvirtProtocol *p = userdata;
        uint64_t rate = p->context.config->heart_beat_rate * USEC_PER_SEC, now;
        int r;

        (void) sd_event_now(p->context.services->event, CLOCK_MONOTONIC, &now);
        port_check(p->context.port);

        /* A host that does not read gets the next one: an old figure is worth nothing. */
        if (port_is_connected(p->context.port) && !port_is_congested(p->context.port)) {
                send(p, "heartbeat", ovirt_heartbeat(&p->heartbeat, p->root_fd, now));
                channel_beat(p->context.channel);
                ovirt_reports_tick(p->reports, now);
        }

        if (p->heartbeat.sent == 1 && port_is_connected(p->context.port))
                rate = SECOND_BEAT_USEC;
        r = sd_event_source_set_time(source, now + rate);
        if (r < 0)
                return log_error_errno(r, "Cannot set the time of the next heartbeat: %m");
        return 0;
}

static void protocol_link_changed(void *self, bool host_present) {
        OvirtProtocol *p = self;
        uint64_t now;

        line_buffer_reset(p->lines);
        channel_set_link(p->context.channel, port_path(p->context.port), host_present);
        ovirt_reports_link_changed(p->reports, host_present);
        ovirt_sessions_forget(p->sessions);
        ovirt_heartbeat_forget(&p->heartbeat);
        /* What was sent to a host that left may not have reached it. Once a version is agreed on, the host
         * has seen the change that the zero is for. */
        if (host_present && p->version == 0) {
                p->heartbeat.sent = 0;
                (void) sd_event_now(p->context.services->event, CLOCK_MONOTONIC, &now);
                (void) sd_event_source_set_time(p->beat_source, now + FIRST_BEAT_USEC);
        }
}

static void protocol_input(void *self, const uint8_t *data, size_t n) {
        OvirtProtocol *p = self;

        line_buffer_push(p->lines, (const char *) data, n);
}

static void on_set_done(void *userdata) {
        OvirtProtocol *p = userdata;

        ovirt_sessions_tell(p->sessions);
}

static void protocol_drained(void *self) {
        OvirtProtocol *p = self;

        ovirt_reports_drained(p->reports);
        ovirt_sessions_tell(p->sessions);
}

static void protocol_guest_changed(void *self, unsigned changes) {
        OvirtProtocol *p = self;

        ovirt_reports_guest_changed(p->reports, changes);
        if (!(changes & GUEST_CHANGE_USER))
                return;
        if (p->lock_wanted)
                ovirt_protocol_lock_screen(p);
        ovirt_sessions_tell(p->sessions);
}

static void protocol_refresh(void *self) {
        ovirt_protocol_refresh(self, true);
}

/* Hosts tell a guest that shuts down from one that crashed by this being the last message. */
static void protocol_stop(void *self) {
        OvirtProtocol *p = self;

        p->beat_source = sd_event_source_disable_unref(p->beat_source);
        p->reports = ovirt_reports_free(p->reports);
        send(p, "session-shutdown", ovirt_encode_event("session-shutdown"));
}

static void *protocol_free(void *self) {
        OvirtProtocol *p = self;

        if (!p)
                return NULL;
        (void) sd_event_source_disable_unref(p->beat_source);
        ovirt_sessions_free(p->sessions);
        ovirt_reports_free(p->reports);
        g_ptr_array_unref(p->completions);
        line_buffer_free(p->lines);
        safe_close(p->root_fd);
        g_free(p);
        return NULL;
}

static int protocol_new(void **ret, const ProtocolContext *context) {
        OvirtProtocol *p = g_new0(OvirtProtocol, 1);
        uint64_t now;
        int r;

        p->context = *context;
        p->bad_line_limit = p->command_limit = (RateLimit){.interval_usec = 10 * USEC_PER_SEC, .burst = 5};
        p->lines = line_buffer_new(OVIRT_LINE_IN_MAX, on_line, p);
        p->completions = g_ptr_array_new_with_free_func(completion_free);
        p->root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = p->root_fd < 0 ? -errno : ovirt_reports_new(&p->reports, context, on_set_done, p);
        if (r >= 0) {
                p->sessions = ovirt_sessions_new(context, p->reports);
                r = sd_event_now(context->services->event, CLOCK_MONOTONIC, &now);
        }
        if (r >= 0)
                r = sd_event_add_time(context->services->event, &p->beat_source, CLOCK_MONOTONIC,
                                      now + context->config->heart_beat_rate * USEC_PER_SEC, BEAT_SLACK_USEC,
                                      on_beat, p);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->beat_source, SD_EVENT_ON);
        if (r >= 0)
                r = sd_event_source_set_priority(p->beat_source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0) {
                protocol_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

static int protocol_collect(const char *name, const Config *config, char **ret) {
        for (size_t i = 0; i < _OVIRT_REPORT_MAX; i++)
                if (g_str_equal(name, ovirt_report_names[i])) {
                        _cleanup_close_ int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                        return ovirt_collect((OvirtReport) i, config, root_fd, OVIRT_COLLECT_MAY_BLOCK, ret);
                }
        return -ENOENT;
}

const ProtocolOps ovirt_protocol_ops = {
        .name = "vdsm",
        .port_names = (const char *const[]){"ovirt-guest-agent.0", "com.redhat.rhevm.vdsm", NULL},
        /* Two of the longest lines: one on its way, one behind it. */
        .queue_max = 2 * (OVIRT_LINE_OUT_MAX + 1),
        .new = protocol_new,
        .free = protocol_free,
        .link_changed = protocol_link_changed,
        .input = protocol_input,
        .drained = protocol_drained,
        .guest_changed = protocol_guest_changed,
        .refresh = protocol_refresh,
        .stop = protocol_stop,
        .collect = protocol_collect,
        .report_names = ovirt_report_names,
};
