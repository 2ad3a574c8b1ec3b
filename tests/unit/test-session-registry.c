/* SPDX-License-Identifier: Apache-2.0 */
#include "session-registry.h"

#include <errno.h>
#include <string.h>

#define MSEC UINT64_C(1000)
#define SETTLE (300 * MSEC)
#define ALICE 1000
#define BOB 1001
#define GDM 120

/* What the registry has announced, as words: "+1" added, "-1" removed, "~1fasl" changed: facts, agent, said,
 * locked; "." settled. */
typedef struct Bed {
        sd_event *event;
        SessionRegistry *registry;
        GString *said;
} Bed;

static void on_changed(const Session *s, unsigned changes, void *userdata) {
        Bed *b = userdata;

        if (changes & SESSION_REMOVED)
                g_string_append_printf(b->said, "-%s", s->id);
        else if (changes & SESSION_ADDED)
                g_string_append_printf(b->said, "+%s", s->id);
        else
                g_string_append_printf(b->said, "~%s%s%s%s%s", s->id, changes & SESSION_FACTS ? "f" : "",
                                       changes & SESSION_AGENT ? "a" : "", changes & SESSION_SAID ? "s" : "",
                                       changes & SESSION_LOCKED ? "l" : "");
}

static void on_settled(void *userdata) {
        Bed *b = userdata;

        g_string_append_c(b->said, '.');
}

static Bed *bed_new(void) {
        static const SessionCallbacks callbacks = {on_changed, on_settled};
        Bed *b = g_new0(Bed, 1);

        g_assert_cmpint(sd_event_new(&b->event), ==, 0);
        b->registry = session_registry_new(b->event, &callbacks, b);
        b->said = g_string_new(NULL);
        return b;
}

static void bed_free(Bed *b) {
        session_registry_free(b->registry);
        sd_event_unref(b->event);
        g_string_free(b->said, true);
        g_free(b);
}

static void run(Bed *b, uint64_t usec) {
        gint64 end = g_get_monotonic_time() + (gint64) usec, left;

        while ((left = end - g_get_monotonic_time()) > 0)
                g_assert_cmpint(sd_event_run(b->event, (uint64_t) left), >=, 0);
}

#define assert_said(b, expected)                                                                            \
        do {                                                                                                \
                g_assert_cmpstr((b)->said->str, ==, expected);                                              \
                g_string_truncate((b)->said, 0);                                                            \
        } while (false)

/* What is not said is as usual. */
static SessionFacts filled(SessionFacts f) {
        f.path = "/s";
        f.seat = f.seat ?: "seat0";
        f.type = f.type ?: "wayland";
        f.class = f.class ?: "user";
        f.state = f.state ?: "online";
        return f;
}

#define FACTS(ID, USER, UID, ...)                                                                           \
        ((SessionFacts[]){filled((SessionFacts){.id = (ID), .user = (USER), .uid = (UID), __VA_ARGS__})})
#define GREETER(ID) FACTS(ID, "gdm", GDM, .class = "greeter")

static const Session *get(Bed *b, const char *id) {
        const Session *s = session_registry_get(b->registry, id);

        g_assert_nonnull(s);
        return s;
}

static void update(Bed *b, const SessionFacts *f) {
        session_registry_update(b->registry, f);
        session_registry_commit(b->registry);
}

static void activate(Bed *b, const char *seat, const char *id) {
        session_registry_set_active(b->registry, seat, id);
        session_registry_commit(b->registry);
}

static void forget(Bed *b, const char *id) {
        session_registry_remove(b->registry, id);
        session_registry_commit(b->registry);
}

static void assert_at_seat(Bed *b, const char *id) {
        const Session *s = session_registry_at_seat(b->registry);

        g_assert_cmpstr(s ? s->id : NULL, ==, id);
}

static int enrol(Bed *b, const char *id, uint32_t uid, const char *sender) {
        SessionOffer offer = {.version = g_strdup("2"), .lock = true};
        const Session *s = NULL;
        int r = session_registry_register(b->registry, id, uid, sender, &offer, &s);

        g_assert_true((r == 0) == (s != NULL));
        g_assert_true((r == 0) == (offer.version == NULL)); /* taken over, or not */
        session_offer_clear(&offer);
        return r;
}

static int report(Bed *b, const char *sender, bool locked) {
        SessionReport r = {.locked = locked ? SESSION_SAYS_YES : SESSION_SAYS_NO};

        return session_registry_report(b->registry, sender, &r);
}

