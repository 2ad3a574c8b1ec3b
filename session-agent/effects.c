/* SPDX-License-Identifier: Apache-2.0 */
#include "effects.h"

#include <errno.h>
#include <string.h>

#include "effects-backend.h"
#include "effects-journal.h"

/* Each change of fonts or wallpaper has the whole screen drawn anew: not while the desktop is starting. */
#define START_MSEC 2000
/* Between the end of a look at the console and restoring: who returns at once sees no flicker. */
#define LEAVE_MSEC 5000
/* Between two changes, and between attempts while another agent of the user is at it. */
#define PACE_MSEC 250
#define END_MSEC 3000
/* A service that has just begun takes its time until it knows its own settings: it is asked so late, and
 * again after twice the time, as long as there is something to do. */
#define SERVICE_FIRST_MSEC 2000
#define SERVICE_LAST_MSEC 64000

static const EffectsBackend *const backends[EFFECTS_FAMILY_COUNT] = {
        [EFFECTS_GNOME] = &effects_gsettings,
        [EFFECTS_MATE] = &effects_gsettings,
        [EFFECTS_CINNAMON] = &effects_gsettings,
        [EFFECTS_XFCE] = &effects_xfconf,
        [EFFECTS_KDE] = &effects_kde,
};

static const EffectsBackend *const all_backends[] = {&effects_gsettings, &effects_xfconf, &effects_kde};

/* One thing is done at a time, a step after another: between two steps the main loop goes on, and what is
 * wanted may change, which is then the next thing. */
struct Effects {
        const Desktop *desktop;
        const Config *config;
        void (*changed)(void *userdata);
        void *userdata;
        EffectsFamily family; /* EFFECTS_FAMILY_COUNT: none that is known */
        EffectsJournal *journal;
        DesktopName *service;     /* of the back-end, if it needs one */
        unsigned ready, patience; /* when it is looked at next */

        unsigned wanted;        /* by the host */
        bool connected;         /* somebody may be looking */
        bool gone, left;        /* the host; who looked: since a moment ago */
        unsigned start, moment; /* timers */
        unsigned pause;
        bool recovered; /* what was left from before has been seen to */
        bool failed;    /* some of what was to be restored has not been */
        bool ending;

        unsigned held;       /* what has been dealt with, as far as it could be */
        unsigned off;        /* of that, what has been toned down, or was */
        unsigned undone;     /* of that, what the user has turned on again since, or some of it */
        EffectsWatch *watch; /* for that, while there is something off */
        bool stirred;        /* it has told of something */

        bool busy;
        unsigned effects; /* which something is being done to */
        EffectsJob job;
        GPtrArray *kept; /* the journal's */
};

static void step(Effects *e);

void effects_job_hold(EffectsJob *job) {
        job->pending++;
}

void effects_job_release(EffectsJob *job) {
        if (--job->pending == 0)
                job->done(job);
}

static unsigned find_family(void) {
        static const struct {
                const char *name;
                EffectsFamily family;
        } names[] = {
                {"GNOME", EFFECTS_GNOME},       {"Unity", EFFECTS_GNOME}, {"Budgie", EFFECTS_GNOME},
                {"Pantheon", EFFECTS_GNOME},    {"MATE", EFFECTS_MATE},   {"X-Cinnamon", EFFECTS_CINNAMON},
                {"Cinnamon", EFFECTS_CINNAMON}, {"XFCE", EFFECTS_XFCE},   {"KDE", EFFECTS_KDE},
        };
        g_auto(GStrv) desktops = g_strsplit(g_getenv("XDG_CURRENT_DESKTOP") ?: "", ":", 16);

        for (char **desktop = desktops; *desktop; desktop++)
                for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                        if (g_ascii_strcasecmp(*desktop, names[i].name) == 0)
                                return names[i].family;
        return EFFECTS_FAMILY_COUNT;
}

static unsigned possible(const Effects *e) {
        if (!effects_present(e))
                return 0;
        return backends[e->family]->can(e->family) & e->config->effects_allowed;
}

/* What ought to be toned down at this moment. */
static unsigned target(const Effects *e) {
        if (e->ending || e->start > 0)
                return 0;
        if (e->config->effects_off == EFFECTS_ALWAYS)
                return possible(e);
        return e->connected ? e->wanted : 0;
}

