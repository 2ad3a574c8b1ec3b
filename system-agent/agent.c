/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <signal.h>
#include <stdlib.h>

#include <systemd/sd-daemon.h>

#include "bus.h"
#include "channels.h"
#include "console.h"
#include "cred-server.h"
#include "dbus-agent.h"
#include "dbus-credentials.h"
#include "dbus-registration.h"
#include "dbus-session.h"
#include "guest-monitor.h"
#include "hooks.h"
#include "logind.h"
#include "services.h"
#include "session-agents.h"
#include "session-control.h"
#include "session-registry.h"
#include "sign-on.h"
#include "util/log.h"

/* How long the last message may take to leave. */
#define GOODBYE_USEC UINT64_C(1000000)

/* One protocol on its port. */
typedef struct Line {
        const ProtocolOps *ops;
        Port *port;
        void *protocol;
} Line;

struct Agent {
        const Config *config;
        sd_event *event;
        Services services;
        Channels *channels;
        SessionRegistry *sessions;
        Logind *logind;
        SessionAgents *session_agents;
        SessionControl *control;
        Console *console;
        Hooks *hooks;
        CredServer *credentials; /* NULL if nobody could fetch any */
        SignOn *sign_on;
        DbusCredentials *credentials_face;
        DbusAgent *face;
        DbusRegistration *registration;
        DbusSession *session_face;
        Bus *bus;
        char *user; /* at the seat, as the bus was told */
        GuestMonitor *monitor;
        Line *lines;
        size_t n_lines;
};

static void on_guest_changed(unsigned changes, void *userdata) {
        Agent *a = userdata;

        for (size_t i = 0; i < a->n_lines; i++)
                a->lines[i].ops->guest_changed(a->lines[i].protocol, changes);
}

static void on_session_changed(const Session *session, unsigned changes, void *userdata) {
        Agent *a = userdata;

        session_control_session_changed(a->control, session, changes);
        console_session_changed(a->console, session, changes);
        dbus_registration_session_changed(a->registration, session, changes);
        dbus_session_changed(a->session_face, session, changes);
}

static void on_sessions_settled(void *userdata) {
        Agent *a = userdata;
        const Session *s = session_registry_at_seat(a->sessions);

        session_control_sessions_settled(a->control);
        sign_on_sessions_settled(a->sign_on);
        if (g_strcmp0(a->user, s ? s->user : NULL) != 0) {
                g_free(a->user);
                a->user = s ? g_strdup(s->user) : NULL;
                dbus_agent_user_changed(a->face);
        }
        on_guest_changed(GUEST_CHANGE_USER, a);
}

static int on_announce(const char *token, uint32_t uid, void *userdata) {
        Agent *a = userdata;

        return dbus_credentials_announce(a->credentials_face, token, uid);
}

static void on_offer_ended(void *userdata) {
        Agent *a = userdata;

        dbus_credentials_stop(a->credentials_face);
}

static void on_refresh(void *userdata) {
        Agent *a = userdata;

        for (size_t i = 0; i < a->n_lines; i++)
                a->lines[i].ops->refresh(a->lines[i].protocol);
}

/* What "systemctl status" shows. */
static void notify_status(const Agent *a) {
        g_autoptr(GString) status = g_string_new("STATUS=");
        const Channel *c;

        for (unsigned i = 0; (c = channels_get(a->channels, i)); i++)
                g_string_append_printf(status, "%s%s: %s", i > 0 ? "; " : "", channel_name(c),
                                       channel_host_connected(c) ? "host connected"
                                       : channel_port(c)[0]      ? "waiting for the host"
                                                                 : "no port");
        (void) sd_notify(false, status->str);
}

static void on_channels_changed(void *userdata) {
        Agent *a = userdata;

        dbus_agent_channels_changed(a->face);
        notify_status(a);
}

static int on_bus_connected(sd_bus *bus, void *userdata) {
        Agent *a = userdata;
        int r;

        session_agents_attach(a->session_agents, bus);
        /* Objects first, the name last. */
        if ((r = dbus_session_attach(a->session_face, bus)) < 0 || (r = logind_attach(a->logind, bus)) < 0 ||
            (r = dbus_credentials_attach(a->credentials_face, bus)) < 0)
                return r;
        return dbus_agent_attach(a->face, bus);
}