static void test_come_and_go(void) {
        Bed *b = bed_new();

        session_registry_commit(b->registry);
        assert_said(b, ".");
        assert_at_seat(b, NULL);

        session_registry_update(b->registry, FACTS("1", "alice", ALICE));
        session_registry_set_active(b->registry, "seat0", "1");
        assert_said(b, ""); /* half of a change is nothing to tell */
        session_registry_commit(b->registry);
        assert_said(b, "+1.");
        assert_at_seat(b, "1");
        g_assert_true(get(b, "1")->active);

        update(b, FACTS("1", "alice", ALICE));
        assert_said(b, ".");
        update(b, FACTS("1", "alice", ALICE, .state = "active"));
        assert_said(b, "~1f.");
        activate(b, "seat0", NULL);
        assert_said(b, "~1f.");
        assert_at_seat(b, "1"); /* still the one who was there */

        forget(b, "1");
        assert_said(b, "-1.");
        g_assert_null(session_registry_get(b->registry, "1"));
        assert_at_seat(b, NULL);
        forget(b, "1");
        assert_said(b, ".");

        /* Gone before it was announced, and there again: the first one has ended. */
        update(b, FACTS("2", "bob", BOB));
        session_registry_remove(b->registry, "2");
        session_registry_update(b->registry, FACTS("2", "alice", ALICE));
        session_registry_commit(b->registry);
        assert_said(b, "+2.-2+2.");
        g_assert_cmpstr(get(b, "2")->user, ==, "alice");
        bed_free(b);
}

static void test_at_seat(void) {
        Bed *b = bed_new();

        update(b, FACTS("r", "alice", ALICE, .remote = true));
        update(b, FACTS("n", "alice", ALICE, .seat = ""));
        update(b, FACTS("o", "alice", ALICE, .seat = "seat1"));
        update(b, FACTS("m", "alice", ALICE, .class = "manager"));
        update(b, FACTS("b", "alice", ALICE, .class = "background"));
        update(b, FACTS("i", "alice", ALICE, .class = "user-incomplete"));
        update(b, FACTS("c", "alice", ALICE, .state = "closing"));
        update(b, GREETER("g"));
        activate(b, "seat0", "g");
        activate(b, "seat1", "o");
        assert_at_seat(b, NULL);
        g_assert_true(get(b, "o")->active && get(b, "g")->active);

        /* A second seat's switches are not ours. */
        update(b, FACTS("1", "bob", BOB));
        assert_at_seat(b, "1");
        activate(b, "seat1", NULL);
        assert_at_seat(b, "1");

        update(b, FACTS("2", "alice", ALICE, .class = "user-early"));
        activate(b, "seat0", "2");
        assert_at_seat(b, "2");
        activate(b, "seat0", "1");
        assert_at_seat(b, "1");
        g_assert_false(get(b, "2")->active);

        /* The greeter covers it: still the one that was. */
        activate(b, "seat0", "g");
        assert_at_seat(b, "1");
        forget(b, "1");
        assert_at_seat(b, "2");
        update(b, FACTS("2", "alice", ALICE, .class = "user-early", .state = "closing"));
        assert_at_seat(b, NULL);

        /* A seat may name a session that is not known. */
        activate(b, "seat0", "unknown");
        assert_at_seat(b, NULL);
        bed_free(b);
}

static void test_locked_settles(void) {
        Bed *b = bed_new();

        update(b, FACTS("1", "alice", ALICE));
        activate(b, "seat0", "1");
        g_string_truncate(b->said, 0);

        update(b, FACTS("1", "alice", ALICE, .locked_hint = true));
        assert_said(b, "~1f.");
        run(b, SETTLE / 3);
        g_assert_false(get(b, "1")->locked);
        /* What comes meanwhile does not begin the wait anew. */
        update(b, FACTS("1", "alice", ALICE, .locked_hint = true, .state = "active"));
        assert_said(b, "~1f.");
        run(b, SETTLE * 2 / 3 + 50 * MSEC);
        assert_said(b, "~1l.");
        g_assert_true(get(b, "1")->locked);

        /* Unlocked at once. */
        update(b, FACTS("1", "alice", ALICE, .state = "active"));
        assert_said(b, "~1fl.");
        g_assert_false(get(b, "1")->locked);
        run(b, SETTLE + 50 * MSEC);
        assert_said(b, "");
        bed_free(b);
}

/* xss-lock says "locked" for a millisecond when its locker fails. */
static void test_flash(void) {
        Bed *b = bed_new();

        update(b, FACTS("1", "alice", ALICE));
        activate(b, "seat0", "1");
        for (unsigned i = 0; i < 3; i++) {
                update(b, FACTS("1", "alice", ALICE, .locked_hint = true));
                run(b, MSEC);
                update(b, FACTS("1", "alice", ALICE));
                run(b, SETTLE / 2);
        }
        run(b, SETTLE + 50 * MSEC);
        g_assert_null(strchr(b->said->str, 'l'));
        g_assert_false(get(b, "1")->locked);
        bed_free(b);
}

