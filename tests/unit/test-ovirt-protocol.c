/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-protocol.h"
#include "channels.h"
#include "config.h"
#include "logind.h"
#include "ovirt/ovirt-collect.h"
#include "ovirt/ovirt-reports.h"
#include "port.h"
#include "services.h"
#include "test-tree.h"
#include "util/json-get.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The whole of a channel, on this machine's own figures, before a host that the test plays. */

#define SECOND UINT64_C(1000000)

/* Behind each set, and not part of it: nobody is logged in. */
#define STATE "session-logoff "
#define STARTUP                                                                                             \
        "session-startup host-name os-version network-interfaces active-user applications fqdn " STATE
#define SET                                                                                                 \
        "session-startup active-user applications host-name os-version network-interfaces disks-usage "     \
        "fqdn "
#define SET0 SET STATE
#define SET2 SET "timezone os-info " STATE
#define SET3                                                                                                \
        "session-startup active-user applications containers host-name os-version network-interfaces "      \
        "disks-usage fqdn timezone os-info " STATE

typedef struct Bed {
        Tree tree;
        char *path;
        PortOverride override;
        sd_event *event;
        Config *config;
        Channels *channels;
        Channel *channel;
        SessionAgents *agents;
        Services services;
        Port *port;
        void *protocol;
        int listener, host;
        GString *input;
        GString *beats; /* the version of each heartbeat */
        unsigned fence;
} Bed;

static void on_changed(void *userdata) {
}

static void on_session_changed(const Session *s, unsigned changes, void *userdata) {
}

static void bed_accept(Bed *b);

static Bed *bed_new(void) {
        static const SessionCallbacks callbacks = {on_session_changed, on_changed};
        Bed *b = g_new0(Bed, 1);
        struct sockaddr_un sa = {.sun_family = AF_UNIX};

        b->tree = tree_new();
        b->path = tree_path(&b->tree, "port");
        b->override = (PortOverride){"ovirt-guest-agent.0", b->path};
        b->input = g_string_new(NULL);
        b->beats = g_string_new(NULL);
        tree_write(&b->tree, "conf", "[general]\nheart_beat_rate = 1\n");
        g_autofree char *conf = tree_path(&b->tree, "conf");
        g_assert_cmpint(config_load(conf, &b->config), ==, 0);

        b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        g_strlcpy(sa.sun_path, b->path, sizeof(sa.sun_path));
        g_assert_cmpint(bind(b->listener, (const struct sockaddr *) &sa, sizeof(sa)), ==, 0);
        g_assert_cmpint(listen(b->listener, 1), ==, 0);

        g_assert_cmpint(sd_event_new(&b->event), ==, 0);
        b->channels = channels_new(on_changed, NULL);
        b->channel = channels_add(b->channels, "vdsm");
        b->agents = session_agents_new();
        b->services.event = b->event;
        b->services.sessions = session_registry_new(b->event, &callbacks, b);
        b->services.logind = logind_new(b->services.sessions);
        b->services.control =
                session_control_new(b->event, b->services.sessions, b->services.logind, b->agents);
        b->services.hooks = hooks_new(b->event, "/nowhere", SECOND, false);
        b->services.sign_on =
                sign_on_new(b->event, b->config, b->services.sessions, b->services.logind, NULL, NULL, NULL);
        logind_detach(b->services.logind); /* nobody is logged in */
        b->port = port_new(b->event, &ovirt_protocol_ops, "/nowhere", &b->override, 1);
        ProtocolContext context = {b->port, b->channel, &b->services, b->config};
        g_assert_cmpint(ovirt_protocol_ops.new(&b->protocol, &context), ==, 0);
        port_start(b->port, b->protocol);
        bed_accept(b);
        return b;
}

static void bed_free(Bed *b) {
        b->protocol = ovirt_protocol_ops.free(b->protocol);
        port_free(b->port);
        sign_on_free(b->services.sign_on);
        hooks_free(b->services.hooks);
        session_control_free(b->services.control);
        session_agents_free(b->agents);
        logind_free(b->services.logind);
        session_registry_free(b->services.sessions);
        channels_free(b->channels);
        sd_event_unref(b->event);
        config_free(b->config);
        safe_close(b->host);
        safe_close(b->listener);
        g_string_free(b->input, true);
        g_string_free(b->beats, true);
        g_free(b->path);
        tree_done(&b->tree);
        g_free(b);
}

