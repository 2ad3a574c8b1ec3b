/* SPDX-License-Identifier: Apache-2.0 */
#include "effects-backend.h"

#include <stdbool.h>
#include <string.h>

#include "kde-file.h"

/* Three places: a file of settings, which KDE's own tool writes; the shell, which runs scripts; and KWin's
 * compositor on X11, which can be suspended until KWin ends. */
#define FILE_STORE "kdeglobals"
#define SHELL_FILE "plasma-org.kde.plasma.desktop-appletsrc"
#define SHELL "org.kde.plasmashell"
#define KWIN "org.kde.KWin"
#define COMPOSITING "org.kde.kwin.Compositing"
#define ACTIVE "active"
#define NO_PICTURE "org.kde.color" /* the wallpaper plug-in that draws one colour */
#define ANSWER_MSEC 2500
#define FILE_SIZE_MAX (1024 * 1024)

/* In kdeglobals: GROUP/KEY. */
static const struct {
        Effect effect;
        const char *key, *ours;
} settings[] = {
        {EFFECT_ANIMATION, "KDE/AnimationDurationFactor", "0"},
        {EFFECT_FONT_SMOOTH, "General/XftAntialias", "false"},
};

/* The name of a plug-in, or the number of a desktop: they become part of a script. */
static bool is_word(const char *text) {
        return *text != 0 && strlen(text) <= 128 &&
               text[strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-")] == 0;
}

static bool is_number(const char *text) {
        return *text != 0 && strlen(text) <= 9 && text[strspn(text, G_CSET_DIGITS)] == 0;
}

static bool is_text(GVariant *value, const char *text) {
        return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
               g_str_equal(g_variant_get_string(value, NULL), text);
}

static bool knows(const EffectsChange *c) {
        if (c->family != EFFECTS_KDE)
                return false;
        if (g_str_equal(c->store, SHELL))
                return c->effect == EFFECT_WALLPAPER && is_number(c->key) && is_text(c->ours, NO_PICTURE) &&
                       c->user && is_word(g_variant_get_string(c->user, NULL));
        if (g_str_equal(c->store, KWIN))
                return c->effect == EFFECT_ANIMATION && g_str_equal(c->key, ACTIVE) && c->user &&
                       g_variant_is_of_type(c->ours, G_VARIANT_TYPE_BOOLEAN) &&
                       !g_variant_get_boolean(c->ours) && g_variant_get_boolean(c->user);
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++)
                if (settings[i].effect == c->effect && g_str_equal(c->store, FILE_STORE) &&
                    g_str_equal(settings[i].key, c->key))
                        return is_text(c->ours, settings[i].ours);
        return false;
}

static const char *find_tool(void) {
        static const char *const tools[] = {"kwriteconfig6", "kwriteconfig5"};

        for (size_t i = 0; i < G_N_ELEMENTS(tools); i++) {
                g_autofree char *path = g_find_program_in_path(tools[i]);

                if (path)
                        return tools[i];
        }
        return NULL;
}

static unsigned can(EffectsFamily family) {
        return find_tool() ? EFFECTS_ALL : 1u << EFFECT_WALLPAPER;
}

/* kdeglobals */

/* False if the file cannot be read; the value is NULL if the user has none. */
static bool read_value(const char *name, char **ret) {
        g_auto(GStrv) parts = g_strsplit(name, "/", 2);
        g_autofree char *path = g_build_filename(g_get_user_config_dir(), FILE_STORE, NULL);
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        size_t n = 0;

        *ret = NULL;
        if (!g_file_get_contents(path, &text, &n, &error))
                return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        if (n > FILE_SIZE_MAX)
                return false;
        *ret = kde_file_lookup(text, n, parts[0], parts[1]);
        return true;
}

static bool has_value(const char *key, GVariant *value) {
        g_autofree char *present = NULL;

        return read_value(key, &present) &&
               g_strcmp0(present, value ? g_variant_get_string(value, NULL) : NULL) == 0;
}

/* A change with its job, while it is written. */
typedef struct Writing {
        EffectsJob *job;
        EffectsChange *change;
        GVariant *value; /* NULL: taken away */
        int done;        /* the state that it has then */
} Writing;

