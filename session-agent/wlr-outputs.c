/* SPDX-License-Identifier: Apache-2.0 */
#include "wlr-outputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connector.h"

#define INTERFACE "zwlr_output_manager_v1"
/* From the third on, what is finished is given back. */
#define VERSION_MAX 3U
#define VERSION_RELEASE 3U
#define MODES_MAX 512U

/* Objects that are made by this side. Compositors want their numbers without gaps. */
enum {
        DISPLAY = 1,
        REGISTRY,
        SYNC,
        MANAGER,
        FIRST_FREE,
};
/* Those of the compositor's. */
#define SERVERS_FIRST 0xff000000U

enum { DISPLAY_SYNC, DISPLAY_GET_REGISTRY };
enum { DISPLAY_ERROR, DISPLAY_DELETE_ID };
enum { REGISTRY_BIND };
enum { REGISTRY_GLOBAL };
enum { MANAGER_CREATE_CONFIGURATION };
enum { MANAGER_HEAD, MANAGER_DONE, MANAGER_FINISHED };
enum { RELEASE };
enum {
        HEAD_NAME,
        HEAD_DESCRIPTION,
        HEAD_PHYSICAL_SIZE,
        HEAD_MODE,
        HEAD_ENABLED,
        HEAD_CURRENT_MODE,
        HEAD_POSITION,
        HEAD_TRANSFORM,
        HEAD_SCALE,
        HEAD_FINISHED,
};
enum { MODE_SIZE, MODE_REFRESH, MODE_PREFERRED, MODE_FINISHED };
enum {
        CONFIGURATION_ENABLE_HEAD,
        CONFIGURATION_DISABLE_HEAD,
        CONFIGURATION_APPLY,
        CONFIGURATION_TEST,
        CONFIGURATION_DESTROY,
};
enum { CONFIGURATION_SUCCEEDED, CONFIGURATION_FAILED, CONFIGURATION_CANCELLED };
enum { OUTPUT_SET_MODE, OUTPUT_SET_CUSTOM_MODE, OUTPUT_SET_POSITION };

typedef struct Mode {
        uint32_t object;
        int32_t width, height, refresh; /* in millihertz */
        bool preferred;
} Mode;

typedef struct Head {
        uint32_t object;
        char *name; /* or NULL */
        GArray *modes;
        int32_t width_mm, height_mm;
        bool enabled;
        uint32_t mode;
        int32_t x, y, transform;
        double scale;
} Head;

struct WlrOutputs {
        GByteArray *to;
        uint32_t version; /* of the manager; 0 while there is none */
        uint32_t serial;
        GPtrArray *heads;
        uint32_t configuration; /* the one that waits for its answer, or 0 */
        /* Numbers are used again when none of them is in use. */
        uint32_t next, in_use;
};

static void head_free(gpointer p) {
        Head *head = p;

        g_free(head->name);
        g_array_unref(head->modes);
        g_free(head);
}

WlrOutputs *wlr_outputs_new(GByteArray *to) {
        WlrOutputs *w = g_new0(WlrOutputs, 1);

        w->to = to;
        w->heads = g_ptr_array_new_with_free_func(head_free);
        w->next = FIRST_FREE;
        wire_put(to, DISPLAY, DISPLAY_GET_REGISTRY, "u", REGISTRY);
        wire_put(to, DISPLAY, DISPLAY_SYNC, "u", SYNC);
        return w;
}

WlrOutputs *wlr_outputs_free(WlrOutputs *w) {
        if (!w)
                return NULL;
        g_ptr_array_unref(w->heads);
        g_free(w);
        return NULL;
}

/* --- what the compositor says ------------------------------------------------------------------------- */

static Head *get_head(const WlrOutputs *w, unsigned i) {
        return w->heads->pdata[i];
}

static Head *find_head(const WlrOutputs *w, uint32_t object) {
        for (unsigned i = 0; i < w->heads->len; i++)
                if (get_head(w, i)->object == object)
                        return get_head(w, i);
        return NULL;
}

static Mode *find_mode(const Head *head, uint32_t object) {
        for (unsigned i = 0; i < head->modes->len; i++) {
                Mode *mode = &g_array_index(head->modes, Mode, i);

                if (mode->object == object)
                        return mode;
        }
        return NULL;
}

static void release(WlrOutputs *w, uint32_t object) {
        if (w->version >= VERSION_RELEASE)
                wire_put(w->to, object, RELEASE, "");
}

static int on_display(WlrOutputs *w, WireMessage *m) {
        uint32_t id;

        if (m->opcode == DISPLAY_ERROR)
                return -EPROTO;
        if (m->opcode == DISPLAY_DELETE_ID) {
                if (!wire_get_uint(m, &id))
                        return -EPROTO;
                if (id >= FIRST_FREE && w->in_use > 0)
                        w->in_use--;
        }
        return 0;
}

