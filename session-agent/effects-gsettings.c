/* SPDX-License-Identifier: Apache-2.0 */
#include "effects-backend.h"

/* The settings of desktops that use GSettings. Schemas and keys differ from version to version: those that
 * are not there are left out. None of them is for accessibility. */
static const struct {
        EffectsFamily family;
        Effect effect;
        const char *schema, *key;
        const char *ours; /* a GVariant as text */
} settings[] = {
        {EFFECTS_GNOME, EFFECT_WALLPAPER, "org.gnome.desktop.background", "picture-options", "'none'"},
        {EFFECTS_GNOME, EFFECT_ANIMATION, "org.gnome.desktop.interface", "enable-animations", "false"},
        /* Hinting stays: without smoothing it is what keeps letters legible. */
        {EFFECTS_GNOME, EFFECT_FONT_SMOOTH, "org.gnome.desktop.interface", "font-antialiasing", "'none'"},

        /* Not draw-background, without which nobody draws anything, nor shows the next picture. */
        {EFFECTS_MATE, EFFECT_WALLPAPER, "org.mate.background", "picture-filename", "''"},
        {EFFECTS_MATE, EFFECT_ANIMATION, "org.mate.interface", "enable-animations", "false"},
        {EFFECTS_MATE, EFFECT_ANIMATION, "org.mate.interface", "gtk-enable-animations", "false"},
        {EFFECTS_MATE, EFFECT_ANIMATION, "org.mate.Marco.general", "compositing-manager", "false"},
        {EFFECTS_MATE, EFFECT_ANIMATION, "org.mate.Marco.general", "reduced-resources", "true"},
        {EFFECTS_MATE, EFFECT_FONT_SMOOTH, "org.mate.font-rendering", "antialiasing", "'none'"},

        {EFFECTS_CINNAMON, EFFECT_WALLPAPER, "org.cinnamon.desktop.background", "picture-options", "'none'"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon.desktop.interface", "enable-animations", "false"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon", "desktop-effects", "false"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon", "desktop-effects-workspace", "false"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon", "desktop-effects-on-dialogs", "false"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon", "desktop-effects-on-menus", "false"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon", "desktop-effects-change-size", "false"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon", "enable-vfade", "false"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon", "startup-animation", "false"},
        {EFFECTS_CINNAMON, EFFECT_ANIMATION, "org.cinnamon.muffin", "desktop-effects", "false"},
        {EFFECTS_CINNAMON, EFFECT_FONT_SMOOTH, "org.cinnamon.settings-daemon.plugins.xsettings",
         "antialiasing", "'none'"},
        {EFFECTS_CINNAMON, EFFECT_FONT_SMOOTH, "org.cinnamon.desktop.interface", "font-antialiasing",
         "'none'"},
};

/* NULL if there is no such schema with such a key: asking GSettings for one would abort. */
static GSettingsSchema *find_schema(const char *name, const char *key) {
        GSettingsSchemaSource *source = g_settings_schema_source_get_default();
        g_autoptr(GSettingsSchema) schema =
                source ? g_settings_schema_source_lookup(source, name, true) : NULL;

        if (!schema || !g_settings_schema_get_path(schema) || !g_settings_schema_has_key(schema, key))
                return NULL;
        return g_steal_pointer(&schema);
}

/* NULL if the setting is not there, the administrator has locked it, or it takes no such value. */
static GSettings *open_setting(const char *name, const char *key, GVariant *value) {
        g_autoptr(GSettingsSchema) schema = find_schema(name, key);
        g_autoptr(GSettingsSchemaKey) description = schema ? g_settings_schema_get_key(schema, key) : NULL;
        g_autoptr(GSettings) s = NULL;

        if (!description ||
            !g_variant_is_of_type(value, g_settings_schema_key_get_value_type(description)) ||
            !g_settings_schema_key_range_check(description, value))
                return NULL;
        s = g_settings_new_full(schema, NULL, NULL);
        return g_settings_is_writable(s, key) ? g_steal_pointer(&s) : NULL;
}

static bool is_ours(const EffectsChange *c) {
        return c->family == EFFECTS_GNOME || c->family == EFFECTS_MATE || c->family == EFFECTS_CINNAMON;
}

static bool has_value(GSettings *s, const char *key, GVariant *value) {
        g_autoptr(GVariant) present = g_settings_get_user_value(s, key);

        return present && value ? g_variant_equal(present, value) : !present && !value;
}

static bool knows(const EffectsChange *c) {
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
                if (settings[i].family == c->family && settings[i].effect == c->effect &&
                    g_str_equal(settings[i].schema, c->store) && g_str_equal(settings[i].key, c->key)) {
                        g_autoptr(GVariant) ours = g_variant_new_parsed(settings[i].ours);

                        return g_variant_equal(ours, c->ours);
                }
        return false;
}

