/* SPDX-License-Identifier: Apache-2.0 */
#include "console.h"

#include "layout-bus.h"
#include "session-agent/effect.h"
#include "util/log.h"
#include "util/text.h"

/* A console whose window is being resized has a new wish with every pixel. */
#define HOST_USEC UINT64_C(250000)
#define SEAT "seat0"

/* What is wanted of one session. */
typedef struct Screen {
        Console *console;
        char *id;
        Layout *wanted; /* by the administrator, or NULL */
        uint64_t wanted_serial;
        char *served; /* the agent that has been told, by its unique name */
        bool shown;
        sd_bus_slot *call;
        bool again; /* there is something newer than what is on its way */
} Screen;

/* A question of the administrator's, under way. */
typedef struct Ask {
        Console *console;
        char *id;
        Layout layout;
        bool verify;
        ConsoleDone done; /* NULL once it has been called */
        void (*forget)(void *userdata);
        void *userdata;
} Ask;

struct Console {
        sd_event *event;
        SessionRegistry *registry;
        SessionAgents *agents;
        GHashTable *screens; /* by session id */
        uint64_t serial;     /* of the last wish */

        Layout *layout; /* the host's, or NULL */
        uint64_t layout_serial;
        sd_event_source *timer;
        bool effects_told, connected_told, connected;
        unsigned effects_off;
        RateLimit refused_limit;
};

static void screen_free(void *p) {
        Screen *screen = p;

        sd_bus_slot_unref(screen->call);
        g_free(screen->id);
        g_free(screen->wanted);
        g_free(screen->served);
        g_free(screen);
}

Console *console_new(sd_event *event, SessionRegistry *registry, SessionAgents *agents) {
        Console *c = g_new0(Console, 1);

        c->event = sd_event_ref(event);
        c->registry = registry;
        c->agents = agents;
        c->screens = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, screen_free);
        c->refused_limit = (RateLimit){.interval_usec = 60 * UINT64_C(1000000), .burst = 5};
        return c;
}

Console *console_free(Console *c) {
        if (!c)
                return NULL;
        (void) sd_event_source_disable_unref(c->timer);
        g_hash_table_unref(c->screens);
        g_free(c->layout);
        sd_event_unref(c->event);
        g_free(c);
        return NULL;
}

static Screen *screen_of(Console *c, const Session *s) {
        Screen *screen = g_hash_table_lookup(c->screens, s->id);

        if (screen)
                return screen;
        screen = g_new0(Screen, 1);
        screen->console = c;
        screen->id = g_strdup(s->id);
        g_hash_table_insert(c->screens, screen->id, screen);
        return screen;
}

/* --- monitors ----------------------------------------------------------------------------------------- */

/* The newer one of what the host and the administrator want; NULL if neither does. */
static const Layout *wanted_of(const Console *c, const Screen *screen) {
        if (c->layout &&
            session_registry_shown(c->registry) == session_registry_get(c->registry, screen->id) &&
            (!screen->wanted || c->layout_serial > screen->wanted_serial))
                return c->layout;
        return screen->wanted;
}

/* Reads the answer to a layout, and keeps what became of it. Into @ret, or the reason why not. */
static char *take_answer(Console *c, const char *id, sd_bus_message *m, bool verify, Layout *ret) {
        const sd_bus_error *error = sd_bus_message_get_error(m);
        _cleanup_free_ char *nonsense = NULL;
        char *reason = NULL;

        if (error) /* in the agent's words, which may be any, of any length */
                reason = cut_text(error->message ?: error->name, LAYOUT_TEXT_MAX);
        else if (layout_bus_read(m, ret, &nonsense) < 0 || nonsense)
                reason = g_strdup("The session agent's answer makes no sense");
        if (!verify)
                session_registry_arranged(c->registry, id, reason ? NULL : ret, reason ?: "");
        return reason;
}

static void arrange(Screen *screen);

static int on_arranged(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Screen *screen = userdata;
        Console *c = screen->console;
        _cleanup_free_ Layout *result = g_new0(Layout, 1);
        _cleanup_free_ char *reason = take_answer(c, screen->id, m, false, result);
        unsigned suppressed;

        if (reason && rate_limit(&c->refused_limit, &suppressed)) {
                _cleanup_free_ char *text = g_strescape(reason, NULL);

                log_info("The monitors of session %s stay as they are: %.200s (%u more before)", screen->id,
                         text, suppressed);
        }
        screen->call = sd_bus_slot_unref(screen->call);
        if (screen->again)
                arrange(screen);
        return 0;
}

static bool can_arrange(const Session *s) {
        return s && s->agent && s->offer.display;
}

static void arrange(Screen *screen) {
        Console *c = screen->console;
        const Session *s = session_registry_get(c->registry, screen->id);
        const Layout *layout;
        int r;

        layout = wanted_of(c, screen);
        screen->again = screen->call;
        if (screen->call || !layout || !can_arrange(s))
                return;
        r = session_agents_apply_layout(c->agents, s, layout, false, &screen->call, on_arranged, screen);
        if (r < 0)
                log_debug("Cannot ask the agent of session %s: %s", s->id, g_strerror(-r));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Console *c = userdata;
        const Session *s = session_registry_shown(c->registry);

        c->timer = sd_event_source_disable_unref(c->timer);
        if (s)
                arrange(screen_of(c, s));
        return 0;
}