static int on_registry(WlrOutputs *w, WireMessage *m) {
        const char *interface;
        uint32_t name, version;

        if (m->opcode != REGISTRY_GLOBAL || w->version > 0)
                return 0;
        if (!wire_get_uint(m, &name) || !wire_get_text(m, &interface) || !wire_get_uint(m, &version))
                return -EPROTO;
        if (version == 0 || g_strcmp0(interface, INTERFACE) != 0)
                return 0;
        w->version = MIN(version, VERSION_MAX);
        wire_put(w->to, REGISTRY, REGISTRY_BIND, "usuu", name, INTERFACE, w->version, MANAGER);
        return 0;
}

/* Compositors tell the newest first; the host counts as the card does: Virtual-2 comes before Virtual-10. */
static int by_name(gconstpointer a, gconstpointer b) {
        const Head *const *x = a, *const *y = b;

        return strverscmp((*x)->name ?: "", (*y)->name ?: "");
}

static int on_manager(WlrOutputs *w, WireMessage *m, WlrNews *ret) {
        uint32_t id;
        Head *head;

        if (m->opcode == MANAGER_FINISHED)
                return -EPROTO; /* nothing will come any more */
        if (m->opcode > MANAGER_FINISHED)
                return 0;
        if (!wire_get_uint(m, &id))
                return -EPROTO;
        if (m->opcode == MANAGER_DONE) {
                w->serial = id;
                g_ptr_array_sort(w->heads, by_name);
                *ret = WLR_STATE;
        } else if (id < SERVERS_FIRST || find_head(w, id))
                return -EPROTO;
        else if (w->heads->len < LAYOUT_MONITORS_MAX) {
                head = g_new0(Head, 1);
                head->object = id;
                head->modes = g_array_new(false, true, sizeof(Mode));
                head->scale = 1;
                g_ptr_array_add(w->heads, head);
        }
        return 0;
}

static int on_head_mode(WlrOutputs *w, Head *head, uint32_t id) {
        Mode mode = {.object = id};

        if (id < SERVERS_FIRST || find_head(w, id))
                return -EPROTO;
        if (head->modes->len < MODES_MAX && !find_mode(head, id))
                g_array_append_val(head->modes, mode);
        return 0;
}

static int on_head(WlrOutputs *w, Head *head, WireMessage *m) {
        const char *name;
        uint32_t id;
        int32_t a = 0, b = 0;

        switch (m->opcode) {
        case HEAD_NAME:
                if (!wire_get_text(m, &name))
                        return -EPROTO;
                g_free(head->name);
                head->name = name && name[0] && g_utf8_validate(name, -1, NULL) ? g_strdup(name) : NULL;
                return 0;
        case HEAD_MODE:
                return wire_get_uint(m, &id) ? on_head_mode(w, head, id) : -EPROTO;
        case HEAD_CURRENT_MODE:
                return wire_get_uint(m, &head->mode) ? 0 : -EPROTO;
        case HEAD_PHYSICAL_SIZE:
        case HEAD_POSITION:
                if (!wire_get_int(m, &a) || !wire_get_int(m, &b))
                        return -EPROTO;
                *(m->opcode == HEAD_POSITION ? &head->x : &head->width_mm) = a;
                *(m->opcode == HEAD_POSITION ? &head->y : &head->height_mm) = b;
                return 0;
        case HEAD_ENABLED:
        case HEAD_TRANSFORM:
        case HEAD_SCALE:
                if (!wire_get_int(m, &a))
                        return -EPROTO;
                if (m->opcode == HEAD_ENABLED)
                        head->enabled = a;
                else if (m->opcode == HEAD_TRANSFORM)
                        head->transform = a;
                else
                        head->scale = a / 256.0;
                return 0;
        case HEAD_FINISHED:
                release(w, head->object);
                g_ptr_array_remove(w->heads, head);
                return 0;
        default: /* its maker, and what newer versions have */
                return 0;
        }
}

static int on_mode(WlrOutputs *w, Head *head, Mode *mode, WireMessage *m) {
        switch (m->opcode) {
        case MODE_SIZE:
                return wire_get_int(m, &mode->width) && wire_get_int(m, &mode->height) ? 0 : -EPROTO;
        case MODE_REFRESH:
                return wire_get_int(m, &mode->refresh) ? 0 : -EPROTO;
        case MODE_PREFERRED:
                mode->preferred = true;
                return 0;
        case MODE_FINISHED:
                release(w, mode->object);
                g_array_remove_index(head->modes, (unsigned) (mode - &g_array_index(head->modes, Mode, 0)));
                return 0;
        default:
                return 0;
        }
}