static unsigned can(EffectsFamily family) {
        unsigned effects = 0;

        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
                if (settings[i].family == family) {
                        g_autoptr(GSettingsSchema) schema = find_schema(settings[i].schema, settings[i].key);

                        if (schema)
                                effects |= 1u << settings[i].effect;
                }
        return effects;
}

static void look(EffectsJob *job, EffectsFamily family, unsigned effects) {
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
                const char *key = settings[i].key;
                g_autoptr(GVariant) ours = NULL, present = NULL;
                g_autoptr(GSettings) s = NULL;

                if (settings[i].family != family || !(effects & (1u << settings[i].effect)))
                        continue;
                ours = g_variant_ref_sink(g_variant_new_parsed(settings[i].ours));
                s = open_setting(settings[i].schema, key, ours);
                if (!s)
                        continue;
                present = g_settings_get_value(s, key);
                if (g_variant_equal(present, ours))
                        job->off |= 1u << settings[i].effect;
                else
                        g_ptr_array_add(job->changes,
                                        effects_change_new(family, settings[i].effect, settings[i].schema,
                                                           key, g_settings_get_user_value(s, key),
                                                           g_variant_ref(ours)));
        }
}

static void check(EffectsJob *job) {
        for (unsigned i = 0; i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];
                g_autoptr(GSettings) s = is_ours(c) ? open_setting(c->store, c->key, c->ours) : NULL;

                if (s)
                        c->state = has_value(s, c->key, c->ours) ? EFFECTS_OURS : EFFECTS_THEIRS;
        }
}

static void in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancel) {
        g_settings_sync();
        g_task_return_boolean(task, true);
}

/* GSettings takes every change at once, and hands it to a service that may be slow, or refuse. What became
 * of it is known after waiting for that, which is not for the main loop to do. */
static void sync_settings(EffectsJob *job, GAsyncReadyCallback synced) {
        g_autoptr(GTask) task = g_task_new(NULL, job->cancel, synced, job);

        effects_job_hold(job);
        g_task_set_return_on_cancel(task, true);
        g_task_run_in_thread(task, in_thread);
}

static void on_made(GObject *source, GAsyncResult *result, gpointer userdata) {
        EffectsJob *job = userdata;

        if (g_task_propagate_boolean(G_TASK(result), NULL))
                check(job);
        effects_job_release(job);
}

static void make(EffectsJob *job) {
        bool any = false;

        for (unsigned i = 0; i < job->changes->len; i++) {
                const EffectsChange *c = job->changes->pdata[i];
                g_autoptr(GSettings) s = is_ours(c) ? open_setting(c->store, c->key, c->ours) : NULL;

                any |= s && g_settings_set_value(s, c->key, c->ours);
        }
        if (any)
                sync_settings(job, on_made);
}

static void on_restored(GObject *source, GAsyncResult *result, gpointer userdata) {
        EffectsJob *job = userdata;
        bool synced = g_task_propagate_boolean(G_TASK(result), NULL);

        for (unsigned i = 0; i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];
                g_autoptr(GSettings) s =
                        synced && is_ours(c) ? open_setting(c->store, c->key, c->ours) : NULL;

                if (s && has_value(s, c->key, c->user))
                        c->state = EFFECTS_THEIRS;
        }
        effects_job_release(job);
}

static void restore(EffectsJob *job) {
        bool any = false;

        for (unsigned i = 0; i < job->changes->len; i++) {
                const EffectsChange *c = job->changes->pdata[i];
                g_autoptr(GSettings) s = NULL;

                if (!is_ours(c) || c->state != EFFECTS_OURS)
                        continue;
                s = open_setting(c->store, c->key, c->user ?: c->ours);
                if (!s)
                        continue;
                if (c->user)
                        g_settings_set_value(s, c->key, c->user);
                else
                        g_settings_reset(s, c->key);
                any = true;
        }
        if (any)
                sync_settings(job, on_restored);
}

static void watch(EffectsWatch *w, EffectsFamily family) {
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
                const char *key = settings[i].key;
                g_autoptr(GSettingsSchema) schema =
                        settings[i].family == family ? find_schema(settings[i].schema, key) : NULL;
                g_autofree char *signal = g_strconcat("changed::", key, NULL);
                GSettings *s;

                if (!schema)
                        continue;
                s = g_settings_new_full(schema, NULL, NULL);
                effects_watch_object(w, s, signal);
                /* It tells of what has been asked for only. */
                g_variant_unref(g_settings_get_value(s, key));
        }
}

const EffectsBackend effects_gsettings = {
        .knows = knows,
        .can = can,
        .look = look,
        .carry_out = {[EFFECTS_MAKE] = make, [EFFECTS_CHECK] = check, [EFFECTS_RESTORE] = restore},
        .watch = watch,
};