#define RUN_UNTIL(condition)                                                                                \
        do {                                                                                                \
                gint64 _deadline = g_get_monotonic_time() + 60 * (gint64) SECOND;                           \
                while (!(condition)) {                                                                      \
                        g_assert_cmpint(g_get_monotonic_time(), <, _deadline);                              \
                        g_assert_cmpint(sd_event_run(b->event, SECOND / 100), >=, 0);                       \
                }                                                                                           \
        } while (false)

static void bed_accept(Bed *b) {
        RUN_UNTIL((b->host = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
}

static bool has_line(Bed *b) {
        char chunk[65536];
        ssize_t n;

        while ((n = read(b->host, chunk, sizeof(chunk))) > 0)
                g_string_append_len(b->input, chunk, n);
        return memchr(b->input->str, '\n', b->input->len);
}

/* The next message other than heartbeats, which are noted. */
static JsonNode *next_message(Bed *b, const char **ret_name) {
        for (;;) {
                JsonNode *node = NULL;
                JsonObject *o;
                size_t n;

                RUN_UNTIL(has_line(b));
                n = (size_t) ((char *) memchr(b->input->str, '\n', b->input->len) - b->input->str);
                g_assert_cmpint(json_parse(b->input->str, n, &node), ==, 0);
                g_string_erase(b->input, 0, (gssize) n + 1);
                o = json_node_as_object(node);
                g_assert_cmpint(json_get_string(o, "__name__", ret_name), ==, JSON_VALUE);
                if (!g_str_equal(*ret_name, "heartbeat"))
                        return node;

                int64_t version = -1;
                g_assert_cmpint(json_get_integer(o, "apiVersion", &version), ==, JSON_VALUE);
                g_string_append_printf(b->beats, "%d", (int) version);
                json_node_unref(node);
        }
}

static void send_line(Bed *b, const char *line) {
        g_autofree char *whole = g_strconcat(line, "\n", NULL);

        g_assert_cmpint(write(b->host, whole, strlen(whole)), ==, (ssize_t) strlen(whole));
}

/* The names of the messages up to the answer to an echo. Two of them, one after the other: what the first
 * command has set going begins before the second is read. */
static char *names_until_fence(Bed *b) {
        g_autoptr(GString) names = g_string_new(NULL);

        for (unsigned fences = 0; fences < 2; fences++) {
                g_autofree char *echo = g_strdup_printf("{\"__name__\":\"echo\",\"fence\":%u}", ++b->fence);

                send_line(b, echo);
                for (;;) {
                        const char *name;
                        g_autoptr(JsonNode) node = next_message(b, &name);
                        int64_t fence = 0;

                        if (json_get_integer(json_node_get_object(node), "fence", &fence) == JSON_VALUE) {
                                g_assert_cmpint(fence, ==, b->fence);
                                break;
                        }
                        g_string_append_printf(names, "%s ", name);
                }
        }
        return g_string_free(TAKE_PTR(names), false);
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static char *sorted(const char *names) {
        g_auto(GStrv) words = g_strsplit(names, " ", -1);

        qsort(words, g_strv_length(words), sizeof(char *), compare);
        return g_strjoinv(" ", words);
}

/* The names of @names that no child collects. */
static char *quick(const char *names) {
        static const char *const slow[] = {"applications", "containers", "disks-usage", "fqdn", NULL};
        g_auto(GStrv) words = g_strsplit(names, " ", -1);
        g_autoptr(GString) kept = g_string_new(NULL);

        for (char **word = words; *word; word++)
                if (!g_strv_contains(slow, *word))
                        g_string_append_printf(kept, "%s ", *word);
        return g_string_free(g_steal_pointer(&kept), false);
}

/* Reads as many messages as @names has, which come in this order; but on a slow machine a report that takes
 * a child more than a second follows behind its set. number-of-cpus has its own time. */
static void expect_names(Bed *b, const char *names) {
        g_autoptr(GString) seen = g_string_new(NULL);

        while (seen->len < strlen(names)) {
                const char *name;
                g_autoptr(JsonNode) node = next_message(b, &name);

                g_assert_nonnull(node);
                if (!g_str_equal(name, "number-of-cpus"))
                        g_string_append_printf(seen, "%s ", name);
        }
        g_autofree char *a = sorted(seen->str), *z = sorted(names);
        g_autofree char *quick_seen = quick(seen->str), *quick_names = quick(names);
        g_assert_cmpstr(a, ==, z);
        g_assert_cmpstr(quick_seen, ==, quick_names);
}

static void expect_nothing(Bed *b) {
        g_autofree char *names = names_until_fence(b);

        if (!g_str_equal(names, "number-of-cpus "))
                g_assert_cmpstr(names, ==, "");
}

static void test_negotiation(void) {
        static const struct {
                const char *line, *names;
                unsigned version; /* then */
        } steps[] = {
                {"{\"apiVersion\": 3, \"__name__\": \"refresh\"}", SET0, 0},
                {"{\"apiVersion\": 2, \"__name__\": \"api-version\"}", SET2, 2},
                {"{\"apiVersion\": 2, \"__name__\": \"refresh\"}", SET2, 2},
                {"{\"apiVersion\": 9, \"__name__\": \"api-version\"}", SET3, 3},
                {"{\"apiVersion\": 3, \"__name__\": \"api-version\"}", "", 3},
                {"{\"apiVersion\": \"abc\", \"__name__\": \"api-version\"}", "", 3},
                {"{\"apiVersion\": null, \"__name__\": \"api-version\"}", "", 3},
                {"{\"apiVersion\": [], \"__name__\": \"api-version\"}", "", 3},
                {"{\"apiVersion\": {}, \"__name__\": \"api-version\"}", "", 3},
                {"{\"apiVersion\": 1.5, \"__name__\": \"api-version\"}", "", 3},
                {"{\"__name__\": \"api-version\"}", "", 3},
                {"{\"apiVersion\": null, \"__name__\": \"refresh\"}", SET3, 3},
                {"{\"apiVersion\": -1, \"__name__\": \"api-version\"}", SET0, 0},
                {"{\"apiVersion\": \"2\", \"__name__\": \"api-version\"}", SET2, 2},
                {"{\"apiVersion\": 1, \"__name__\": \"api-version\"}", SET0, 1},
                {"{\"apiVersion\": 3.0, \"__name__\": \"api-version\"}", SET3, 3},
                {"{\"__name__\": \"refresh\"}", SET0, 0},
        };
        Bed *b = bed_new();

        expect_names(b, STARTUP);
        for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
                g_autofree char *shown = g_strescape(steps[i].line, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                send_line(b, steps[i].line);
                expect_names(b, steps[i].names);
                expect_nothing(b);
                g_assert_cmpuint(channel_version(b->channel), ==, steps[i].version);
        }

        /* The first heartbeat of the process says 0, all others 3. */
        RUN_UNTIL(channel_last_heartbeat(b->channel) > 0);
        while (b->beats->len < 3)
                expect_nothing(b);
        g_assert_true(g_str_has_prefix(b->beats->str, "033"));
        bed_free(b);
}

static void test_commands(void) {
        static const struct {
                const char *line, *names;
        } steps[] = {
                /* Below version 1. */
                {"{\"count\": 4, \"__name__\": \"set-number-of-cpus\"}", ""},
                {"{\"apiVersion\": 3, \"__name__\": \"api-version\"}", NULL},
                {"{\"count\": 4, \"__name__\": \"set-number-of-cpus\"}", "number-of-cpus "},
                {"{\"count\": \"4\", \"__name__\": \"set-number-of-cpus\"}", "number-of-cpus "},
                {"{\"count\": 0, \"__name__\": \"set-number-of-cpus\"}", ""},
                {"{\"count\": -1, \"__name__\": \"set-number-of-cpus\"}", ""},
                {"{\"count\": \"x\", \"__name__\": \"set-number-of-cpus\"}", ""},
                {"{\"__name__\": \"set-number-of-cpus\"}", ""},
                {"{\"__name__\": \"frobnicate\"}", ""},
                {"{\"__name__\": \"ECHO\"}", ""},
                {"{\"__name__\": \"REFRESH\"}", ""},
                {"{\"__name__\": \"frob\\u0007\\n\\u010d\"}", ""},
                {"{\"a\":1,\"__name__\": \"echo\"}", "echo "},
                /* Nobody is there: what is to be answered is, and no login manager carries anything out. */
                {"{\"__name__\": \"lock-screen\"}", "session-logoff "},
                {"{\"__name__\": \"log-off\"}", ""},
                {"{\"__name__\": \"shutdown\"}", ""},
                {"{\"timeout\": 1e400, \"reboot\": {}, \"message\": [], \"__name__\": \"shutdown\"}", ""},
                {"{\"__name__\": \"hibernate\"}", ""},
                {"{\"state\": 5, \"__name__\": \"hibernate\"}", ""},
                {"{\"username\": \"a\", \"password\": \"b\", \"__name__\": \"login\"}", ""},
                {"{\"type\": \"before_migration\", \"__name__\": \"lifecycle-event\"}", ""},
                {"{\"reply_id\": 7, \"__name__\": \"lifecycle-event\"}", "completion "},
                {"{\"type\": 1, \"reply_id\": {\"a\": []}, \"__name__\": \"lifecycle-event\"}",
                 "completion "},
                /* Lines that are lost, and cost nothing else. */
                {"", ""},
                {"not json", ""},
                {"[]", ""},
                {"{}", ""},
                {"{\"__name__\": 5}", ""},
                {"{\"timeout\": 30, \"mes{\"__name__\": \"echo\"}", ""},
                {"{\"__name__\": \"e\xff\"}", ""},
                {"\r", ""},
        };
        Bed *b = bed_new();

        expect_names(b, STARTUP);
        for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
                g_autofree char *shown = g_strescape(steps[i].line, NULL); /* TAP is UTF-8 */
                g_test_message("%s", shown);
                send_line(b, steps[i].line);
                if (!steps[i].names) {
                        expect_names(b, SET3);
                        /* The number of CPUs is told once with a heartbeat, for the new version. */
                        const char *name;
                        g_autoptr(JsonNode) node = next_message(b, &name);
                        g_assert_nonnull(node);
                        g_assert_cmpstr(name, ==, "number-of-cpus");
                        continue;
                }
                g_autofree char *names = names_until_fence(b);
                g_assert_cmpstr(names, ==, steps[i].names);
        }
        bed_free(b);
}

/* A line without an end, a flood, and a cut: the next good line is answered. */
static void test_abuse(void) {
        Bed *b = bed_new();
        g_autofree char *junk = g_strnfill(60000, '[');

        expect_names(b, STARTUP);
        for (unsigned i = 0; i < 30; i++) {
                g_assert_cmpint(write(b->host, junk, 60000), ==, 60000);
                RUN_UNTIL(sd_event_run(b->event, 0) == 0);
        }
        send_line(b, "");
        expect_nothing(b);

        /* Refreshes that come together are one, or one and another behind it. */
        g_autoptr(GString) flood = g_string_new(NULL);
        for (unsigned i = 0; i < 1000; i++)
                g_string_append(flood, "{\"apiVersion\": 3, \"__name__\": \"refresh\"}\n");
        g_assert_cmpint(write(b->host, flood->str, flood->len), ==, (ssize_t) flood->len);
        expect_names(b, SET0);
        unsigned more = 0;
        for (;;) {
                g_autofree char *names = names_until_fence(b);
                if (!*names)
                        break;
                more += strstr(names, "session-startup") != NULL;
        }
        g_assert_cmpuint(more, <=, 2);

        /* Half a line of one host is not continued by the next. */
        g_assert_cmpint(write(b->host, "{\"__name__\":\"frob", 17), ==, 17);
        RUN_UNTIL(sd_event_run(b->event, 0) == 0);
        b->host = safe_close(b->host);
        g_string_truncate(b->input, 0);
        bed_accept(b);
        expect_nothing(b);
        bed_free(b);
}

/* What has not changed is told every hour all the same, and not in between. */
static void test_hourly(void) {
        static const char all[] =
                "active-user applications host-name os-version network-interfaces disks-usage fqdn ";
        _cleanup_(ovirt_reports_freep) OvirtReports *reports = NULL;
        Bed *b = bed_new();
        ProtocolContext context = {b->port, b->channel, &b->services, b->config};
        uint64_t now;

        expect_names(b, STARTUP);
        g_assert_cmpint(ovirt_reports_new(&reports, &context, on_changed, NULL), ==, 0);
        g_assert_cmpint(sd_event_now(b->event, CLOCK_MONOTONIC, &now), >=, 0);
        ovirt_reports_link_changed(reports, true);
        expect_names(b, "session-startup host-name os-version network-interfaces active-user applications "
                        "fqdn ");
        /* Not part of the set, so this is the first. */
        ovirt_reports_tick(reports, now + 3000 * SECOND);
        expect_names(b, "disks-usage ");
        for (unsigned hour = 1; hour <= 2; hour++) {
                ovirt_reports_tick(reports, now + (hour * 3600 - 60) * SECOND);
                expect_nothing(b);
                ovirt_reports_tick(reports, now + (hour * 3600 + 60) * SECOND);
                expect_names(b, all);
        }
        reports = ovirt_reports_free(reports);
        bed_free(b);
}

/* The next host asks, and gets one set; if its request was lost with the one before it, it gets that too. */
static void test_next_host(void) {
        Bed *b = bed_new();

        expect_names(b, STARTUP);
        for (unsigned i = 0; i < 4; i++) {
                b->host = safe_close(b->host);
                g_string_truncate(b->input, 0);
                bed_accept(b);
                if (i % 2)
                        send_line(b, "{\"__name__\":\"refresh\",\"apiVersion\":3}");
                expect_names(b, SET0);
                g_string_truncate(b->beats, 0);
                while (b->beats->len < 3) {
                        g_autofree char *names = names_until_fence(b);

                        /* A disk may fill meanwhile. */
                        g_assert_null(strstr(names, "session-startup"));
                }
        }
        bed_free(b);
}

/* Some kernels lose a wake-up of the port. What it was about is found with the next heartbeat. */
static void test_lost_edge(void) {
        struct epoll_event lost[16];
        const char *name;
        Bed *b = bed_new();

        expect_names(b, STARTUP);
        expect_nothing(b);
        while (sd_event_run(b->event, 0) > 0)
                ;
        send_line(b, "{\"__name__\":\"echo\"}");
        /* An edge is reported once, whoever asks. */
        g_assert_cmpint(epoll_wait(sd_event_get_fd(b->event), lost, G_N_ELEMENTS(lost), 0), >, 0);
        g_autoptr(JsonNode) node = next_message(b, &name);
        g_assert_nonnull(node);
        g_assert_cmpstr(name, ==, "echo");
        bed_free(b);
}

static void test_stop(void) {
        Bed *b = bed_new();
        const char *name;

        expect_names(b, STARTUP);
        ovirt_protocol_ops.stop(b->protocol);
        g_autoptr(JsonNode) node = next_message(b, &name);
        g_assert_nonnull(node);
        g_assert_cmpstr(name, ==, "session-shutdown");
        /* Nothing follows, no heartbeat either. */
        for (unsigned i = 0; i < 30; i++)
                g_assert_cmpint(sd_event_run(b->event, SECOND / 20), >=, 0);
        g_assert_false(has_line(b));
        bed_free(b);
}

/* Every report there is, as the agent would print it. */
static void test_collect(void) {
        _cleanup_tree_ Tree t = tree_new();
        _cleanup_(config_freep) Config *config = NULL;
        g_autofree char *path = tree_path(&t, "conf");
        unsigned n = 0;

        tree_write(&t, "conf", "");
        g_assert_cmpint(config_load(path, &config), ==, 0);
        for (const char *const *name = ovirt_protocol_ops.report_names; *name; name++, n++) {
                g_autofree char *line = NULL, *head = g_strdup_printf("{\"__name__\":\"%s\"", *name);
                g_autoptr(JsonNode) node = NULL;
                int r = ovirt_protocol_ops.collect(*name, config, &line);

                g_test_message("%s", *name);
                if (g_str_equal(*name, "active-user")) {
                        g_assert_cmpint(r, ==, -ENODATA);
                        continue;
                }
                g_assert_cmpint(r, ==, 0);
                g_assert_true(g_str_has_prefix(line, head) && g_str_has_suffix(line, "}\n"));
                g_assert_cmpint(json_parse(line, strlen(line), &node), ==, 0);
        }
        g_assert_cmpuint(n, ==, _OVIRT_REPORT_MAX);

        g_autofree char *none = NULL;
        g_assert_cmpint(ovirt_protocol_ops.collect("heartbeat!", config, &none), ==, -ENOENT);
        g_assert_null(none);
}

int main(int argc, char **argv) {
        sigset_t child;

        g_test_init(&argc, &argv, NULL);
        /* As the agent does. */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &child, NULL);
        g_test_add_func("/ovirt-protocol/negotiation", test_negotiation);
        g_test_add_func("/ovirt-protocol/commands", test_commands);
        g_test_add_func("/ovirt-protocol/abuse", test_abuse);
        g_test_add_func("/ovirt-protocol/hourly", test_hourly);
        g_test_add_func("/ovirt-protocol/next-host", test_next_host);
        g_test_add_func("/ovirt-protocol/lost-edge", test_lost_edge);
        g_test_add_func("/ovirt-protocol/stop", test_stop);
        g_test_add_func("/ovirt-protocol/collect", test_collect);
        return g_test_run();
}