static void test_two_accounts(void) {
        Bed *b = bed_new();

        update(b, FACTS("1", "alice", ALICE));
        activate(b, "seat0", "1");
        g_assert_cmpint(enrol(b, "1", ALICE, ":1.1"), ==, 0);
        g_string_truncate(b->said, 0);

        g_assert_cmpint(report(b, ":1.2", true), ==, -ENOENT);
        g_assert_cmpint(report(b, ":1.1", true), ==, 0);
        assert_said(b, "~1s.");
        g_assert_cmpint(report(b, ":1.1", true), ==, 0);
        assert_said(b, "");
        run(b, SETTLE + 50 * MSEC);
        assert_said(b, "~1l.");

        /* The hint says so too, and then one of them takes it back. */
        update(b, FACTS("1", "alice", ALICE, .locked_hint = true));
        g_assert_cmpint(report(b, ":1.1", false), ==, 0);
        assert_said(b, "~1f.~1s.");
        g_assert_true(get(b, "1")->locked);
        update(b, FACTS("1", "alice", ALICE));
        assert_said(b, "~1fl.");

        /* What an agent said goes with it. */
        g_assert_cmpint(report(b, ":1.1", true), ==, 0);
        run(b, SETTLE + 50 * MSEC);
        g_assert_true(get(b, "1")->locked);
        g_string_truncate(b->said, 0);
        g_assert_cmpint(session_registry_unregister(b->registry, ":1.1"), ==, 0);
        assert_said(b, "~1asl.");
        g_assert_false(get(b, "1")->locked);
        g_assert_null(get(b, "1")->agent);
        g_assert_null(get(b, "1")->offer.version);
        g_assert_cmpint(get(b, "1")->said.locked, ==, SESSION_SAYS_NOTHING);
        g_assert_cmpint(session_registry_unregister(b->registry, ":1.1"), ==, -ENOENT);
        bed_free(b);
}

static void test_covered(void) {
        Bed *b = bed_new();

        /* A session that is being started behind the login screen is not covered by it. */
        update(b, GREETER("g"));
        activate(b, "seat0", "g");
        update(b, FACTS("1", "alice", ALICE));
        update(b, FACTS("x", "bob", BOB, .seat = "seat1"));
        activate(b, "seat1", "x");
        run(b, SETTLE + 50 * MSEC);
        g_assert_false(get(b, "1")->locked);

        activate(b, "seat0", "1");
        run(b, SETTLE + 50 * MSEC);
        g_assert_false(get(b, "1")->locked);
        activate(b, "seat0", "g");
        run(b, SETTLE + 50 * MSEC);
        g_assert_true(get(b, "1")->locked);
        g_assert_false(get(b, "x")->locked);
        activate(b, "seat0", "1");
        g_assert_false(get(b, "1")->locked);

        /* Another user's session is no cover; a lock screen that is a session of its own is one. */
        update(b, FACTS("2", "bob", BOB));
        activate(b, "seat0", "2");
        run(b, SETTLE + 50 * MSEC);
        g_assert_false(get(b, "1")->locked);
        update(b, FACTS("l", "bob", BOB, .class = "lock-screen"));
        activate(b, "seat0", "l");
        run(b, SETTLE + 50 * MSEC);
        g_assert_true(get(b, "2")->locked);
        assert_at_seat(b, "2");
        bed_free(b);
}

/* One that is found behind it may have been there for long: it is covered. */
static void test_found_covered(void) {
        Bed *b = bed_new();

        update(b, GREETER("g"));
        activate(b, "seat0", "g");
        update(b, FACTS("1", "alice", ALICE, .found = true));
        run(b, SETTLE + 50 * MSEC);
        g_assert_true(get(b, "1")->locked);
        activate(b, "seat0", "1");
        g_assert_false(get(b, "1")->locked);
        bed_free(b);
}

/* Ends while it is being found out whether it is locked. */
static void test_ends_unsettled(void) {
        Bed *b = bed_new();

        update(b, FACTS("1", "alice", ALICE, .locked_hint = true));
        forget(b, "1");
        g_string_truncate(b->said, 0);
        run(b, SETTLE + 50 * MSEC);
        assert_said(b, "");

        update(b, FACTS("2", "alice", ALICE, .locked_hint = true));
        bed_free(b);
}

