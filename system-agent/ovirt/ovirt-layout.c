/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-layout.h"

#include "session-agent/effect.h"
#include "util/json-get.h"

/* Null is as good as absent. */
static bool read_field(Monitor *m, LayoutGiven field, JsonObject *o) {
        const char *key = layout_fields[field].key, *text;
        JsonFound found;
        int64_t integer;
        bool b;

        switch (layout_fields[field].type) {
        case 's':
                found = json_get_string(o, key, &text);
                return found == JSON_VALUE ? monitor_set_text(m, field, text) : found == JSON_ABSENT;
        case 'b':
                found = json_get_bool(o, key, &b);
                return found == JSON_VALUE ? monitor_set_bool(m, field, b) : found == JSON_ABSENT;
        default:
                found = json_get_integer(o, key, &integer);
                return found == JSON_VALUE ? monitor_set_int(m, field, integer) : found == JSON_ABSENT;
        }
}

char *ovirt_layout_read(JsonObject *members, Layout *ret) {
        JsonArray *list = json_node_as_array(json_object_get_member(members, "monitors"));
        unsigned n = list ? json_array_get_length(list) : 0;

        ret->n = 0;
        if (!list)
                return g_strdup("It has no list of monitors");
        for (unsigned i = 0; i < n; i++) {
                JsonObject *o = json_node_as_object(json_array_get_element(list, i));
                Monitor *m = layout_add(ret);

                if (!m)
                        return g_strdup_printf("There are more than %d monitors in it", LAYOUT_MONITORS_MAX);
                if (!o)
                        return g_strdup_printf("Monitor %u is no object", i);
                for (LayoutGiven field = 0; field < LAYOUT_FIELDS; field++)
                        if (!read_field(m, field, o))
                                return g_strdup_printf("Monitor %u has no %s that could be", i,
                                                       layout_fields[field].key);
        }
        return layout_check(ret);
}

bool ovirt_effects_read(JsonObject *members, unsigned *ret) {
        JsonArray *list = json_node_as_array(json_object_get_member(members, "off"));
        unsigned n = list ? json_array_get_length(list) : 0;

        *ret = 0;
        for (unsigned i = 0; i < n; i++) {
                const char *name = json_node_as_string(json_array_get_element(list, i));
                Effect effect;

                if (name && effect_from_name(name, &effect))
                        *ret |= 1U << effect;
        }
        return list;
}
