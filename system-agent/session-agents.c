/* SPDX-License-Identifier: Apache-2.0 */
#include "session-agents.h"

#include "dbus-names.h"

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

static int call(SessionAgents *a, const Session *s, const char *method, sd_bus_slot **ret_call,
                sd_bus_message_handler_t on_answer, void *userdata) {
        sd_bus_message *m = NULL;
        int r;

        if (!a->bus)
                return -ENOTCONN;
        r = sd_bus_message_new_method_call(a->bus, &m, s->agent, OVIRT_SESSION_AGENT_PATH,
                                           OVIRT_SESSION_AGENT_INTERFACE, method);
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
