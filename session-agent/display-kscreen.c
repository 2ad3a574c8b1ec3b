/* SPDX-License-Identifier: Apache-2.0 */
#include <gio/gio.h>
#include <stdbool.h>
#include <string.h>

#include "display-ops.h"
#include "kscreen.h"

#define TOOL "kscreen-doctor"
#define OUTPUT_MAX (1024 * 1024)
/* Of one run of the tool, which takes half a second where nothing else is going on. */
#define RUN_MSEC 4000
/* How often it is asked whether there is a desktop that it knows, as a session may have much to begin with;
 * and how long after the first time, which doubles. */
#define FIRST_TRIES 6
#define FIRST_PAUSE_MSEC 500

/* KDE on Wayland, by its own tool: it has no news of changes, so that what is the case is asked for before
 * something is done, and after. */
typedef struct KScreen {
        const DisplayEvents *events;
        char *tool;
        GCancellable *presence;
        GSubprocess *run;
        unsigned deadline, pause;
        void (*then)(struct KScreen *k, const char *output, size_t n);
        unsigned tries;
        MutterState *state; /* as it was last; NULL until there is one */
        Layout layout;

        /* The request, while there is one. */
        DisplayDone done;
        void *userdata;
        Layout wanted, result;
        bool verify;
} KScreen;

static gboolean on_deadline(gpointer userdata) {
        KScreen *k = userdata;

        k->deadline = 0;
        g_subprocess_force_exit(k->run);
        return G_SOURCE_REMOVE;
}

static void on_ended(GObject *run, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GBytes) output = NULL;
        g_autoptr(GError) error = NULL;
        KScreen *k = userdata;
        const char *text;
        gsize n = 0;
        bool well;

        well = g_subprocess_communicate_finish(G_SUBPROCESS(run), result, &output, NULL, &error);
        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return; /* all of it is gone */
        well = well && g_subprocess_get_successful(G_SUBPROCESS(run));
        g_clear_handle_id(&k->deadline, g_source_remove);
        g_clear_object(&k->run);
        text = output ? g_bytes_get_data(output, &n) : NULL;
        k->then(k, well && n <= OUTPUT_MAX ? text ?: "" : NULL, n);
}

/* Runs the tool, and then @then, with what it has printed; with NULL if it failed. One run at a time. */
static void run(KScreen *k, const char *const *arguments,
                void (*then)(KScreen *k, const char *output, size_t n)) {
        g_autoptr(GPtrArray) command = g_ptr_array_new();
        g_autoptr(GError) error = NULL;

        g_ptr_array_add(command, k->tool);
        for (; *arguments; arguments++)
                g_ptr_array_add(command, (char *) *arguments);
        g_ptr_array_add(command, NULL);
        k->then = then;
        k->run = g_subprocess_newv((const char *const *) command->pdata,
                                   G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                                   &error);
        if (!k->run) {
                g_debug("Cannot run %s: %s", k->tool, error->message);
                then(k, NULL, 0);
                return;
        }
        k->deadline = g_timeout_add(RUN_MSEC, on_deadline, k);
        g_subprocess_communicate_async(k->run, NULL, k->presence, on_ended, k);
}

static void read_state(KScreen *k, void (*then)(KScreen *k, const char *output, size_t n)) {
        static const char *const arguments[] = {"-j", NULL};

        run(k, arguments, then);
}

static bool take_state(KScreen *k, const char *output, size_t n) {
        MutterState *state = output ? kscreen_parse(output, n) : NULL;
        Layout before = k->layout;
        bool had = k->state;

        if (!state)
                return false; /* too busy to say, perhaps: what it said before stands */
        mutter_state_free(k->state);
        k->state = state;
        mutter_state_layout(state, &k->layout);
        if (!had || !layout_equal(&before, &k->layout))
                k->events->changed(k->events->userdata);
        return true;
}

static void finish(KScreen *k, const char *reason) {
        DisplayDone done = k->done;

        k->done = NULL;
        done(reason ? NULL : &k->result, reason, k->userdata);
}

static void on_first_state(KScreen *k, const char *output, size_t n);

static gboolean on_pause_end(gpointer userdata) {
        KScreen *k = userdata;

        k->pause = 0;
        read_state(k, on_first_state);
        return G_SOURCE_REMOVE;
}

static void on_first_state(KScreen *k, const char *output, size_t n) {
        if (!take_state(k, output, n) && ++k->tries < FIRST_TRIES)
                k->pause = g_timeout_add(FIRST_PAUSE_MSEC << (k->tries - 1), on_pause_end, k);
}

/* The tool says nothing of what the compositor has refused. */
static void on_state_after(KScreen *k, const char *output, size_t n) {
        finish(k, take_state(k, output, n) && layout_is_now(&k->result, &k->layout) ? NULL
                                                                                    : "KDE has not done it");
}

static void on_applied(KScreen *k, const char *output, size_t n) {
        if (!output)
                finish(k, TOOL " has failed");
        else
                read_state(k, on_state_after);
}

static void on_state_before(KScreen *k, const char *output, size_t n) {
        g_autoptr(GVariant) config = NULL;
        g_auto(GStrv) arguments = NULL;
        g_autofree char *reason = NULL;

        if (!take_state(k, output, n)) {
                finish(k, "KDE does not tell its monitors");
                return;
        }
        reason = mutter_state_plan(k->state, &k->wanted, &config, &k->result);
        if (reason || k->verify) {
                finish(k, reason);
                return;
        }
        arguments = kscreen_arguments(k->state, config);
        run(k, (const char *const *) arguments, on_applied);
}

static void kscreen_apply(void *self, const Layout *wanted, bool verify, DisplayDone done, void *userdata) {
        KScreen *k = self;

        if (k->run) { /* the very first look */
                done(NULL, "KDE has not told its monitors yet", userdata);
                return;
        }
        k->wanted = *wanted;
        k->verify = verify;
        k->done = done;
        k->userdata = userdata;
        read_state(k, on_state_before);
}

static void *kscreen_new(const Desktop *desktop, const DisplayEvents *events) {
        const char *name = g_getenv("XDG_CURRENT_DESKTOP");
        g_auto(GStrv) names = g_strsplit(name ?: "", ":", 0);
        g_autofree char *tool = g_find_program_in_path(TOOL);
        KScreen *k;

        if (!g_getenv("WAYLAND_DISPLAY") || !g_strv_contains((const char *const *) names, "KDE") || !tool)
                return NULL;
        k = g_new0(KScreen, 1);
        k->events = events;
        k->tool = g_steal_pointer(&tool);
        k->presence = g_cancellable_new();
        read_state(k, on_first_state);
        return k;
}

static void kscreen_free(void *self) {
        KScreen *k = self;

        g_cancellable_cancel(k->presence);
        g_object_unref(k->presence);
        g_clear_handle_id(&k->deadline, g_source_remove);
        g_clear_handle_id(&k->pause, g_source_remove);
        if (k->run)
                g_subprocess_force_exit(k->run);
        g_clear_object(&k->run);
        mutter_state_free(k->state);
        g_free(k->tool);
        g_free(k);
}

static const Layout *kscreen_layout(void *self) {
        const KScreen *k = self;

        return k->state ? &k->layout : NULL;
}

const DisplayOps display_kscreen = {
        .name = "kscreen",
        .new = kscreen_new,
        .free = kscreen_free,
        .layout = kscreen_layout,
        .apply = kscreen_apply,
};
