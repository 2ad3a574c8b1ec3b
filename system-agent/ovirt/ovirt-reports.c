/* SPDX-License-Identifier: Apache-2.0 */

/* A report is a line that was collected once, with three questions to it: is it still true, does the host
 * know it, and is somebody waiting for it? Sets are sent in order; a report that takes its time (a child
 * collects it) holds its set up for SET_PATIENCE at most, then the set goes on without it, and it follows
 * when it is there. Nothing is collected for a host that does not read, nor queued: when it reads again it
 * gets the state of then. */

#include "ovirt/ovirt-reports.h"

#include <fcntl.h>
#include <string.h>

#include "config.h"
#include "ovirt/ovirt-collect.h"
#include "ovirt/ovirt-encode.h"
#include "port.h"
#include "services.h"
#include "util/log.h"
#include "util/subprocess.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

#define FLUSH_ABOVE (64U * 1024)
#define SET_PATIENCE_USEC (1 * USEC_PER_SEC)
/* From a host's coming to its refresh. */
#define ASK_USEC (1 * USEC_PER_SEC)
/* From a change to the look at it: what belongs together comes in bursts. */
#define CHANGE_DELAY_USEC (150 * USEC_PER_MSEC)
/* Between two looks, while changes keep coming. */
#define CHANGE_SPACING_USEC (500 * USEC_PER_MSEC)
/* Everything is sent again this often, known or not. */
#define RESEND_USEC (3600 * USEC_PER_SEC)

/* Which interval of the configuration a report follows. */
typedef enum Interval {
        INTERVAL_NONE,
        INTERVAL_USER,
        INTERVAL_CPUS,
        INTERVAL_APPLICATIONS,
        INTERVAL_DISKS,
        _INTERVAL_MAX,
} Interval;

static const struct ReportType {
        unsigned min_version;
        unsigned changes; /* GuestChange bits that concern it */
        Interval interval;
        unsigned patience_sec; /* for its child */
        bool watched;          /* what it depends on is: no need to collect it again without a change */
} types[_OVIRT_REPORT_MAX] = {
        /* What changes it is told by ovirt-sessions.c, in its place among other messages. */
        [OVIRT_ACTIVE_USER] = {.interval = INTERVAL_USER},
        [OVIRT_APPLICATIONS] = {.changes = GUEST_CHANGE_PACKAGES,
                                .interval = INTERVAL_APPLICATIONS,
                                .patience_sec = 30,
                                .watched = true},
        [OVIRT_CONTAINERS] = {.min_version = 3, .interval = INTERVAL_APPLICATIONS, .patience_sec = 10},
        [OVIRT_HOST_NAME] = {.changes = GUEST_CHANGE_HOSTNAME, .interval = INTERVAL_APPLICATIONS},
        [OVIRT_OS_VERSION] = {.interval = INTERVAL_APPLICATIONS},
        [OVIRT_NETWORK_INTERFACES] = {.changes = GUEST_CHANGE_NETWORK, .interval = INTERVAL_APPLICATIONS},
        [OVIRT_DISKS_USAGE] = {.changes = GUEST_CHANGE_MOUNTS | GUEST_CHANGE_DISKS,
                               .interval = INTERVAL_DISKS,
                               .patience_sec = 3},
        [OVIRT_FQDN] = {.changes = GUEST_CHANGE_HOSTNAME | GUEST_CHANGE_NAMES | GUEST_CHANGE_NETWORK,
                        .interval = INTERVAL_APPLICATIONS,
                        .patience_sec = 30,
                        .watched = true},
        [OVIRT_TIMEZONE] = {.min_version = 2,
                            .changes = GUEST_CHANGE_TIMEZONE,
                            .interval = INTERVAL_APPLICATIONS},
        [OVIRT_OS_INFO] = {.min_version = 2, .changes = GUEST_CHANGE_OS, .interval = INTERVAL_APPLICATIONS},
        [OVIRT_NUMBER_OF_CPUS] = {.min_version = 1, .changes = GUEST_CHANGE_CPUS, .interval = INTERVAL_CPUS},
};