static void on_bus_disconnected(void *userdata) {
        Agent *a = userdata;

        session_control_bus_lost(a->control);
        console_bus_lost(a->console);
        logind_detach(a->logind);
        session_agents_detach(a->session_agents);
        dbus_registration_detach(a->registration);
        dbus_session_detach(a->session_face);
        dbus_credentials_detach(a->credentials_face);
        dbus_agent_detach(a->face);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        log_info("Stopping on signal %u", si->ssi_signo);
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int set_up_loop(Agent *a) {
        sigset_t mask;
        int r;

        /* SIGCHLD is for the children that sd-event watches. */
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        (void) signal(SIGPIPE, SIG_IGN);

        if ((r = sd_event_new(&a->event)) < 0 ||
            (r = sd_event_add_signal(a->event, NULL, SIGTERM, on_signal, a)) < 0 ||
            (r = sd_event_add_signal(a->event, NULL, SIGINT, on_signal, a)) < 0)
                return r;
        return sd_event_set_watchdog(a->event, true);
}

static int add_line(Agent *a, const ProtocolOps *ops, const PortOverride *overrides, size_t n_overrides) {
        Line *l = &a->lines[a->n_lines];
        ProtocolContext context = {
                .port = port_new(a->event, ops, a->config->device_prefix, overrides, n_overrides),
                .channel = channels_add(a->channels, ops->name),
                .services = &a->services,
                .config = a->config,
        };
        int r;

        l->ops = ops;
        l->port = context.port;
        r = ops->new (&l->protocol, &context);
        if (r < 0) {
                l->port = port_free(l->port);
                return r;
        }
        a->n_lines++;
        return 0;
}

/* The service manager makes the directory where the PAM module looks; run by hand there is none. */
static void serve_credentials(Agent *a) {
        const char *directory = secure_getenv("RUNTIME_DIRECTORY");
        _cleanup_free_ char *name = g_path_get_basename(CRED_SOCKET_PATH), *path = NULL;
        int r;

        if (!directory)
                return;
        path = g_build_filename(directory, name, NULL);
        r = cred_server_new(&a->credentials, a->event, path, on_offer_ended, a);
        if (r < 0)
                log_error_errno(r, "No single sign-on: cannot listen on %s: %m", path);
}

int agent_new(Agent **ret, const Config *config, const PortOverride *overrides, size_t n_overrides) {
        static const BusCallbacks bus_callbacks = {on_bus_connected, on_bus_disconnected};
        static const SessionCallbacks session_callbacks = {on_session_changed, on_sessions_settled};
        _cleanup_(agent_freep) Agent *a = g_new0(Agent, 1);
        size_t n = 0;
        int r;

        a->config = config;
        r = set_up_loop(a);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event loop: %m");

        a->channels = channels_new(on_channels_changed, a);
        a->sessions = session_registry_new(a->event, &session_callbacks, a);
        a->logind = logind_new(a->sessions);
        a->session_agents = session_agents_new();
        a->control = session_control_new(a->event, a->sessions, a->logind, a->session_agents);
        a->console = console_new(a->event, a->sessions, a->session_agents);
        a->hooks = hooks_new(a->event, config->hooks_directory, HOOKS_TIME_USEC, sd_booted() > 0);
        a->credentials_face = dbus_credentials_new();
        serve_credentials(a);
        a->sign_on = sign_on_new(a->event, config, a->sessions, a->logind, a->credentials, on_announce, a);
        a->services = (Services){
                .event = a->event,
                .sessions = a->sessions,
                .logind = a->logind,
                .control = a->control,
                .console = a->console,
                .hooks = a->hooks,
                .sign_on = a->sign_on,
        };
        a->registration = dbus_registration_new(a->sessions);
        a->session_face = dbus_session_new(a->sessions, a->control, a->console);
        a->face = dbus_agent_new(a->channels, a->sessions, a->registration, on_refresh, a);
        a->bus = bus_new(a->event, &bus_callbacks, a);

        while (protocols[n])
                n++;
        a->lines = g_new0(Line, n);
        for (size_t i = 0; i < n; i++) {
                r = add_line(a, protocols[i], overrides, n_overrides);
                if (r < 0)
                        return log_error_errno(r, "Cannot set up channel \"%s\": %m", protocols[i]->name);
        }
        a->monitor = guest_monitor_new(a->event, on_guest_changed, a);
        *ret = TAKE_PTR(a);
        return 0;
}

Agent *agent_free(Agent *a) {
        if (!a)
                return NULL;
        guest_monitor_free(a->monitor);
        for (size_t i = 0; i < a->n_lines; i++) {
                a->lines[i].ops->free(a->lines[i].protocol);
                port_free(a->lines[i].port);
        }
        g_free(a->lines);
        bus_free(a->bus);
        dbus_agent_free(a->face);
        dbus_session_free(a->session_face);
        dbus_registration_free(a->registration);
        sign_on_free(a->sign_on);
        cred_server_free(a->credentials);
        dbus_credentials_free(a->credentials_face);
        hooks_free(a->hooks);
        console_free(a->console);
        session_control_free(a->control);
        session_agents_free(a->session_agents);
        logind_free(a->logind);
        session_registry_free(a->sessions);
        g_free(a->user);
        channels_free(a->channels);
        sd_event_unref(a->event);
        g_free(a);
        return NULL;
}

int agent_run(Agent *a) {
        int r;

        /* The host first: nothing on the bus is needed to serve it. */
        for (size_t i = 0; i < a->n_lines; i++)
                port_start(a->lines[i].port, a->lines[i].protocol);
        bus_connect(a->bus);
        notify_status(a);
        (void) sd_notify(false, "READY=1");

        r = sd_event_loop(a->event);
        if (r < 0)
                log_error_errno(r, "The event loop failed: %m");

        (void) sd_notify(false, "STOPPING=1\nSTATUS=");
        for (size_t i = 0; i < a->n_lines; i++)
                a->lines[i].ops->stop(a->lines[i].protocol);
        for (size_t i = 0; i < a->n_lines; i++)
                port_drain(a->lines[i].port, GOODBYE_USEC);
        return r;
}