/* As KDE's own programs tell each other. */
static void announce(GDBusConnection *bus, const char *key) {
        g_auto(GStrv) parts = g_strsplit(key, "/", 2);
        GVariantBuilder keys = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aay")),
                        groups = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{saay}"));

        g_variant_builder_add_value(
                &keys, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, parts[1], strlen(parts[1]), 1));
        g_variant_builder_add(&groups, "{saay}", parts[0], &keys);
        g_dbus_connection_emit_signal(bus, NULL, "/" FILE_STORE, "org.kde.kconfig.notify", "ConfigChanged",
                                      g_variant_new("(a{saay})", &groups), NULL);
        g_dbus_connection_call(bus, KWIN, "/KWin", KWIN, "reconfigure", NULL, NULL,
                               G_DBUS_CALL_FLAGS_NO_AUTO_START, ANSWER_MSEC, NULL, NULL, NULL);
}

static void on_written(GObject *process, GAsyncResult *result, gpointer userdata) {
        g_autofree Writing *w = userdata;

        if (!g_subprocess_wait_finish(G_SUBPROCESS(process), result, NULL))
                g_subprocess_force_exit(G_SUBPROCESS(process));
        else if (has_value(w->change->key, w->value)) {
                w->change->state = w->done;
                announce(w->job->desktop->session_bus, w->change->key);
        }
        effects_job_release(w->job);
}

static void write_value(EffectsJob *job, EffectsChange *c, GVariant *value, int done) {
        g_auto(GStrv) parts = g_strsplit(c->key, "/", 2);
        g_autoptr(GError) error = NULL;
        g_autoptr(GSubprocess) process = NULL;
        const char *tool = find_tool();
        Writing *w;

        if (!tool)
                return;
        process = value ? g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error, tool, "--file",
                                           FILE_STORE, "--group", parts[0], "--key", parts[1], "--",
                                           g_variant_get_string(value, NULL), NULL)
                        : g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error, tool, "--file",
                                           FILE_STORE, "--group", parts[0], "--key", parts[1], "--delete",
                                           "", NULL);
        if (!process) {
                g_message("%s does not run: %s", tool, error->message);
                return;
        }
        w = g_new(Writing, 1);
        *w = (Writing){.job = job, .change = c, .value = value, .done = done};
        effects_job_hold(job);
        g_subprocess_wait_async(process, job->cancel, on_written, w);
}

static void look_at_file(EffectsJob *job, unsigned effects) {
        for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
                g_autofree char *present = NULL;

                if (!(effects & (1u << settings[i].effect)) || !read_value(settings[i].key, &present))
                        continue;
                if (g_strcmp0(present, settings[i].ours) == 0)
                        job->off |= 1u << settings[i].effect;
                else if (!present || is_word(present))
                        g_ptr_array_add(job->changes,
                                        effects_change_new(EFFECTS_KDE, settings[i].effect, FILE_STORE,
                                                           settings[i].key,
                                                           present ? g_variant_new_string(present) : NULL,
                                                           g_variant_new_string(settings[i].ours)));
        }
}

/* The shell */

static void run_script(EffectsJob *job, const char *script, GAsyncReadyCallback answered) {
        g_dbus_connection_call(job->desktop->session_bus, SHELL, "/PlasmaShell", "org.kde.PlasmaShell",
                               "evaluateScript", g_variant_new("(s)", script), G_VARIANT_TYPE("(s)"),
                               G_DBUS_CALL_FLAGS_NO_AUTO_START, ANSWER_MSEC, job->cancel, answered, job);
}

/* Has all desktops told: a number and a plug-in on each line. */
static void ask_for_desktops(EffectsJob *job, GAsyncReadyCallback told) {
        effects_job_hold(job);
        run_script(job,
                   "desktops().forEach(function(d) { print(d.id + ' ' + d.wallpaperPlugin + '\\n'); });",
                   told);
}