/* The order is the old agent's. */
static const OvirtReport startup_set[] = {
        OVIRT_SESSION_STARTUP, OVIRT_HOST_NAME,    OVIRT_OS_VERSION,  OVIRT_NETWORK_INTERFACES,
        OVIRT_ACTIVE_USER,     OVIRT_APPLICATIONS, OVIRT_CONTAINERS,  OVIRT_FQDN,
        OVIRT_TIMEZONE,        OVIRT_OS_INFO,      _OVIRT_REPORT_MAX,
};
static const OvirtReport refresh_set[] = {
        OVIRT_SESSION_STARTUP,    OVIRT_ACTIVE_USER, OVIRT_APPLICATIONS,
        OVIRT_CONTAINERS,         OVIRT_HOST_NAME,   OVIRT_OS_VERSION,
        OVIRT_NETWORK_INTERFACES, OVIRT_DISKS_USAGE, OVIRT_FQDN,
        OVIRT_TIMEZONE,           OVIRT_OS_INFO,     _OVIRT_REPORT_MAX,
};

typedef struct Report {
        OvirtReports *reports;
        OvirtReport id;
        char *line;  /* as collected last, or NULL */
        bool fresh;  /* the line, or its absence, is the state of now */
        bool sent;   /* the host has the line */
        bool wanted; /* to be looked at, and sent if the host does not have it */
        Subprocess *job;
        bool job_done; /* its result is in; it may still have to die */
        bool outdated; /* something changed after the job began */
        unsigned job_flags;
        Subprocess *stuck; /* a job that the kernel does not let go of */
        bool failed;       /* the last attempt to collect it */
} Report;

struct OvirtReports {
        ProtocolContext context;
        void (*set_done)(void *userdata);
        void *userdata;
        int root_fd;
        bool connected, started;
        unsigned version;
        Report reports[_OVIRT_REPORT_MAX];

        const OvirtReport *set; /* what is left of the set being sent, or NULL */
        bool set_again;         /* another one was asked for meanwhile */
        unsigned set_version;   /* that it began with: a new one is for the next set */
        bool out_of_patience;
        sd_event_source *set_source, *patience_source;
        uint64_t unasked_usec; /* since when there is a host that has not asked for a set, or 0 */

        sd_event_source *change_source;
        bool change_pending;
        uint64_t last_look_usec;

        uint64_t due_usec[_INTERVAL_MAX], resend_usec;
};

static void proceed(OvirtReports *r);

static uint64_t now(const OvirtReports *r) {
        uint64_t usec = 0;

        (void) sd_event_now(r->context.services->event, CLOCK_MONOTONIC, &usec);
        return usec;
}

/* Wants the report looked at; @force sends it whether it differs or not. */
static void want(Report *report, bool force) {
        report->fresh = false;
        report->wanted = true;
        report->outdated = report->job && !report->job_done;
        if (force)
                report->sent = false;
}

/* Has what is wanted looked at when the changes that come together are over. */
static void look_soon(OvirtReports *r) {
        if (r->change_pending)
                return;
        r->change_pending = true;
        (void) sd_event_source_set_time(
                r->change_source, MAX(now(r) + CHANGE_DELAY_USEC, r->last_look_usec + CHANGE_SPACING_USEC));
        (void) sd_event_source_set_enabled(r->change_source, SD_EVENT_ONESHOT);
}

static void set_line(Report *report, char *line) {
        if (g_strcmp0(report->line, line) == 0) {
                g_free(line);
                return;
        }
        g_free(report->line);
        report->line = line;
        report->sent = false;
}

/* Takes a newly collected line, or an error: then what the host knows stands, until the next attempt. */
static void take_line(Report *report, int error, char *line) {
        report->fresh = true;
        if (error >= 0)
                set_line(report, line);
        else if (!report->failed && error != -ENODATA)
                log_full(LOG_WARNING, error, NULL, ovirt_report_names[report->id], "Cannot collect %s: %m",
                         ovirt_report_names[report->id]);
        report->failed = error < 0;
}

/* Takes what a child has collected. Where it failed and the host knows nothing yet, there may be a line that
 * needs no child. */
static void take_line_of_job(Report *report, int error, char *line) {
        const OvirtReports *r = report->reports;

        take_line(report, error, line);
        if (error < 0 && !report->line &&
            ovirt_collect(report->id, r->context.config, r->root_fd, OVIRT_COLLECT_FALLBACK, &line) >= 0)
                set_line(report, line);
}

