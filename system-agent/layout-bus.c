/* SPDX-License-Identifier: Apache-2.0 */
#include "layout-bus.h"

#include "util/cleanup.h"

/* 1 if it was taken, 0 if it cannot be. */
static int read_value(sd_bus_message *m, LayoutGiven field, Monitor *monitor) {
        const char contents[] = {layout_fields[field].type, 0};
        const char *text;
        int32_t integer;
        int b, r;

        r = sd_bus_message_verify_type(m, 'v', contents);
        if (r <= 0)
                return r < 0 ? r : sd_bus_message_skip(m, "v") < 0 ? -EBADMSG : 0;
        switch (contents[0]) {
        case 's':
                r = sd_bus_message_read(m, "v", "s", &text);
                return r < 0 ? r : monitor_set_text(monitor, field, text);
        case 'b':
                r = sd_bus_message_read(m, "v", "b", &b);
                return r < 0 ? r : monitor_set_bool(monitor, field, b);
        default:
                r = sd_bus_message_read(m, "v", "i", &integer);
                return r < 0 ? r : monitor_set_int(monitor, field, integer);
        }
}

static int read_entry(sd_bus_message *m, Layout *l, Monitor *monitor, char **reason) {
        LayoutGiven field;
        const char *key;
        int r = sd_bus_message_read(m, "s", &key);

        if (r < 0)
                return r;
        field = layout_field(key);
        if (field == LAYOUT_FIELDS || *reason)
                return sd_bus_message_skip(m, "v");
        r = read_value(m, field, monitor);
        if (r == 0)
                *reason = g_strdup_printf("Monitor %u has no %s that could be", l->n - 1,
                                          layout_fields[field].key);
        return r;
}

int layout_bus_read(sd_bus_message *m, Layout *ret, char **ret_reason) {
        _cleanup_free_ char *reason = NULL;
        int r = sd_bus_message_enter_container(m, 'a', "a{sv}");

        ret->n = 0;
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'a', "{sv}")) > 0) {
                Monitor ignored = {}, *monitor = layout_add(ret);

                if (!monitor && !reason)
                        reason = g_strdup_printf("There are more than %d monitors in it",
                                                 LAYOUT_MONITORS_MAX);
                while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0)
                        if ((r = read_entry(m, ret, monitor ?: &ignored, &reason)) < 0 ||
                            (r = sd_bus_message_exit_container(m)) < 0)
                                return r;
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret_reason = TAKE_PTR(reason);
        return 0;
}

static int append_value(sd_bus_message *m, const Monitor *monitor, LayoutGiven field) {
        const char *key = layout_fields[field].key;

        switch (layout_fields[field].type) {
        case 's':
                return sd_bus_message_append(m, "{sv}", key, "s", monitor_get_text(monitor, field));
        case 'b':
                return sd_bus_message_append(m, "{sv}", key, "b", (int) monitor_get_bool(monitor, field));
        default:
                return sd_bus_message_append(m, "{sv}", key, "i", (int32_t) monitor_get_int(monitor, field));
        }
}

int layout_bus_append(sd_bus_message *m, const Layout *l) {
        int r = sd_bus_message_open_container(m, 'a', "a{sv}");

        for (unsigned i = 0; l && r >= 0 && i < l->n; i++) {
                r = sd_bus_message_open_container(m, 'a', "{sv}");
                for (LayoutGiven field = 0; r >= 0 && field < LAYOUT_FIELDS; field++)
                        if (monitor_has(&l->monitors[i], field))
                                r = append_value(m, &l->monitors[i], field);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}