/* {number: plug-in}, or NULL without an answer; none at all is what it says while it starts. */
static GHashTable *take_desktops(GObject *bus, GAsyncResult *result) {
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, NULL);
        g_auto(GStrv) lines = NULL;
        GHashTable *desktops;
        const char *text;

        if (!answer)
                return NULL;
        g_variant_get(answer, "(&s)", &text);
        lines = g_strsplit(text, "\n", EFFECTS_CHANGES_MAX);
        desktops = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        for (char **line = lines; *line; line++) {
                g_auto(GStrv) words = g_strsplit(g_strstrip(*line), " ", 3);

                if (g_strv_length(words) == 2 && is_number(words[0]) && is_word(words[1]))
                        g_hash_table_insert(desktops, g_strdup(words[0]), g_strdup(words[1]));
        }
        if (g_hash_table_size(desktops) == 0)
                g_clear_pointer(&desktops, g_hash_table_unref);
        return desktops;
}

static void on_desktops(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GHashTable) desktops = take_desktops(bus, result);
        EffectsJob *job = userdata;
        GHashTableIter iter;
        gpointer number, plugin;

        if (desktops) {
                g_hash_table_iter_init(&iter, desktops);
                while (g_hash_table_iter_next(&iter, &number, &plugin))
                        if (g_str_equal(plugin, NO_PICTURE))
                                job->off |= 1u << EFFECT_WALLPAPER;
                        else
                                g_ptr_array_add(job->changes,
                                                effects_change_new(EFFECTS_KDE, EFFECT_WALLPAPER, SHELL,
                                                                   number, g_variant_new_string(plugin),
                                                                   g_variant_new_string(NO_PICTURE)));
        }
        effects_job_release(job);
}

static bool is_at(const EffectsChange *c, const char *store) {
        return c->family == EFFECTS_KDE && g_str_equal(c->store, store);
}

/* After each script: what has our picture is ours, and what has not is theirs. */
static void on_told(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GHashTable) desktops = take_desktops(bus, result);
        EffectsJob *job = userdata;

        for (unsigned i = 0; desktops && i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];

                if (is_at(c, SHELL))
                        c->state = g_strcmp0(g_hash_table_lookup(desktops, c->key), NO_PICTURE) == 0
                                           ? EFFECTS_OURS
                                           : EFFECTS_THEIRS;
        }
        effects_job_release(job);
}

/* @theirs: put the user's back where it is ours. */
static void set_pictures(EffectsJob *job, bool theirs) {
        g_autoptr(GString) script = g_string_new(NULL);

        for (unsigned i = 0; i < job->changes->len; i++) {
                const EffectsChange *c = job->changes->pdata[i];

                if (is_at(c, SHELL) && (!theirs || c->state == EFFECTS_OURS))
                        g_string_append_printf(
                                script,
                                "(function(d) { if (d) d.wallpaperPlugin = '%s'; })(desktopById(%s));",
                                g_variant_get_string(theirs ? c->user : c->ours, NULL), c->key);
        }
        if (script->len == 0)
                return;
        /* Two scripts: within one, what is told is what was before. */
        run_script(job, script->str, NULL);
        ask_for_desktops(job, on_told);
}

/* KWin's compositor */

static void ask_about_compositor(EffectsJob *job, GAsyncReadyCallback answered) {
        effects_job_hold(job);
        g_dbus_connection_call(job->desktop->session_bus, KWIN, "/Compositor",
                               "org.freedesktop.DBus.Properties", "GetAll",
                               g_variant_new("(s)", COMPOSITING), G_VARIANT_TYPE("(a{sv})"),
                               G_DBUS_CALL_FLAGS_NO_AUTO_START, ANSWER_MSEC, job->cancel, answered, job);
}

/* False without an answer. */
static bool take_compositor(GObject *bus, GAsyncResult *result, gboolean *active, gboolean *required) {
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, NULL);
        g_autoptr(GVariant) properties = NULL;

        if (!answer)
                return false;
        properties = g_variant_get_child_value(answer, 0);
        return g_variant_lookup(properties, ACTIVE, "b", active) &&
               g_variant_lookup(properties, "platformRequiresCompositing", "b", required);
}

