/* SPDX-License-Identifier: Apache-2.0 */
#include "effects-backend.h"

#include <stdbool.h>

#define XFCONF "org.xfce.Xfconf"
#define XFCONF_PATH "/org/xfce/Xfconf"
#define NOT_FOUND "org.xfce.Xfconf.Error.PropertyNotFound"
#define NO_CHANNEL "org.xfce.Xfconf.Error.ChannelNotFound"
#define ANSWER_MSEC 2500
#define DESKTOP "xfce4-desktop"

/* What has a fixed place. */
static const struct {
        Effect effect;
        const char *channel, *property;
        const char *ours; /* a GVariant as text */
} settings[] = {
        {EFFECT_ANIMATION, "xfwm4", "/general/use_compositing", "false"},
        {EFFECT_ANIMATION, "xsettings", "/Gtk/EnableAnimations", "false"},
        {EFFECT_FONT_SMOOTH, "xsettings", "/Xft/Antialias", "0"},
};

/* What the desktop has for each monitor and workspace; 0 means no picture, and one colour. */
static bool is_backdrop(const char *property) {
        return g_pattern_match_simple("/backdrop/screen*/monitor*/workspace*/image-style", property) ||
               g_pattern_match_simple("/backdrop/screen*/monitor*/workspace*/color-style", property);
}

static bool knows(const EffectsChange *c) {
        if (c->family != EFFECTS_XFCE)
                return false;
        if (c->effect == EFFECT_WALLPAPER)
                return g_str_equal(c->store, DESKTOP) && is_backdrop(c->key) &&
                       g_variant_is_of_type(c->ours, G_VARIANT_TYPE_INT32) &&
                       g_variant_get_int32(c->ours) == 0;
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
                if (settings[i].effect == c->effect && g_str_equal(settings[i].channel, c->store) &&
                    g_str_equal(settings[i].property, c->key)) {
                        g_autoptr(GVariant) ours = g_variant_new_parsed(settings[i].ours);

                        return g_variant_equal(ours, c->ours);
                }
        return false;
}

static unsigned can(EffectsFamily family) {
        return EFFECTS_ALL;
}

/* A change with its job, while a question about it is under way. */
typedef struct Question {
        EffectsJob *job;
        EffectsChange *change;
} Question;

static Question *new_question(EffectsJob *job, EffectsChange *change) {
        Question *q = g_new(Question, 1);

        *q = (Question){.job = job, .change = change};
        return q;
}

static void ask(EffectsJob *job, const char *method, GVariant *arguments, const char *answer,
                GAsyncReadyCallback answered, void *userdata) {
        effects_job_hold(job);
        g_dbus_connection_call(job->desktop->session_bus, XFCONF, XFCONF_PATH, XFCONF, method, arguments,
                               G_VARIANT_TYPE(answer), G_DBUS_CALL_FLAGS_NONE, ANSWER_MSEC, job->cancel,
                               answered, userdata);
}

static void ask_value(EffectsJob *job, const EffectsChange *c, GAsyncReadyCallback answered,
                      void *userdata) {
        ask(job, "GetProperty", g_variant_new("(ss)", c->store, c->key), "(v)", answered, userdata);
}

static void ask_to_set(EffectsJob *job, const EffectsChange *c, GVariant *value,
                       GAsyncReadyCallback answered, void *userdata) {
        ask(job, "SetProperty", g_variant_new("(ssv)", c->store, c->key, value), "()", answered, userdata);
}

static bool succeeded(GObject *bus, GAsyncResult *result) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);

        if (!answer)
                g_debug("Xfconf: %s", error->message);
        return answer;
}

/* False if there is no answer; otherwise the value, which is NULL for what is not set. */
static bool take_value(GObject *bus, GAsyncResult *result, GVariant **ret) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        g_autofree char *name = error ? g_dbus_error_get_remote_error(error) : NULL;

        *ret = NULL;
        if (answer)
                g_variant_get(answer, "(v)", ret);
        else if (g_strcmp0(name, NOT_FOUND) != 0 && g_strcmp0(name, NO_CHANNEL) != 0) {
                g_debug("Xfconf: %s", error->message);
                return false;
        }
        return true;
}

static bool equals(GVariant *value, GVariant *other) {
        return value && other && g_variant_equal(value, other);
}

/* Adds @c, which it takes, if the setting is not as it would be anyhow. */
static void consider(EffectsJob *job, EffectsChange *c) {
        if (equals(c->user, c->ours))
                job->off |= 1u << c->effect;
        else if (!c->user || g_variant_is_of_type(c->user, g_variant_get_type(c->ours))) {
                g_ptr_array_add(job->changes, c);
                return;
        }
        effects_change_free(c);
}

static void on_looked(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autofree Question *q = userdata;

        if (take_value(bus, result, &q->change->user))
                consider(q->job, q->change);
        else
                effects_change_free(q->change);
        effects_job_release(q->job);
}