static gboolean on_pause_end(gpointer userdata) {
        Effects *e = userdata;

        e->pause = 0;
        step(e);
        return G_SOURCE_REMOVE;
}

static void on_stirred(void *userdata) {
        Effects *e = userdata;

        e->stirred = true;
        step(e);
}

static void set_watch(Effects *e, bool on) {
        if (!on)
                e->watch = effects_watch_free(e->watch);
        else if (!e->watch) {
                e->watch = effects_watch_new(e->desktop->session_bus, on_stirred, e);
                backends[e->family]->watch(e->watch, e->family);
        }
}

static void set_off(Effects *e, unsigned off, unsigned undone) {
        unsigned before = effects_off(e);

        e->off = off;
        e->undone = off & undone;
        if (e->ending)
                return;
        set_watch(e, off != 0);
        if (effects_off(e) != before)
                e->changed(e->userdata);
}

static void rest(Effects *e) {
        g_clear_pointer(&e->job.changes, g_ptr_array_unref);
        e->busy = false;
        e->pause = g_timeout_add(e->ending ? 0 : PACE_MSEC, on_pause_end, e);
}

/* What was being done has been done. */
static void finish(Effects *e, unsigned held, unsigned off) {
        effects_journal_end(e->journal);
        e->kept = NULL;
        e->held = held;
        rest(e);
        set_off(e, off, e->undone);
}

static void run(Effects *e, void (*next)(EffectsJob *job)) {
        e->job.done = next;
        effects_job_hold(&e->job); /* for those that are done at once */
}

static void run_all(Effects *e, EffectsOperation operation, void (*next)(EffectsJob *job)) {
        run(e, next);
        for (size_t i = 0; i < G_N_ELEMENTS(all_backends); i++)
                all_backends[i]->carry_out[operation](&e->job);
        effects_job_release(&e->job);
}

static void forget(Effects *e, const EffectsChange *c) {
        EffectsChange *kept = effects_changes_find(e->kept, c);

        if (kept)
                g_ptr_array_remove_fast(e->kept, kept);
}

/* Toning down: look what there is to change, keep it, change it. */

static void on_made(EffectsJob *job) {
        Effects *e = job->userdata;
        unsigned off = job->off;

        for (unsigned i = 0; i < job->changes->len; i++) {
                const EffectsChange *c = job->changes->pdata[i];

                if (c->state == EFFECTS_OURS)
                        off |= 1u << c->effect;
        }
        finish(e, e->held | e->effects, e->off | off);
}

static void on_looked(EffectsJob *job) {
        Effects *e = job->userdata;
        int r;

        for (unsigned i = 0; i < job->changes->len; i++) {
                const EffectsChange *c = job->changes->pdata[i];

                /* If there is one, the user has changed it since: this is what he has now. */
                forget(e, c);
                g_ptr_array_add(e->kept, effects_change_copy(c));
        }
        r = job->changes->len > 0 ? effects_journal_store(e->journal) : 0;
        if (r < 0) {
                g_message("Effects stay as they are, as it cannot be kept what the user has: %s",
                          g_strerror(-r));
                finish(e, e->held | e->effects, e->off);
                return;
        }
        run_all(e, EFFECTS_MAKE, on_made);
}

static int tone_down(Effects *e, unsigned effects) {
        int r = effects_journal_begin(e->journal, true, &e->kept);

        if (r < 0)
                return r;
        for (Effect effect = 0; r >= 0 && effect < EFFECT_COUNT; effect++)
                if (effects & (1u << effect))
                        r = effects_journal_hold(e->journal, e->family, effect);
        if (r < 0) {
                effects_journal_end(e->journal);
                return r;
        }
        e->busy = true;
        e->effects = effects;
        e->job.off = 0;
        e->job.changes = effects_changes_new();
        run(e, on_looked);
        backends[e->family]->look(&e->job, e->family, effects);
        effects_job_release(&e->job);
        return 0;
}

/* Restoring: see what is still as we made it, mark that, put back what the user had, and forget it. The mark
 * is for who comes after an end in the middle. */