static int on_answer(WlrOutputs *w, WireMessage *m, WlrNews *ret) {
        if (m->opcode > CONFIGURATION_CANCELLED)
                return 0;
        *ret = m->opcode == CONFIGURATION_SUCCEEDED ? WLR_SUCCEEDED
               : m->opcode == CONFIGURATION_FAILED  ? WLR_FAILED
                                                    : WLR_CANCELLED;
        wire_put(w->to, w->configuration, CONFIGURATION_DESTROY, "");
        w->configuration = 0;
        return 0;
}

int wlr_outputs_take(WlrOutputs *w, WireMessage *m, WlrNews *ret) {
        Head *head = find_head(w, m->object);

        *ret = WLR_NOTHING;
        if (m->object == DISPLAY)
                return on_display(w, m);
        if (m->object == REGISTRY)
                return on_registry(w, m);
        if (m->object == SYNC) {
                if (w->version == 0)
                        *ret = WLR_UNKNOWN;
                return 0;
        }
        if (m->object == MANAGER && w->version > 0)
                return on_manager(w, m, ret);
        if (w->configuration > 0 && m->object == w->configuration)
                return on_answer(w, m, ret);
        if (head)
                return on_head(w, head, m);
        for (unsigned i = 0; i < w->heads->len; i++) {
                Mode *mode = find_mode(get_head(w, i), m->object);

                if (mode)
                        return on_mode(w, get_head(w, i), mode, m);
        }
        return 0; /* of something that there were too many of, or that is finished */
}

/* --- as mutter tells it ------------------------------------------------------------------------------- */

static void add_mode(GVariantBuilder *modes, const Head *head, const char *id, const Mode *mode) {
        GVariantBuilder properties = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

        if (mode->object > 0 && mode->object == head->mode)
                g_variant_builder_add(&properties, "{sv}", "is-current", g_variant_new_boolean(true));
        if (mode->preferred)
                g_variant_builder_add(&properties, "{sv}", "is-preferred", g_variant_new_boolean(true));
        g_variant_builder_add(
                modes, "(siidd@ada{sv})", id, mode->width, mode->height, mode->refresh / 1000.0, head->scale,
                g_variant_new_fixed_array(G_VARIANT_TYPE_DOUBLE, &head->scale, 1, sizeof head->scale),
                &properties);
}

static bool has_size(const Head *head, const Monitor *wanted) {
        for (unsigned i = 0; i < head->modes->len; i++) {
                const Mode *mode = &g_array_index(head->modes, Mode, i);

                if (mode->width == wanted->width && mode->height == wanted->height)
                        return true;
        }
        return false;
}

static void add_head(GVariantBuilder *monitors, GVariantBuilder *logical, const Head *head,
                     const Layout *wanted) {
        GVariantBuilder modes = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(siiddada{sv})"));
        GVariantBuilder properties = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

        for (unsigned i = 0; i < head->modes->len; i++) {
                const Mode *mode = &g_array_index(head->modes, Mode, i);
                g_autofree char *id = g_strdup_printf("%u", mode->object);

                add_mode(&modes, head, id, mode);
        }
        for (unsigned i = 0; wanted && i < wanted->n; i++) {
                const Monitor *m = &wanted->monitors[i];

                if (m->enabled && !has_size(head, m))
                        add_mode(&modes, head, "0", &(Mode){.width = m->width, .height = m->height});
        }
        g_variant_builder_add(&properties, "{sv}", "width-mm", g_variant_new_int32(MAX(0, head->width_mm)));
        g_variant_builder_add(&properties, "{sv}", "height-mm",
                              g_variant_new_int32(MAX(0, head->height_mm)));
        g_variant_builder_add(monitors, "((ssss)a(siiddada{sv})a{sv})", head->name, "", "", "", &modes,
                              &properties);
        if (head->enabled)
                g_variant_builder_add(logical, "(iidub@a(ssss)@a{sv})", head->x, head->y, head->scale,
                                      (uint32_t) head->transform, false,
                                      g_variant_new_parsed("[(%s, '', '', '')]", head->name),
                                      g_variant_new_parsed("@a{sv} {}"));
}

MutterState *wlr_outputs_state(const WlrOutputs *w, const Layout *wanted) {
        GVariantBuilder monitors = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a((ssss)a(siiddada{sv})a{sv})"));
        GVariantBuilder logical = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a(iiduba(ssss)a{sv})"));
        GVariantBuilder properties = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
        g_autoptr(GVariant) answer = NULL;

        for (unsigned i = 0; i < w->heads->len; i++)
                if (get_head(w, i)->name)
                        add_head(&monitors, &logical, get_head(w, i), wanted);
        answer = g_variant_ref_sink(
                g_variant_new(MUTTER_STATE_TYPE, w->serial, &monitors, &logical, &properties));
        return mutter_state_new(answer);
}

