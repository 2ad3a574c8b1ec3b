/* SPDX-License-Identifier: Apache-2.0 */
#include "layout-variant.h"

static bool set_field(Monitor *m, LayoutGiven field, GVariant *value) {
        switch (layout_fields[field].type) {
        case 's':
                return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
                       monitor_set_text(m, field, g_variant_get_string(value, NULL));
        case 'b':
                return g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN) &&
                       monitor_set_bool(m, field, g_variant_get_boolean(value));
        default:
                return g_variant_is_of_type(value, G_VARIANT_TYPE_INT32) &&
                       monitor_set_int(m, field, g_variant_get_int32(value));
        }
}

static char *read_monitor(Layout *l, GVariant *dictionary) {
        Monitor *m = layout_add(l);
        GVariantIter iter;
        const char *key;
        GVariant *value;

        if (!m)
                return g_strdup_printf("There are more than %d monitors in it", LAYOUT_MONITORS_MAX);
        g_variant_iter_init(&iter, dictionary);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
                LayoutGiven field = layout_field(key);
                bool right = field == LAYOUT_FIELDS || set_field(m, field, value);

                g_variant_unref(value);
                if (!right)
                        return g_strdup_printf("Monitor %u has no %s that could be", l->n - 1,
                                               layout_fields[field].key);
        }
        return NULL;
}

char *layout_from_variant(Layout *ret, GVariant *value) {
        GVariantIter iter;
        GVariant *dictionary;
        char *reason = NULL;

        ret->n = 0;
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE("aa{sv}")))
                return g_strdup("It is no layout");
        g_variant_iter_init(&iter, value);
        while (!reason && (dictionary = g_variant_iter_next_value(&iter))) {
                reason = read_monitor(ret, dictionary);
                g_variant_unref(dictionary);
        }
        return reason;
}

GVariant *layout_to_variant(const Layout *l) {
        GVariantBuilder list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

        for (unsigned i = 0; i < l->n; i++) {
                const Monitor *m = &l->monitors[i];

                g_variant_builder_open(&list, G_VARIANT_TYPE_VARDICT);
                for (LayoutGiven field = 0; field < LAYOUT_FIELDS; field++) {
                        char type = layout_fields[field].type;

                        if (monitor_has(m, field))
                                g_variant_builder_add(
                                        &list, "{sv}", layout_fields[field].key,
                                        type == 's' ? g_variant_new_string(monitor_get_text(m, field))
                                        : type == 'b'
                                                ? g_variant_new_boolean(monitor_get_bool(m, field))
                                                : g_variant_new_int32((int32_t) monitor_get_int(m, field)));
                }
                g_variant_builder_close(&list);
        }
        return g_variant_builder_end(&list);
}