static void store_restored(Effects *e) {
        int r;

        for (unsigned i = 0; i < e->job.changes->len; i++) {
                const EffectsChange *c = e->job.changes->pdata[i];

                if (c->state == EFFECTS_THEIRS)
                        forget(e, c);
        }
        r = effects_journal_store(e->journal);
        if (r < 0)
                g_message("The list of changed effects cannot be written: %s", g_strerror(-r));
}

static void on_restored(EffectsJob *job) {
        Effects *e = job->userdata;
        unsigned failed = 0;

        store_restored(e);
        for (unsigned i = 0; i < job->changes->len; i++) {
                const EffectsChange *c = job->changes->pdata[i];

                if (c->state != EFFECTS_THEIRS)
                        failed |= 1u << c->effect;
        }
        e->failed = failed > 0;
        if (failed > 0)
                g_message("Some effects could not be restored, which will be tried again");
        finish(e, e->held & ~e->effects, e->off & ~(e->effects & ~failed));
}

static void on_checked(EffectsJob *job) {
        Effects *e = job->userdata;

        for (unsigned i = 0; i < job->changes->len; i++) {
                const EffectsChange *c = job->changes->pdata[i];

                if (c->state == EFFECTS_OURS)
                        effects_changes_find(e->kept, c)->returning = true;
        }
        store_restored(e);
        run_all(e, EFFECTS_RESTORE, on_restored);
}

/* @effects, and whatever an agent that is no more has left. */
static int restore(Effects *e, unsigned effects) {
        bool free[EFFECTS_FAMILY_COUNT][EFFECT_COUNT];
        int r = effects_journal_begin(e->journal, false, &e->kept);

        if (r < 0)
                return r;
        for (EffectsFamily family = 0; family < EFFECTS_FAMILY_COUNT; family++)
                for (Effect effect = 0; effect < EFFECT_COUNT; effect++) {
                        bool stays = family == e->family && (e->held & ~effects & (1u << effect));

                        free[family][effect] = !stays && effects_journal_release(e->journal, family, effect);
                }
        e->busy = true;
        e->effects = effects;
        e->job.changes = effects_changes_new();
        for (unsigned i = e->kept->len; i > 0; i--) {
                const EffectsChange *c = e->kept->pdata[i - 1];

                if (!backends[c->family] || !backends[c->family]->knows(c)) {
                        g_message("The list of changed effects has one that is none of ours");
                        g_ptr_array_remove_index(e->kept, i - 1);
                } else if (free[c->family][c->effect])
                        g_ptr_array_add(e->job.changes, effects_change_copy(c));
        }
        run_all(e, EFFECTS_CHECK, on_checked);
        return 0;
}

/* What the user has done meanwhile. */

static void on_looked_again(EffectsJob *job) {
        Effects *e = job->userdata;
        unsigned on = ~job->off;

        for (unsigned i = 0; i < job->changes->len; i++)
                on |= 1u << ((const EffectsChange *) job->changes->pdata[i])->effect;
        rest(e);
        set_off(e, e->off, on);
}

static int look_again(Effects *e) {
        e->busy = true;
        e->stirred = false;
        e->job.off = 0;
        e->job.changes = effects_changes_new();
        run(e, on_looked_again);
        backends[e->family]->look(&e->job, e->family, e->off);
        effects_job_release(&e->job);
        return 0;
}

static void step(Effects *e) {
        unsigned more, less;
        int r;

        if (e->busy || e->pause > 0)
                return;
        less = e->held & ~target(e);
        more = target(e) & ~e->held;
        if (!e->recovered || less > 0)
                r = restore(e, less);
        else if (more > 0)
                r = tone_down(e, more);
        else if (e->stirred && e->off != 0)
                r = look_again(e);
        else
                return;
        if (r != -EAGAIN) { /* another agent is at it */
                e->recovered = true;
                if (r < 0) {
                        if (r != -ENOENT)
                                g_message("The list of changed effects cannot be used: %s", g_strerror(-r));
                        e->held = less > 0 ? e->held & ~less : e->held | more;
                }
        }
        if (r < 0)
                e->pause = g_timeout_add(PACE_MSEC, on_pause_end, e);
}

static gboolean on_start_end(gpointer userdata) {
        Effects *e = userdata;

        e->start = 0;
        step(e);
        return G_SOURCE_REMOVE;
}

