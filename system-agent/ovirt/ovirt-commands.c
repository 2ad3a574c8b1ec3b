/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-commands.h"

#include "ovirt/ovirt-layout.h"
#include "services.h"
#include "session-agent/effect.h"
#include "util/json-get.h"

/* A week, in seconds: more is no shutdown. */
#define SHUTDOWN_DELAY_MAX INT64_C(604800)

static int command_refresh(OvirtProtocol *p, JsonObject *members) {
        /* Its presence counts, not its value: a refresh never raises the version. */
        ovirt_protocol_refresh(p, json_object_has_member(members, "apiVersion"));
        return 0;
}

static int command_api_version(OvirtProtocol *p, JsonObject *members) {
        int64_t version;

        if (json_get_integer(members, "apiVersion", &version) != JSON_VALUE)
                return -EINVAL;
        ovirt_protocol_set_version(p, version);
        return 0;
}

static int command_echo(OvirtProtocol *p, JsonObject *members) {
        ovirt_protocol_echo(p, members);
        return 0;
}

static int command_set_number_of_cpus(OvirtProtocol *p, JsonObject *members) {
        int64_t count;

        /* The guest plugs its CPUs itself; the answer tells how many there are. */
        if (json_get_integer(members, "count", &count) != JSON_VALUE || count <= 0)
                return -EINVAL;
        ovirt_protocol_send_cpus(p);
        return 0;
}

static int command_lock_screen(OvirtProtocol *p, JsonObject *members) {
        ovirt_protocol_lock_screen(p);
        return 0;
}

static int command_log_off(OvirtProtocol *p, JsonObject *members) {
        /* Nobody there is what the host wants. */
        (void) session_control_log_off(ovirt_protocol_services(p)->control);
        return 0;
}

/* VDSM sends a string, "True" or "False"; a boolean means the same. */
static bool wants_reboot(JsonObject *members) {
        const char *s;
        bool b;

        if (json_get_bool(members, "reboot", &b) == JSON_VALUE)
                return b;
        return json_get_string(members, "reboot", &s) == JSON_VALUE && g_ascii_strcasecmp(s, "true") == 0;
}

static int command_shutdown(OvirtProtocol *p, JsonObject *members) {
        const char *message = "System is going down";
        int64_t seconds = 0;

        /* Whatever is no number means at once, as it always has. */
        (void) json_get_integer(members, "timeout", &seconds);
        (void) json_get_string(members, "message", &message);
        return logind_shut_down(ovirt_protocol_services(p)->logind, wants_reboot(members),
                                (uint64_t) CLAMP(seconds, 0, SHUTDOWN_DELAY_MAX) * 1000000, message);
}

static int command_hibernate(OvirtProtocol *p, JsonObject *members) {
        const char *state = "disk";

        if (json_object_has_member(members, "state") &&
            json_get_string(members, "state", &state) != JSON_VALUE)
                return -EINVAL;
        if (!g_str_equal(state, "disk") && !g_str_equal(state, "mem"))
                return -EINVAL;
        return logind_sleep(ovirt_protocol_services(p)->logind, g_str_equal(state, "disk"));
}

static int command_lifecycle_event(OvirtProtocol *p, JsonObject *members) {
        JsonNode *reply_id = json_object_get_member(members, "reply_id");
        const char *type = NULL;
        bool failure = false;

        (void) json_get_string(members, "type", &type);
        (void) json_get_bool(members, "failure", &failure);
        ovirt_protocol_lifecycle_event(p, type, failure, reply_id);
        return 0;
}

static int command_login(OvirtProtocol *p, const OvirtMessage *m) {
        Credentials *c;
        int r = ovirt_message_credentials(m, &c);

        if (r < 0)
                return r;
        sign_on_login(ovirt_protocol_services(p)->sign_on, c);
        return 0;
}

/* What the console wants. None of it gets a reply, as hosts know of none: what comes of it is seen inside
 * the guest. */
static int command_monitors_config(OvirtProtocol *p, JsonObject *members) {
        _cleanup_free_ Layout *layout = g_new0(Layout, 1);
        _cleanup_free_ char *reason = ovirt_layout_read(members, layout);

        if (reason)
                return -EINVAL;
        console_host_layout(ovirt_protocol_services(p)->console, layout);
        return 0;
}

static int command_display_effects(OvirtProtocol *p, JsonObject *members) {
        unsigned off;

        if (!ovirt_effects_read(members, &off))
                return -EINVAL;
        console_host_effects(ovirt_protocol_services(p)->console, off);
        return 0;
}

static int command_effects_off(OvirtProtocol *p, JsonObject *members) {
        console_host_effects(ovirt_protocol_services(p)->console, EFFECTS_ALL);
        return 0;
}

static int command_effects_restore(OvirtProtocol *p, JsonObject *members) {
        console_host_effects(ovirt_protocol_services(p)->console, 0);
        return 0;
}

static int command_console_state(OvirtProtocol *p, JsonObject *members) {
        bool connected;

        if (json_get_bool(members, "connected", &connected) != JSON_VALUE)
                return -EINVAL;
        console_host_connected(ovirt_protocol_services(p)->console, connected);
        return 0;
}

/* What the host sends while nobody has the port open waits for us, for as long as it takes. Locking late
 * does no harm, and an answer that is asked for is given; but whoever asked for these has long gone another
 * way. */
typedef enum Staleness {
        OBEYED_STALE,
        DROPPED_STALE,
} Staleness;

static const struct {
        const char *name;
        int (*run)(OvirtProtocol *p, JsonObject *members);
        Staleness staleness;
        int (*run_secret)(OvirtProtocol *p,
                          const OvirtMessage *m); /* instead: of its members no copy is made */
} commands[] = {
        {"api-version", command_api_version},
        {"console-state", command_console_state},
        {"display-effects", command_display_effects},
        {"echo", command_echo},
        {"effects-off", command_effects_off},
        {"effects-restore", command_effects_restore},
        {"hibernate", command_hibernate, DROPPED_STALE},
        {"lifecycle-event", command_lifecycle_event},
        {"lock-screen", command_lock_screen},
        {"log-off", command_log_off, DROPPED_STALE},
        {"login", NULL, DROPPED_STALE, command_login},
        {"monitors-config", command_monitors_config},
        {"refresh", command_refresh},
        {"set-number-of-cpus", command_set_number_of_cpus},
        {"shutdown", command_shutdown, DROPPED_STALE},
};

int ovirt_command_run(OvirtProtocol *p, OvirtMessage *m) {
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
                if (g_str_equal(commands[i].name, m->name)) {
                        if (commands[i].staleness == DROPPED_STALE && ovirt_protocol_may_be_stale(p))
                                return -ESTALE;
                        if (commands[i].run_secret)
                                return commands[i].run_secret(p, m);
                        return commands[i].run(p, ovirt_message_members(m));
                }
        return -ENOENT;
}