static void on_backdrops(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, NULL);
        EffectsJob *job = userdata;

        if (answer) {
                g_autoptr(GVariantIter) properties = NULL;
                const char *name;
                GVariant *value;

                g_variant_get(answer, "(a{sv})", &properties);
                while (g_variant_iter_next(properties, "{&sv}", &name, &value))
                        if (is_backdrop(name))
                                consider(job, effects_change_new(EFFECTS_XFCE, EFFECT_WALLPAPER, DESKTOP,
                                                                 name, value, g_variant_new_int32(0)));
                        else
                                g_variant_unref(value);
        }
        effects_job_release(job);
}

static void look(EffectsJob *job, EffectsFamily family, unsigned effects) {
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
                if (effects & (1u << settings[i].effect)) {
                        EffectsChange *c = effects_change_new(EFFECTS_XFCE, settings[i].effect,
                                                              settings[i].channel, settings[i].property,
                                                              NULL, g_variant_new_parsed(settings[i].ours));

                        ask_value(job, c, on_looked, new_question(job, c));
                }
        if (effects & (1u << EFFECT_WALLPAPER))
                ask(job, "GetAllProperties", g_variant_new("(ss)", DESKTOP, "/backdrop"), "(a{sv})",
                    on_backdrops, job);
}

static void on_made(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autofree Question *q = userdata;

        if (succeeded(bus, result))
                q->change->state = EFFECTS_OURS;
        effects_job_release(q->job);
}

static void make(EffectsJob *job) {
        for (unsigned i = 0; i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];

                if (c->family == EFFECTS_XFCE)
                        ask_to_set(job, c, c->ours, on_made, new_question(job, c));
        }
}

/* Whether the distribution or the administrator has values for this channel. Xfconf does not tell them from
 * the user's, but by taking the user's away. */
static bool has_defaults(const char *channel) {
        g_autofree char *file = g_strconcat(channel, ".xml", NULL);
        const char *const *directories = g_get_system_config_dirs();

        for (; *directories; directories++) {
                g_autofree char *path =
                        g_build_filename(*directories, "xfce4", "xfconf", "xfce-perchannel-xml", file, NULL);

                if (g_file_test(path, G_FILE_TEST_EXISTS))
                        return true;
        }
        return false;
}

static void on_checked(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autofree Question *q = userdata;
        g_autoptr(GVariant) value = NULL;
        EffectsChange *c = q->change;

        if (take_value(bus, result, &value)) {
                /* It may have been taken away to see what is below, and not be back. */
                bool away = c->returning && c->user && has_defaults(c->store) && !equals(value, c->user);

                c->state = away || equals(value, c->ours) ? EFFECTS_OURS : EFFECTS_THEIRS;
        }
        effects_job_release(q->job);
}

static void check(EffectsJob *job) {
        for (unsigned i = 0; i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];

                if (c->family == EFFECTS_XFCE)
                        ask_value(job, c, on_checked, new_question(job, c));
        }
}

static void on_restored(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autofree Question *q = userdata;

        if (succeeded(bus, result))
                q->change->state = EFFECTS_THEIRS;
        effects_job_release(q->job);
}

/* What is below is what he had, or it is not. */
static void on_uncovered(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autofree Question *q = userdata;
        g_autoptr(GVariant) value = NULL;
        EffectsChange *c = q->change;

        if (take_value(bus, result, &value)) {
                if (equals(value, c->user))
                        c->state = EFFECTS_THEIRS;
                else
                        ask_to_set(q->job, c, c->user, on_restored, new_question(q->job, c));
        }
        effects_job_release(q->job);
}

/* Refused if there is nothing to take away, which is as good. */
static void on_reset(GObject *bus, GAsyncResult *result, gpointer userdata) {
        Question *q = userdata;

        (void) succeeded(bus, result);
        ask_value(q->job, q->change, on_uncovered, q);
        effects_job_release(q->job);
}

static void restore(EffectsJob *job) {
        for (unsigned i = 0; i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];
                bool uncover = c->user && has_defaults(c->store);

                if (c->family != EFFECTS_XFCE || c->state != EFFECTS_OURS)
                        continue;
                if (!c->user || uncover)
                        ask(job, "ResetProperty", g_variant_new("(ssb)", c->store, c->key, false), "()",
                            uncover ? on_reset : on_restored, new_question(job, c));
                else
                        ask_to_set(job, c, c->user, on_restored, new_question(job, c));
        }
}

static void watch(EffectsWatch *w, EffectsFamily family) {
        effects_watch_bus(w, XFCONF, XFCONF_PATH, XFCONF, NULL);
}

const EffectsBackend effects_xfconf = {
        .knows = knows,
        .can = can,
        .look = look,
        .carry_out = {[EFFECTS_MAKE] = make, [EFFECTS_CHECK] = check, [EFFECTS_RESTORE] = restore},
        .watch = watch,
};
