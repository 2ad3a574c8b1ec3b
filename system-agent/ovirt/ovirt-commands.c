/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-commands.h"

#include "util/json-get.h"

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

static int command_unsupported(OvirtProtocol *p, JsonObject *members) {
        return -EOPNOTSUPP;
}

static const struct {
        const char *name;
        int (*run)(OvirtProtocol *p, JsonObject *members);
} commands[] = {
        {"api-version", command_api_version},
        {"echo", command_echo},
        {"hibernate", command_unsupported},
        {"lifecycle-event", command_unsupported},
        {"lock-screen", command_unsupported},
        {"log-off", command_unsupported},
        {"login", command_unsupported},
        {"refresh", command_refresh},
        {"set-number-of-cpus", command_set_number_of_cpus},
        {"shutdown", command_unsupported},
};

int ovirt_command_run(OvirtProtocol *p, const OvirtMessage *m) {
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
                if (g_str_equal(commands[i].name, m->name))
                        return commands[i].run(p, m->members);
        return -ENOENT;
}