/* --- what it is told ---------------------------------------------------------------------------------- */

static WlrOutput output_now(const Head *head) {
        const Mode *mode = find_mode(head, head->mode);

        return (WlrOutput){
                .head = head->object,
                .mode = head->mode,
                .enabled = head->enabled,
                .width = mode ? mode->width : 0,
                .height = mode ? mode->height : 0,
                .x = head->x,
                .y = head->y,
        };
}

void wlr_outputs_now(const WlrOutputs *w, WlrSetup *ret) {
        ret->n = 0;
        for (unsigned i = 0; i < w->heads->len; i++)
                ret->outputs[ret->n++] = output_now(get_head(w, i));
}

static WlrOutput *find_output(const WlrOutputs *w, WlrSetup *setup, const char *connector) {
        for (unsigned i = 0; i < setup->n; i++)
                if (g_strcmp0(get_head(w, i)->name, connector) == 0)
                        return &setup->outputs[i];
        return NULL;
}

static const Monitor *find_monitor(const Layout *l, const char *connector) {
        for (unsigned i = 0; i < l->n; i++)
                if (g_str_equal(l->monitors[i].connector, connector))
                        return &l->monitors[i];
        return NULL;
}

static void plan_logical_monitor(const WlrOutputs *w, GVariant *logical, const Layout *result,
                                 WlrSetup *ret) {
        g_autoptr(GVariant) members = g_variant_get_child_value(logical, 5);

        for (size_t i = 0; i < g_variant_n_children(members); i++) {
                const char *connector, *id;
                const Monitor *m;
                WlrOutput *o;

                g_variant_get_child(members, i, "(&s&s@a{sv})", &connector, &id, NULL);
                m = find_monitor(result, connector);
                o = find_output(w, ret, connector);
                if (!o)
                        continue;
                o->enabled = true;
                o->mode = (uint32_t) g_ascii_strtoull(id, NULL, 10);
                o->width = m ? m->width : o->width;
                o->height = m ? m->height : o->height;
                g_variant_get_child(logical, 0, "i", &o->x);
                g_variant_get_child(logical, 1, "i", &o->y);
        }
}

void wlr_outputs_planned(const WlrOutputs *w, GVariant *config, const Layout *result, WlrSetup *ret) {
        g_autoptr(GVariant) logical = g_variant_get_child_value(config, 0);

        wlr_outputs_now(w, ret);
        for (unsigned i = 0; i < ret->n; i++) {
                const char *name = get_head(w, i)->name;

                if (name && connector_is_virtual(name, "/sys"))
                        ret->outputs[i].enabled = false;
        }
        for (size_t i = 0; i < g_variant_n_children(logical); i++) {
                g_autoptr(GVariant) one = g_variant_get_child_value(logical, i);

                plan_logical_monitor(w, one, result, ret);
        }
}

static uint32_t new_object(WlrOutputs *w) {
        if (w->in_use == 0)
                w->next = FIRST_FREE;
        w->in_use++;
        return w->next++;
}

static void enable(WlrOutputs *w, const Head *head, const WlrOutput *o) {
        uint32_t output = new_object(w);

        wire_put(w->to, w->configuration, CONFIGURATION_ENABLE_HEAD, "uu", output, head->object);
        if (find_mode(head, o->mode))
                wire_put(w->to, output, OUTPUT_SET_MODE, "u", o->mode);
        else if (o->width > 0)
                wire_put(w->to, output, OUTPUT_SET_CUSTOM_MODE, "uuu", (uint32_t) o->width,
                         (uint32_t) o->height, 0U);
        wire_put(w->to, output, OUTPUT_SET_POSITION, "uu", (uint32_t) o->x, (uint32_t) o->y);
}

void wlr_outputs_ask(WlrOutputs *w, const WlrSetup *setup, bool verify) {
        w->configuration = new_object(w);
        wire_put(w->to, MANAGER, MANAGER_CREATE_CONFIGURATION, "uu", w->configuration, w->serial);
        /* Compositors end the connection where one of the outputs is not spoken of. */
        for (unsigned i = 0; i < w->heads->len; i++) {
                const Head *head = get_head(w, i);
                WlrOutput o = output_now(head);

                for (unsigned k = 0; k < setup->n; k++)
                        if (setup->outputs[k].head == head->object)
                                o = setup->outputs[k];
                if (o.enabled)
                        enable(w, head, &o);
                else
                        wire_put(w->to, w->configuration, CONFIGURATION_DISABLE_HEAD, "u", head->object);
        }
        wire_put(w->to, w->configuration, verify ? CONFIGURATION_TEST : CONFIGURATION_APPLY, "");
}
