/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-own-name.h"

#include "util/log.h"

/* The bus's answer to a request for a name that has an owner. */
#define NAME_IN_QUEUE 2

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const sd_bus_error *e = sd_bus_message_get_error(m);
        const char *name = userdata;
        uint32_t result = 0;

        if (e)
                log_warning("Cannot own the bus name %s: %s", name, e->message);
        else if (sd_bus_message_read(m, "u", &result) >= 0 && result == NAME_IN_QUEUE)
                log_warning("The bus name %s belongs to another process; waiting for it", name);
        return 0;
}

int dbus_own_name(sd_bus *bus, sd_bus_slot **ret_slot, const char *name) {
        return sd_bus_request_name_async(bus, ret_slot, name, SD_BUS_NAME_QUEUE, on_name, (void *) name);
}