void console_host_layout(Console *c, const Layout *layout) {
        g_free(c->layout);
        c->layout = g_memdup2(layout, sizeof *layout);
        c->layout_serial = ++c->serial;
        if (!c->timer)
                (void) sd_event_add_time_relative(c->event, &c->timer, CLOCK_MONOTONIC, HOST_USEC, 0,
                                                  on_timer, c);
}

static void keep(Console *c, const Session *s, const Layout *layout) {
        Screen *screen = screen_of(c, s);

        g_free(screen->wanted);
        screen->wanted = g_memdup2(layout, sizeof *layout);
        screen->wanted_serial = ++c->serial;
}

static void ask_free(void *p) {
        Ask *ask = p;

        if (ask->done)
                ask->forget(ask->userdata);
        g_free(ask->id);
        g_free(ask);
}

static int on_asked(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Ask *ask = userdata;
        Console *c = ask->console;
        const Session *s = session_registry_get(c->registry, ask->id);
        _cleanup_free_ Layout *result = g_new0(Layout, 1);
        _cleanup_free_ char *reason = take_answer(c, ask->id, m, ask->verify, result);
        const char *error = sd_bus_message_is_method_error(m, NULL) ? sd_bus_message_get_error(m)->name
                                                                    : SD_BUS_ERROR_FAILED;
        ConsoleDone done = ask->done;

        if (!reason && !ask->verify && s)
                keep(c, s, &ask->layout);
        ask->done = NULL;
        done(reason ? NULL : result, error, reason, ask->userdata);
        return 0;
}

int console_apply(Console *c, const Session *s, const Layout *layout, bool verify, ConsoleDone done,
                  void (*forget)(void *userdata), void *userdata) {
        sd_bus_slot *slot;
        Ask *ask;
        int r;

        if (!can_arrange(s)) {
                if (verify)
                        return -EOPNOTSUPP;
                keep(c, s, layout);
                return 1;
        }
        ask = g_new0(Ask, 1);
        ask->console = c;
        ask->id = g_strdup(s->id);
        ask->layout = *layout;
        ask->verify = verify;
        ask->forget = forget;
        ask->userdata = userdata;
        r = session_agents_apply_layout(c->agents, s, layout, verify, &slot, on_asked, ask);
        if (r < 0) {
                ask_free(ask);
                return r;
        }
        /* From here on it lasts until it is answered, or the bus is gone. */
        ask->done = done;
        (void) sd_bus_slot_set_destroy_callback(slot, ask_free);
        (void) sd_bus_slot_set_floating(slot, true);
        sd_bus_slot_unref(slot);
        return 0;
}

/* --- effects ------------------------------------------------------------------------------------------ */

static void tell_effects(Console *c, const Session *s) {
        if (!s->agent || !s->offer.effects || s->remote || !g_str_equal(s->seat, SEAT))
                return;
        if (c->connected_told)
                (void) session_agents_set_console(c->agents, s, c->connected);
        if (c->effects_told)
                (void) session_agents_set_effects(c->agents, s, c->effects_off);
}

static void tell_effects_to_all(Console *c) {
        g_autoptr(GPtrArray) all = session_registry_list(c->registry);

        for (guint i = 0; i < all->len; i++)
                tell_effects(c, all->pdata[i]);
}

void console_host_effects(Console *c, unsigned off) {
        c->effects_told = true;
        c->effects_off = off & EFFECTS_ALL;
        tell_effects_to_all(c);
}

void console_host_connected(Console *c, bool connected) {
        c->connected_told = true;
        c->connected = connected;
        tell_effects_to_all(c);
}

/* --- sessions ----------------------------------------------------------------------------------------- */

static void on_agent_changed(Screen *screen, const Session *s) {
        if (!s->agent) {
                screen->call = sd_bus_slot_unref(screen->call);
                screen->again = false;
                return;
        }
        tell_effects(screen->console, s);
        /* An agent that registers anew, as it does when a locker starts, has not been away. */
        if (!can_arrange(s) || g_strcmp0(screen->served, s->agent) == 0)
                return;
        g_free(screen->served);
        screen->served = g_strdup(s->agent);
        arrange(screen);
}

void console_bus_lost(Console *c) {
        GHashTableIter i;
        gpointer value;

        g_hash_table_iter_init(&i, c->screens);
        while (g_hash_table_iter_next(&i, NULL, &value)) {
                Screen *screen = value;

                /* On the next bus the same name may be another agent's, or the same one's after a time away.
                 */
                g_clear_pointer(&screen->served, g_free);
        }
}

void console_session_changed(Console *c, const Session *s, unsigned changes) {
        bool shown = session_registry_shown(c->registry) == s, came;
        Screen *screen;

        if (changes & SESSION_REMOVED) {
                g_hash_table_remove(c->screens, s->id);
                return;
        }
        screen = screen_of(c, s);
        came = shown && !screen->shown;
        screen->shown = shown;
        if (came)
                arrange(screen);
        if (changes & SESSION_AGENT)
                on_agent_changed(screen, s);
}