static gboolean on_moment_end(gpointer userdata) {
        Effects *e = userdata;

        e->moment = 0;
        if (e->gone) {
                e->wanted = 0;
                e->connected = true; /* as the next one may think */
        } else
                e->connected = false;
        e->gone = e->left = false;
        step(e);
        return G_SOURCE_REMOVE;
}

/* Who has just gone may return. */
static void wait_a_moment(Effects *e) {
        g_clear_handle_id(&e->moment, g_source_remove);
        if (e->gone || e->left)
                e->moment = g_timeout_add(LEAVE_MSEC, on_moment_end, e);
}

static gboolean on_service_ready(gpointer userdata);

static void wait_for_service(Effects *e, unsigned msec) {
        e->patience = msec;
        e->ready = msec <= SERVICE_LAST_MSEC ? g_timeout_add(msec, on_service_ready, e) : 0;
}

/* What could not be done without it: what was left from before, and what is wanted. */
static gboolean on_service_ready(gpointer userdata) {
        Effects *e = userdata;

        e->ready = 0;
        e->stirred = true;
        if (e->failed || (target(e) & ~e->off) || e->start > 0) {
                e->recovered = false;
                e->held &= e->off;
                wait_for_service(e, e->patience * 2);
        }
        step(e);
        return G_SOURCE_REMOVE;
}

static void on_service(const char *owner, void *userdata) {
        Effects *e = userdata;

        g_clear_handle_id(&e->ready, g_source_remove);
        if (owner)
                wait_for_service(e, SERVICE_FIRST_MSEC);
}

Effects *effects_new(const Desktop *desktop, const Config *config, void (*changed)(void *userdata),
                     void *userdata) {
        Effects *e = g_new0(Effects, 1);

        e->desktop = desktop;
        e->config = config;
        e->changed = changed;
        e->userdata = userdata;
        e->family = find_family();
        e->journal = effects_journal_new();
        e->connected = true;
        e->job = (EffectsJob){.desktop = desktop, .cancel = g_cancellable_new(), .userdata = e};
        if (possible(e) > 0 && config->effects_off != EFFECTS_NEVER)
                e->start = g_timeout_add(START_MSEC, on_start_end, e);
        step(e);
        if (effects_present(e) && backends[e->family]->service)
                e->service = desktop_name_new(desktop, backends[e->family]->service, on_service, e);
        return e;
}

static gboolean on_end_timeout(gpointer userdata) {
        Effects *e = userdata;

        g_cancellable_cancel(e->job.cancel);
        return G_SOURCE_CONTINUE;
}

Effects *effects_free(Effects *e) {
        unsigned timeout;

        if (!e)
                return NULL;
        e->ending = true;
        set_watch(e, false);
        desktop_name_free(e->service);
        g_clear_handle_id(&e->ready, g_source_remove);
        g_clear_handle_id(&e->start, g_source_remove);
        g_clear_handle_id(&e->moment, g_source_remove);
        g_clear_handle_id(&e->pause, g_source_remove);
        timeout = g_timeout_add(END_MSEC, on_end_timeout, e);
        step(e);
        while (e->busy || (e->held > 0 && !g_cancellable_is_cancelled(e->job.cancel)))
                g_main_context_iteration(NULL, true);
        g_source_remove(timeout);
        g_clear_handle_id(&e->pause, g_source_remove);
        g_object_unref(e->job.cancel);
        effects_journal_free(e->journal);
        g_free(e);
        return NULL;
}

bool effects_present(const Effects *e) {
        return e->family < EFFECTS_FAMILY_COUNT && backends[e->family];
}

unsigned effects_offered(const Effects *e) {
        return e->config->effects_off == EFFECTS_HOST ? possible(e) : 0;
}

unsigned effects_off(const Effects *e) {
        return e->off & ~e->undone;
}

void effects_set_wanted(Effects *e, unsigned effects) {
        e->wanted = effects & effects_offered(e);
        e->gone = false;
        wait_a_moment(e);
        step(e);
}

void effects_set_console(Effects *e, bool connected) {
        if (connected)
                e->connected = true;
        e->left = !connected && e->connected;
        wait_a_moment(e);
        step(e);
}

void effects_host_gone(Effects *e) {
        if (e->wanted == 0 && e->connected)
                return;
        e->gone = true;
        wait_a_moment(e);
}
