/* SPDX-License-Identifier: Apache-2.0 */
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "dbus-names.h"
#include "session-agent.h"
#include "session.h"

/* Wrong options, or a wrong configuration; other failures are EXIT_FAILURE. */
#define EXIT_USAGE 2
/* The session has ended. What started us may be still there, and have another one for us. */
#define EXIT_SESSION_ENDED 3

typedef struct Options {
        char *config;
        gboolean print_config;
} Options;

typedef struct Main {
        const Config *config;
        GMainLoop *loop;
        GDBusConnection *system_bus, *session_bus;
        Session *session;
        SessionAgent *agent;
        int status;
} Main;

/* 1 to go on, 0 to leave, negative for wrong options (said). */
static int parse_arguments(int argc, char **argv, Options *o) {
        gboolean version = false, debug = false;
        const GOptionEntry options[] = {
                {"config", 0, 0, G_OPTION_ARG_FILENAME, &o->config, "Read this configuration file", "FILE"},
                {"print-config", 0, 0, G_OPTION_ARG_NONE, &o->print_config,
                 "Show the configuration in effect", NULL},
                {"debug", 0, 0, G_OPTION_ARG_NONE, &debug, "Log more", NULL},
                {"version", 0, 0, G_OPTION_ARG_NONE, &version, "Show the version", NULL},
                {},
        };
        g_autoptr(GOptionContext) context = g_option_context_new(NULL);
        g_autoptr(GError) error = NULL;

        g_option_context_set_summary(context, "Speaks for a desktop session to the oVirt guest agent.");
        g_option_context_set_description(context, "See ovirt-session-agent(1).");
        g_option_context_add_main_entries(context, options, NULL);
        if (!g_option_context_parse(context, &argc, &argv, &error)) {
                g_message("%s; see --help", error->message);
                return -1;
        }
        if (argc > 1) {
                g_message("Unexpected argument \"%s\"; see --help", argv[1]);
                return -1;
        }
        if (version) {
                puts("ovirt-guest-agent " PROJECT_VERSION);
                return 0;
        }
        g_log_set_debug_enabled(debug);
        return 1;
}

static gboolean on_signal(gpointer userdata) {
        Main *m = userdata;

        g_main_loop_quit(m->loop);
        return G_SOURCE_CONTINUE;
}

static void on_session_end(void *userdata) {
        Main *m = userdata;

        g_debug("The session has ended");
        m->status = EXIT_SESSION_ENDED;
        g_main_loop_quit(m->loop);
}

/* The bus of a session goes with the session, that of the system never should. */
static void on_bus_closed(GDBusConnection *bus, gboolean peer_vanished, GError *error, gpointer userdata) {
        Main *m = userdata;

        if (bus == m->system_bus) {
                g_message("The system bus is gone");
                m->status = EXIT_FAILURE;
        }
        g_main_loop_quit(m->loop);
}

static GDBusConnection *connect_to(Main *m, GBusType type, GError **error) {
        GDBusConnection *bus = g_bus_get_sync(type, NULL, error);

        if (bus) {
                g_dbus_connection_set_exit_on_close(bus, false);
                g_signal_connect(bus, "closed", G_CALLBACK(on_bus_closed), m);
        }
        return bus;
}

static void disconnect_from(Main *m, GDBusConnection *bus) {
        if (!bus)
                return;
        g_signal_handlers_disconnect_by_data(bus, m);
        g_object_unref(bus);
}

/* There may be two that want to speak for a session: that of the service manager, and that of the desktop.
 * One bus may belong to several sessions of a user, so the name on it has the session's in it. False with no
 * error if another process was first. */
static bool be_the_only_one(Main *m, GError **error) {
        g_autofree char *name =
                g_strdup_printf("%s.Session%s", OVIRT_SESSION_AGENT_INTERFACE, session_id(m->session));
        g_autoptr(GVariant) answer = g_dbus_connection_call_sync(
                m->session_bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                "RequestName", g_variant_new("(su)", name, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE),
                G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
        uint32_t result = 0;

        if (answer)
                g_variant_get(answer, "(u)", &result);
        return result == 1; /* primary owner */
}

static bool start(Main *m, GError **error) {
        m->system_bus = connect_to(m, G_BUS_TYPE_SYSTEM, error);
        if (!m->system_bus)
                return false;
        m->session_bus = connect_to(m, G_BUS_TYPE_SESSION, error);
        if (!m->session_bus)
                return false;
        m->session = session_new(m->system_bus, on_session_end, m, error);
        if (!m->session || !be_the_only_one(m, error))
                return false;
        /* Not before, as the questions above wait for their answers; not later, as it may begin by restoring
         * effects, which is not to be left in the middle. */
        g_unix_signal_add(SIGTERM, on_signal, m);
        g_unix_signal_add(SIGINT, on_signal, m);
        m->agent = session_agent_new(m->system_bus, m->session_bus, m->session, m->config, error);
        return m->agent;
}

static int run(const Config *config) {
        Main m = {.config = config, .loop = g_main_loop_new(NULL, false), .status = EXIT_SUCCESS};
        g_autoptr(GError) error = NULL;

        if (start(&m, &error))
                g_main_loop_run(m.loop);
        else if (error) {
                g_message("Cannot start: %s", error->message);
                m.status = EXIT_FAILURE;
        } else
                g_debug("Session %s has an agent already", session_id(m.session));

        session_agent_free(m.agent);
        session_free(m.session);
        disconnect_from(&m, m.session_bus);
        disconnect_from(&m, m.system_bus);
        g_main_loop_unref(m.loop);
        return m.status;
}

int main(int argc, char **argv) {
        g_autoptr(GError) error = NULL;
        Options o = {};
        Config *config;
        int r;

        g_log_writer_default_set_use_stderr(true);
        r = parse_arguments(argc, argv, &o);
        if (r <= 0) {
                g_free(o.config);
                return r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
        }
        config = config_load(o.config, &error);
        g_free(o.config);
        if (!config) {
                g_message("%s", error->message);
                return EXIT_USAGE;
        }
        r = EXIT_SUCCESS;
        if (o.print_config)
                config_print(config, stdout);
        else
                r = run(config);
        config_free(config);
        return r;
}