static int in_child(int fd, void *userdata) {
        Report *report = userdata;
        _cleanup_free_ char *collected = NULL;
        const char *line;
        int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the parent's is closed */
        int r = root_fd < 0 ? -errno
                            : ovirt_collect(report->id, report->reports->context.config, root_fd,
                                            report->job_flags | OVIRT_COLLECT_MAY_BLOCK, &collected);

        if (r < 0)
                return EXIT_FAILURE;
        /* Some figure always moves; a line that the host has in all but that is as it was. */
        line = report->id == OVIRT_DISKS_USAGE && report->sent &&
                               ovirt_disks_usage_is_alike(report->line, collected)
                       ? report->line
                       : collected;
        r = write_all(fd, line, strlen(line));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void start_job(Report *report);

/* Whether a child's output is what it should be: one line that names this report. */
static bool is_line_of(const Report *report, const char *output, size_t n) {
        _cleanup_free_ char *name = g_strdup_printf("{\"__name__\":\"%s\"", ovirt_report_names[report->id]);

        return g_str_has_prefix(output, name) && strlen(output) == n && n <= OVIRT_LINE_OUT_MAX + 1 &&
               memchr(output, '\n', n) == output + n - 1;
}

static void on_job_done(int error, const char *output, size_t n, void *userdata) {
        Report *report = userdata;
        OvirtReports *r = report->reports;

        report->job_done = true;
        if (error == 0 && !is_line_of(report, output, n))
                error = -EBADMSG;
        if (error == -ETIMEDOUT && report->id == OVIRT_DISKS_USAGE &&
            !(report->job_flags & OVIRT_COLLECT_LOCAL_ONLY)) {
                /* A file server is dead: tell what is not its. */
                log_warning("A file system does not answer; leaving out those of other machines");
                report->job_flags |= OVIRT_COLLECT_LOCAL_ONLY;
                report->stuck = subprocess_free(report->stuck);
                report->stuck = TAKE_PTR(report->job);
                start_job(report);
                return;
        }
        take_line_of_job(report, error, error == 0 ? g_strndup(output, n) : NULL);
        proceed(r);
        if (report->outdated) {
                want(report, false);
                look_soon(r);
        }
}

static void start_job(Report *report) {
        OvirtReports *r = report->reports;
        const SubprocessLimits limits = {
                .time_usec = types[report->id].patience_sec * USEC_PER_SEC,
                .output_max = OVIRT_LINE_OUT_MAX + 1,
        };
        int error;

        report->job = subprocess_free(report->job);
        report->job_done = report->outdated = false;
        if (!subprocess_exists(report->stuck)) {
                report->stuck = subprocess_free(report->stuck);
                report->job_flags &= ~OVIRT_COLLECT_LOCAL_ONLY;
        }
        error = subprocess_start(&report->job, r->context.services->event, &limits, in_child, report,
                                 on_job_done, report);
        if (error < 0)
                take_line_of_job(report, error, NULL);
}

/* @session: NULL for nobody. */
static void take_user(Report *report, const Session *session) {
        take_line(report, 0, ovirt_encode_text("active-user", "name", session ? session->user : "None"));
}

/* Sees to it that the report's line is the state of now. False while that takes time. */
static bool bring(Report *report) {
        OvirtReports *r = report->reports;
        char *line = NULL;
        int error;

        if (report->fresh)
                return true;

        if (report->id == OVIRT_ACTIVE_USER) {
                if (!logind_is_known(r->context.services->logind))
                        return false;
                take_user(report, session_registry_at_seat(r->context.services->sessions));
                return true;
        }

        error = ovirt_collect(report->id, r->context.config, r->root_fd, 0, &line);
        if (error != -EWOULDBLOCK) {
                report->job = subprocess_free(report->job);
                take_line(report, error, line);
                return true;
        }
        if (report->job && !report->job_done)
                return false;
        if (subprocess_exists(report->job)) {
                /* The last one hangs; another would only hang beside it. */
                report->fresh = true;
                return true;
        }
        start_job(report);
        return report->fresh;
}

static bool may_send(const OvirtReports *r) {
        return r->connected && !port_is_congested(r->context.port);
}

/* Whether the host understands the report. */
static bool is_due(const Report *report) {
        return report->reports->version >= types[report->id].min_version;
}

/* Sends the line, if there is one. */
static void send_line(Report *report) {
        OvirtReports *r = report->reports;
        Port *port = r->context.port;

        if (!report->line || !is_due(report)) {
                report->wanted = false;
                return;
        }
        if (port_write(port, report->line, strlen(report->line)) < 0)
                return; /* still wanted */
        log_debug("Sending %s", ovirt_report_names[report->id]);
        report->sent = true;
        report->wanted = false;
        /* Several long reports together would not fit into the queue. */
        if (port_pending(port) > FLUSH_ABOVE)
                port_flush(port);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata) {
        OvirtReports *r = userdata;

        r->out_of_patience = true;
        proceed(r);
        return 0;
}

static void end_set(OvirtReports *r) {
        r->set = NULL;
        r->patience_source = sd_event_source_disable_unref(r->patience_source);
}

/* Begins a set. What the watchers keep true need not be collected for it; what nobody watches must be. */
static void begin_set(OvirtReports *r, const OvirtReport *set) {
        end_set(r);
        r->set = set;
        r->set_again = false;
        r->set_version = r->version;
        r->out_of_patience = false;
        for (const OvirtReport *id = set; *id != _OVIRT_REPORT_MAX; id++) {
                Report *report = &r->reports[*id];

                report->fresh = types[*id].watched && report->line && report->fresh;
                report->wanted = true;
                report->sent = false;
        }
        (void) sd_event_add_time_relative(r->context.services->event, &r->patience_source, CLOCK_MONOTONIC,
                                          SET_PATIENCE_USEC, 0, on_patience, r);

        /* The first words need not wait for children to start. */
        if (may_send(r) && bring(&r->reports[*set])) {
                send_line(&r->reports[*set]);
                port_flush(r->context.port);
                r->set++;
        }

        /* The children start side by side, before it is the turn of their reports. */
        for (const OvirtReport *id = set; *id != _OVIRT_REPORT_MAX; id++)
                if (types[*id].patience_sec > 0 && is_due(&r->reports[*id]))
                        (void) bring(&r->reports[*id]);
}

/* Sends of the set what there is, in order. */
static void proceed_set(OvirtReports *r) {
        while (r->set && may_send(r)) {
                Report *report = &r->reports[*r->set];
                bool skip = !is_due(report) || r->set_version < types[*r->set].min_version;

                if (!skip && !bring(report) && !r->out_of_patience)
                        return;
                if (!skip) {
                        bool late = !report->fresh;

                        /* What is late follows; until then an older line is better than none. */
                        send_line(report);
                        report->wanted = report->wanted || late;
                }
                r->set++;
                if (*r->set == _OVIRT_REPORT_MAX) {
                        end_set(r);
                        if (r->set_again)
                                begin_set(r, refresh_set);
                        else
                                r->set_done(r->userdata);
                }
        }
}

/* Looks at a report, and sends it if the host does not have it. Between sets only: a set has its order. */
static void look_at(Report *report) {
        if (report->reports->set || !may_send(report->reports) || !report->wanted)
                return;
        if (is_due(report) && !bring(report))
                return;
        if (report->sent)
                report->wanted = false;
        else
                send_line(report);
}

static void look_at_wanted(OvirtReports *r) {
        for (size_t i = 0; i < _OVIRT_REPORT_MAX; i++)
                look_at(&r->reports[i]);
}

/* Goes on with whatever can go on. */
static void proceed(OvirtReports *r) {
        if (!may_send(r))
                return;
        proceed_set(r);
        if (!r->change_pending)
                look_at_wanted(r);
        port_flush(r->context.port);
}

static int on_set(sd_event_source *source, void *userdata) {
        OvirtReports *r = userdata;

        if (r->set_again && r->connected && !r->set)
                begin_set(r, refresh_set);
        proceed(r);
        return 0;
}

void ovirt_reports_refresh(OvirtReports *r) {
        r->unasked_usec = 0;
        r->set_again = true;
        (void) sd_event_source_set_enabled(r->set_source, SD_EVENT_ONESHOT);
}

void ovirt_reports_link_changed(OvirtReports *r, bool host_present) {
        r->connected = host_present;
        r->unasked_usec = host_present && r->started ? now(r) : 0;
        end_set(r);
        r->set_again = false;
        for (size_t i = 0; i < _OVIRT_REPORT_MAX; i++)
                r->reports[i].wanted = r->reports[i].sent = false;

        if (host_present && !r->started) {
                r->started = true;
                begin_set(r, startup_set);
                proceed(r);
        }
}

void ovirt_reports_set_version(OvirtReports *r, unsigned version) {
        /* Not part of any set, for the sake of hosts' tests; it goes with the next heartbeat. */
        if (version > r->version)
                r->due_usec[INTERVAL_CPUS] = 0;
        r->version = version;
}

bool ovirt_reports_set_is_under_way(const OvirtReports *r) {
        return r->set || r->set_again;
}

void ovirt_reports_send_user(OvirtReports *r) {
        want(&r->reports[OVIRT_ACTIVE_USER], false);
        look_at(&r->reports[OVIRT_ACTIVE_USER]);
}

void ovirt_reports_send_nobody(OvirtReports *r) {
        Report *report = &r->reports[OVIRT_ACTIVE_USER];

        want(report, false);
        take_user(report, NULL);
        look_at(report);
}

void ovirt_reports_send_cpus(OvirtReports *r) {
        want(&r->reports[OVIRT_NUMBER_OF_CPUS], true);
        proceed(r);
}

static int on_change(sd_event_source *source, uint64_t usec, void *userdata) {
        OvirtReports *r = userdata;

        r->change_pending = false;
        r->last_look_usec = now(r);
        proceed(r);
        return 0;
}

void ovirt_reports_guest_changed(OvirtReports *r, unsigned changes) {
        for (size_t i = 0; i < _OVIRT_REPORT_MAX; i++)
                if (types[i].changes & changes)
                        want(&r->reports[i], false);

        /* A set may be waiting to know the user at all. */
        if (changes & GUEST_CHANGE_USER) {
                proceed(r);
        }
        if (changes & ~(unsigned) GUEST_CHANGE_USER)
                look_soon(r);
}

static uint64_t interval_usec(const OvirtReports *r, Interval interval) {
        const Config *c = r->context.config;
        const uint64_t seconds[_INTERVAL_MAX] = {
                [INTERVAL_USER] = c->report_user_rate,
                [INTERVAL_CPUS] = c->report_num_cpu_rate,
                [INTERVAL_APPLICATIONS] = c->report_application_rate,
                [INTERVAL_DISKS] = c->report_disk_usage,
        };

        return seconds[interval] * USEC_PER_SEC;
}

void ovirt_reports_tick(OvirtReports *r, uint64_t now_usec) {
        bool resend = now_usec >= r->resend_usec;

        /* Between two hosts that follow closely, the second one's refresh can be read before the first one
         * is seen to leave: a port's data overtakes the news of who is there. */
        if (r->unasked_usec > 0 && now_usec >= r->unasked_usec + ASK_USEC)
                ovirt_reports_refresh(r);
        for (size_t i = 0; i < _OVIRT_REPORT_MAX; i++) {
                Interval interval = types[i].interval;

                if (types[i].watched && r->reports[i].fresh && !r->reports[i].failed && !resend)
                        continue;
                if (interval != INTERVAL_NONE && (resend || now_usec >= r->due_usec[interval]))
                        want(&r->reports[i], resend || interval == INTERVAL_CPUS);
        }
        if (resend)
                r->resend_usec = now_usec + RESEND_USEC;
        for (Interval i = 0; i < _INTERVAL_MAX; i++)
                if (now_usec >= r->due_usec[i])
                        r->due_usec[i] = now_usec + interval_usec(r, i);
        proceed(r);
}

void ovirt_reports_drained(OvirtReports *r) {
        proceed(r);
}

int ovirt_reports_new(OvirtReports **ret, const ProtocolContext *context, void (*set_done)(void *userdata),
                      void *userdata) {
        _cleanup_(ovirt_reports_freep) OvirtReports *r = g_new0(OvirtReports, 1);
        int error;

        r->context = *context;
        r->set_done = set_done;
        r->userdata = userdata;
        for (size_t i = 0; i < _OVIRT_REPORT_MAX; i++)
                r->reports[i] = (Report){.reports = r, .id = (OvirtReport) i};

        r->root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (r->root_fd < 0)
                return -errno;
        error = sd_event_add_defer(context->services->event, &r->set_source, on_set, r);
        if (error < 0)
                return error;
        error = sd_event_source_set_enabled(r->set_source, SD_EVENT_OFF);
        if (error < 0)
                return error;
        error = sd_event_add_time(context->services->event, &r->change_source, CLOCK_MONOTONIC, 0,
                                  10 * USEC_PER_MSEC, on_change, r);
        if (error < 0)
                return error;
        error = sd_event_source_set_enabled(r->change_source, SD_EVENT_OFF);
        if (error < 0)
                return error;

        for (Interval i = 0; i < _INTERVAL_MAX; i++)
                r->due_usec[i] = now(r) + interval_usec(r, i);
        r->resend_usec = now(r) + RESEND_USEC;
        *ret = TAKE_PTR(r);
        return 0;
}

OvirtReports *ovirt_reports_free(OvirtReports *r) {
        if (!r)
                return NULL;
        for (size_t i = 0; i < _OVIRT_REPORT_MAX; i++) {
                subprocess_free(r->reports[i].job);
                subprocess_free(r->reports[i].stuck);
                g_free(r->reports[i].line);
        }
        end_set(r);
        (void) sd_event_source_disable_unref(r->set_source);
        (void) sd_event_source_disable_unref(r->change_source);
        safe_close(r->root_fd);
        g_free(r);
        return NULL;
}
