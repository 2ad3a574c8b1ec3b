/* SPDX-License-Identifier: Apache-2.0 */
#include "session-agents.h"

#include "dbus-names.h"
#include "layout-bus.h"
#include "session-agent/effect.h"
#include "util/log.h"

#define CALL_USEC UINT64_C(5000000)

struct SessionAgents {
        sd_bus *bus;
};

SessionAgents *session_agents_new(void) {
        return g_new0(SessionAgents, 1);
}

void session_agents_attach(SessionAgents *a, sd_bus *bus) {
        session_agents_detach(a);
        a->bus = sd_bus_ref(bus);
}

void session_agents_detach(SessionAgents *a) {
        a->bus = sd_bus_unref(a->bus);
}

SessionAgents *session_agents_free(SessionAgents *a) {
        if (!a)
                return NULL;
        session_agents_detach(a);
        g_free(a);
        return NULL;
}

static int new_call(SessionAgents *a, const Session *s, const char *method, sd_bus_message **ret) {
        if (!a->bus)
                return -ENOTCONN;
        return sd_bus_message_new_method_call(a->bus, ret, s->agent, OVIRT_SESSION_AGENT_PATH,
                                              OVIRT_SESSION_AGENT_INTERFACE, method);
}

static int call(SessionAgents *a, const Session *s, const char *method, sd_bus_slot **ret_call,
                sd_bus_message_handler_t on_answer, void *userdata) {
        sd_bus_message *m = NULL;
        int r = new_call(a, s, method, &m);

        if (r >= 0)
                r = sd_bus_call_async(a->bus, ret_call, m, on_answer, userdata, CALL_USEC);
        sd_bus_message_unref(m);
        return r < 0 ? r : 0;
}

int session_agents_lock(SessionAgents *a, const Session *s, sd_bus_slot **ret_call,
                        sd_bus_message_handler_t on_answer, void *userdata) {
        if (!s->agent || !s->offer.lock)
                return -EOPNOTSUPP;
        return call(a, s, "Lock", ret_call, on_answer, userdata);
}

int session_agents_log_out(SessionAgents *a, const Session *s, sd_bus_slot **ret_call,
                           sd_bus_message_handler_t on_answer, void *userdata) {
        if (!s->agent || !s->offer.logout)
                return -EOPNOTSUPP;
        return call(a, s, "Logout", ret_call, on_answer, userdata);
}

int session_agents_apply_layout(SessionAgents *a, const Session *s, const Layout *layout, bool verify,
                                sd_bus_slot **ret_call, sd_bus_message_handler_t on_answer, void *userdata) {
        sd_bus_message *m = NULL;
        int r;

        if (!s->agent || !s->offer.display)
                return -EOPNOTSUPP;
        if ((r = new_call(a, s, "ApplyLayout", &m)) >= 0 && (r = layout_bus_append(m, layout)) >= 0 &&
            (r = sd_bus_message_append(m, "b", (int) verify)) >= 0)
                r = sd_bus_call_async(a->bus, ret_call, m, on_answer, userdata, CALL_USEC);
        sd_bus_message_unref(m);
        return r < 0 ? r : 0;
}

static int on_told(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_error(m, NULL))
                log_debug("A session agent refuses %s", (const char *) userdata);
        return 0;
}

int session_agents_set_effects(SessionAgents *a, const Session *s, unsigned off) {
        _cleanup_free_ const char **names = effects_to_names(off);
        sd_bus_message *m = NULL;
        int r;

        if (!s->agent || !s->offer.effects)
                return -EOPNOTSUPP;
        if ((r = new_call(a, s, "SetEffects", &m)) >= 0 &&
            (r = sd_bus_message_append_strv(m, (char **) names)) >= 0)
                r = sd_bus_call_async(a->bus, NULL, m, on_told, (void *) "effects", CALL_USEC);
        sd_bus_message_unref(m);
        return r < 0 ? r : 0;
}

int session_agents_set_console(SessionAgents *a, const Session *s, bool connected) {
        sd_bus_message *m = NULL;
        int r;

        if (!s->agent || !s->offer.effects)
                return -EOPNOTSUPP;
        if ((r = new_call(a, s, "SetConsole", &m)) >= 0 &&
            (r = sd_bus_message_append(m, "b", (int) connected)) >= 0)
                r = sd_bus_call_async(a->bus, NULL, m, on_told, (void *) "the console's state", CALL_USEC);
        sd_bus_message_unref(m);
        return r < 0 ? r : 0;
}