static void on_compositor(GObject *bus, GAsyncResult *result, gpointer userdata) {
        EffectsJob *job = userdata;
        gboolean active, required;

        if (!take_compositor(bus, result, &active, &required))
                ;
        else if (!active)
                job->off |= 1u << EFFECT_ANIMATION;
        else if (!required)
                g_ptr_array_add(job->changes, effects_change_new(EFFECTS_KDE, EFFECT_ANIMATION, KWIN, ACTIVE,
                                                                 g_variant_new_boolean(true),
                                                                 g_variant_new_boolean(false)));
        effects_job_release(job);
}

static void on_compositor_told(GObject *bus, GAsyncResult *result, gpointer userdata) {
        EffectsJob *job = userdata;
        gboolean active, required;
        bool told = take_compositor(bus, result, &active, &required);

        for (unsigned i = 0; told && i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];

                if (is_at(c, KWIN))
                        c->state = active ? EFFECTS_THEIRS : EFFECTS_OURS;
        }
        effects_job_release(job);
}

/* The second question is answered after the first one. */
static void set_compositor(EffectsJob *job, const char *method) {
        g_dbus_connection_call(job->desktop->session_bus, KWIN, "/Compositor", COMPOSITING, method, NULL,
                               NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, ANSWER_MSEC, NULL, NULL, NULL);
        ask_about_compositor(job, on_compositor_told);
}

/* All three */

static void look(EffectsJob *job, EffectsFamily family, unsigned effects) {
        look_at_file(job, effects);
        if (effects & (1u << EFFECT_WALLPAPER))
                ask_for_desktops(job, on_desktops);
        if (effects & (1u << EFFECT_ANIMATION))
                ask_about_compositor(job, on_compositor);
}

static void make(EffectsJob *job) {
        for (unsigned i = 0; i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];

                if (is_at(c, FILE_STORE))
                        write_value(job, c, c->ours, EFFECTS_OURS);
                else if (is_at(c, KWIN))
                        set_compositor(job, "suspend");
        }
        set_pictures(job, false);
}

static void check(EffectsJob *job) {
        bool shell = false;

        for (unsigned i = 0; i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];

                if (is_at(c, FILE_STORE))
                        c->state = has_value(c->key, c->ours) ? EFFECTS_OURS : EFFECTS_THEIRS;
                else if (is_at(c, KWIN))
                        ask_about_compositor(job, on_compositor_told);
                else
                        shell |= is_at(c, SHELL);
        }
        if (shell)
                ask_for_desktops(job, on_told);
}

static void restore(EffectsJob *job) {
        for (unsigned i = 0; i < job->changes->len; i++) {
                EffectsChange *c = job->changes->pdata[i];

                if (c->state != EFFECTS_OURS)
                        continue;
                if (is_at(c, FILE_STORE))
                        write_value(job, c, c->user, EFFECTS_THEIRS);
                else if (is_at(c, KWIN))
                        set_compositor(job, "resume");
        }
        set_pictures(job, true);
}

/* The shell says nothing of its wallpapers on the bus; some seconds later they are in its file. */
static void watch(EffectsWatch *w, EffectsFamily family) {
        static const char *const names[] = {FILE_STORE, SHELL_FILE};

        /* For a folder that is not there GLib would look every few seconds. */
        (void) g_mkdir_with_parents(g_get_user_config_dir(), 0700);
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autoptr(GFile) file = g_file_new_build_filename(g_get_user_config_dir(), names[i], NULL);
                GFileMonitor *monitor = g_file_monitor_file(file, G_FILE_MONITOR_NONE, NULL, NULL);

                if (monitor)
                        effects_watch_object(w, monitor, "changed");
        }
        effects_watch_bus(w, KWIN, "/Compositor", COMPOSITING, "compositingToggled");
}

const EffectsBackend effects_kde = {
        .service = SHELL,
        .knows = knows,
        .can = can,
        .look = look,
        .carry_out = {[EFFECTS_MAKE] = make, [EFFECTS_CHECK] = check, [EFFECTS_RESTORE] = restore},
        .watch = watch,
};