static void test_register(void) {
        Bed *b = bed_new();

        update(b, FACTS("1", "alice", ALICE));
        update(b, FACTS("2", "alice", ALICE));
        update(b, FACTS("m", "alice", ALICE, .class = "manager"));
        update(b, FACTS("c", "alice", ALICE, .state = "closing"));
        update(b, FACTS("r", "alice", ALICE, .remote = true, .seat = ""));
        update(b, GREETER("g"));
        g_string_truncate(b->said, 0);

        g_assert_cmpint(enrol(b, "9", ALICE, ":1.1"), ==, -ENOENT);
        g_assert_cmpint(enrol(b, "", ALICE, ":1.1"), ==, -ENOENT);
        g_assert_cmpint(enrol(b, "c", ALICE, ":1.1"), ==, -ENOENT);
        g_assert_cmpint(enrol(b, "1", BOB, ":1.1"), ==, -EACCES);
        g_assert_cmpint(enrol(b, "1", 0, ":1.1"), ==, -EACCES);
        g_assert_cmpint(enrol(b, "m", ALICE, ":1.1"), ==, -EACCES);
        assert_said(b, "");

        g_assert_cmpint(enrol(b, "1", ALICE, ":1.1"), ==, 0);
        assert_said(b, "~1a");
        g_assert_cmpstr(get(b, "1")->agent, ==, ":1.1");
        g_assert_true(get(b, "1")->offer.lock && !get(b, "1")->offer.logout);
        g_assert_true(session_registry_by_agent(b->registry, ":1.1") == get(b, "1"));
        g_assert_null(session_registry_by_agent(b->registry, ":1.2"));

        g_assert_cmpint(enrol(b, "1", ALICE, ":1.2"), ==, -EEXIST);
        g_assert_cmpint(enrol(b, "2", ALICE, ":1.1"), ==, -EBUSY);
        g_assert_cmpstr(get(b, "1")->agent, ==, ":1.1");
        g_assert_null(get(b, "2")->agent);

        g_assert_cmpint(enrol(b, "r", ALICE, ":1.3"), ==, 0);
        g_assert_cmpint(enrol(b, "g", GDM, ":1.4"), ==, 0);
        g_string_truncate(b->said, 0);

        /* An agent goes with its session, and may come again for the next. */
        forget(b, "1");
        assert_said(b, "-1.");
        g_assert_null(session_registry_by_agent(b->registry, ":1.1"));
        g_assert_cmpint(enrol(b, "2", ALICE, ":1.1"), ==, 0);
        bed_free(b);
}

static void test_quotas(void) {
        Bed *b = bed_new();
        unsigned n = 0;

        for (unsigned user = 0; user <= AGENTS_MAX / AGENTS_PER_UID_MAX; user++)
                for (unsigned i = 0; i <= AGENTS_PER_UID_MAX; i++, n++) {
                        g_autofree char *id = g_strdup_printf("%u", n),
                                        *sender = g_strdup_printf(":1.%u", n);
                        SessionFacts facts = *FACTS("", "user", 2000 + user, .remote = true);
                        int expected = i == AGENTS_PER_UID_MAX                   ? -EMFILE
                                       : user == AGENTS_MAX / AGENTS_PER_UID_MAX ? -ENFILE
                                                                                 : 0;

                        if (expected == -EMFILE && user == AGENTS_MAX / AGENTS_PER_UID_MAX)
                                expected = -ENFILE; /* this user has none */
                        facts.id = id;
                        session_registry_update(b->registry, &facts);
                        g_assert_cmpint(enrol(b, id, 2000 + user, sender), ==, expected);
                }
        /* One that goes makes room for another. */
        g_autofree char *last = g_strdup_printf("%u", n - 1);
        g_assert_cmpint(enrol(b, last, 2000 + AGENTS_MAX / AGENTS_PER_UID_MAX, ":1.x"), ==, -ENFILE);
        g_assert_cmpint(session_registry_unregister(b->registry, ":1.0"), ==, 0);
        g_assert_cmpint(enrol(b, last, 2000 + AGENTS_MAX / AGENTS_PER_UID_MAX, ":1.x"), ==, 0);

        /* Sessions are bounded as well. */
        for (; n < SESSIONS_MAX + 10; n++) {
                g_autofree char *id = g_strdup_printf("%u", n);
                SessionFacts facts = *FACTS("", "user", 3000);

                facts.id = id;
                session_registry_update(b->registry, &facts);
        }
        g_autoptr(GPtrArray) all = session_registry_list(b->registry);
        g_assert_cmpuint(all->len, ==, SESSIONS_MAX);
        bed_free(b);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/session-registry/come-and-go", test_come_and_go);
        g_test_add_func("/session-registry/at-seat", test_at_seat);
        g_test_add_func("/session-registry/locked-settles", test_locked_settles);
        g_test_add_func("/session-registry/flash", test_flash);
        g_test_add_func("/session-registry/two-accounts", test_two_accounts);
        g_test_add_func("/session-registry/covered", test_covered);
        g_test_add_func("/session-registry/found-covered", test_found_covered);
        g_test_add_func("/session-registry/ends-unsettled", test_ends_unsettled);
        g_test_add_func("/session-registry/register", test_register);
        g_test_add_func("/session-registry/quotas", test_quotas);
        return g_test_run();
}
