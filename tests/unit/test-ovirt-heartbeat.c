/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-heartbeat.h"
#include "test-tree.h"
#include "util/json-get.h"

#define SECOND UINT64_C(1000000)

/* A guest of 1 GiB, as the tests change it. */
typedef struct Guest {
        unsigned free, available, cached, swap_free;
        unsigned swap_in, swap_out, faults, major_faults;
} Guest;

static const Guest quiet = {.free = 600000, .available = 800000, .cached = 100000, .swap_free = 500000};

static void write_guest(const Tree *t, const Guest *g) {
        g_autofree char *meminfo = g_strdup_printf(
                "MemTotal: 1048576 kB\nMemFree: %u kB\nMemAvailable: %u kB\nBuffers: 0 kB\nCached: %u kB\n"
                "SwapTotal: 500000 kB\nSwapFree: %u kB\n",
                g->free, g->available, g->cached, g->swap_free);
        g_autofree char *vmstat = g_strdup_printf("pswpin %u\npswpout %u\npgfault %u\npgmajfault %u\n",
                                                  g->swap_in, g->swap_out, g->faults, g->major_faults);

        tree_write(t, "proc/meminfo", meminfo);
        tree_write(t, "proc/vmstat", vmstat);
}

typedef struct Beat {
        const char *free_ram;
        int64_t version;
        bool full;
        int64_t swap_in, swap_out, faults, major_faults;
        JsonNode *root;
} Beat;

static void beat_done(Beat *b) {
        json_node_unref(b->root);
}
#define _cleanup_beat_ _cleanup_(beat_done)

static Beat beat(OvirtHeartbeatState *s, const Tree *t, uint64_t usec) {
        g_autofree char *line = ovirt_heartbeat(s, t->fd, usec);
        JsonObject *o, *stat;
        Beat b = {0};

        g_assert_cmpint(json_parse(line, strlen(line), &b.root), ==, 0);
        o = json_node_get_object(b.root);
        g_assert_cmpint(json_get_string(o, "free-ram", &b.free_ram), ==, JSON_VALUE);
        g_assert_cmpint(json_get_integer(o, "apiVersion", &b.version), ==, JSON_VALUE);
        stat = json_node_as_object(json_object_get_member(o, "memory-stat"));
        b.full = stat;
        if (stat) {
                g_assert_cmpint(json_get_integer(stat, "swap_in", &b.swap_in), ==, JSON_VALUE);
                g_assert_cmpint(json_get_integer(stat, "swap_out", &b.swap_out), ==, JSON_VALUE);
                g_assert_cmpint(json_get_integer(stat, "pageflt", &b.faults), ==, JSON_VALUE);
                g_assert_cmpint(json_get_integer(stat, "majflt", &b.major_faults), ==, JSON_VALUE);
        }
        return b;
}

static void test_versions(void) {
        _cleanup_tree_ Tree t = tree_new();
        OvirtHeartbeatState s = {0};

        write_guest(&t, &quiet);
        for (unsigned i = 0; i < 5; i++) {
                _cleanup_beat_ Beat b = beat(&s, &t, (100 + i) * SECOND);

                g_assert_cmpint(b.version, ==, i == 0 ? 0 : 3);
                g_assert_cmpstr(b.free_ram, ==, "781");
                /* Neither a forgetful host nor time brings the 0 back. */
                ovirt_heartbeat_forget(&s);
        }
}

static void test_rates(void) {
        _cleanup_tree_ Tree t = tree_new();
        OvirtHeartbeatState s = {0};
        Guest g = quiet;

        g.swap_in = 1000, g.swap_out = 2000, g.faults = 3000, g.major_faults = 4000;
        write_guest(&t, &g);
        _cleanup_beat_ Beat first = beat(&s, &t, 50 * SECOND);
        g_assert_true(first.full);
        g_assert_cmpint(first.swap_in + first.swap_out + first.faults + first.major_faults, ==, 0);

        /* 2.5 seconds, not a heartbeat's 5. */
        g.swap_in += 10, g.swap_out += 25, g.faults += 1000, g.major_faults += 1;
        write_guest(&t, &g);
        _cleanup_beat_ Beat second = beat(&s, &t, 50 * SECOND + SECOND * 5 / 2);
        g_assert_cmpint(second.swap_in, ==, 4);
        g_assert_cmpint(second.swap_out, ==, 10);
        g_assert_cmpint(second.faults, ==, 400);
        g_assert_cmpint(second.major_faults, ==, 0); /* 0.4 */

        /* A long pause is part of the time. */
        g.swap_in += 7200, g.faults += 3601;
        write_guest(&t, &g);
        _cleanup_beat_ Beat later = beat(&s, &t, 50 * SECOND + SECOND * 5 / 2 + 3600 * SECOND);
        g_assert_cmpint(later.swap_in, ==, 2);
        g_assert_cmpint(later.faults, ==, 1);
        g_assert_cmpint(later.swap_out, ==, 0);

        /* Counters that went back (the guest was restored), and no time at all. */
        g.swap_in = 1, g.faults = 1;
        write_guest(&t, &g);
        _cleanup_beat_ Beat back = beat(&s, &t, 7300 * SECOND);
        g_assert_true(back.full);
        g_assert_cmpint(back.swap_in + back.faults, ==, 0);
        g.swap_in = 100;
        write_guest(&t, &g);
        ovirt_heartbeat_forget(&s);
        _cleanup_beat_ Beat same_time = beat(&s, &t, 7300 * SECOND);
        g_assert_cmpint(same_time.swap_in, ==, 0);
}

/* The rates go on from the last sample, not from the last that was told. */
static void test_omission(void) {
        static const struct {
                const char *what;
                Guest change; /* added */
                bool full;
        } cases[] = {
                {"nothing", {0}, false},
                {"available alone", {.available = 100000}, false},
                {"page faults", {.faults = 100000}, false},
                {"free, a thirty-second", {.free = 32768}, false},
                {"free, more", {.free = 32769}, true},
                {"free, less by more", {.free = (unsigned) -32769}, true},
                {"cached", {.cached = 32769}, true},
                {"swap, a thirty-second", {.swap_free = (unsigned) -15625}, false},
                {"swap, more", {.swap_free = (unsigned) -15626}, true},
                {"swapping in", {.swap_in = 5}, true},
                {"swapping out", {.swap_out = 5}, true},
                {"major faults, some", {.major_faults = 5 * 99}, false},
                {"major faults, many", {.major_faults = 5 * 100}, true},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_tree_ Tree t = tree_new();
                OvirtHeartbeatState s = {0};
                Guest g = quiet;
                const Guest *c = &cases[i].change;

                g_test_message("%s", cases[i].what);
                write_guest(&t, &g);
                for (unsigned n = 0; n < 3; n++) {
                        _cleanup_beat_ Beat b = beat(&s, &t, (100 + 5 * n) * SECOND);
                        g_assert_true(b.full == (n < 2));
                }
                g.free += c->free, g.available += c->available, g.cached += c->cached;
                g.swap_free += c->swap_free, g.swap_in += c->swap_in, g.swap_out += c->swap_out;
                g.faults += c->faults, g.major_faults += c->major_faults;
                write_guest(&t, &g);
                _cleanup_beat_ Beat b = beat(&s, &t, 115 * SECOND);
                g_assert_true(b.full == cases[i].full);
                /* The end of activity is told as well, and then there is nothing more to say. */
                bool active = b.swap_in || b.swap_out || b.major_faults >= 100;
                _cleanup_beat_ Beat next = beat(&s, &t, 120 * SECOND);
                g_assert_true(next.full == active);
                _cleanup_beat_ Beat last = beat(&s, &t, 125 * SECOND);
                g_assert_false(last.full);
        }
}

/* Small steps add up: it is the difference to what the host knows that counts. */
static void test_creeping(void) {
        _cleanup_tree_ Tree t = tree_new();
        OvirtHeartbeatState s = {0};
        unsigned told = 0;
        Guest g = quiet;

        for (unsigned i = 0; i < 12; i++) {
                write_guest(&t, &g);
                _cleanup_beat_ Beat b = beat(&s, &t, (100 + i) * SECOND);
                told += b.full;
                g.free -= 10000;
        }
        g_assert_cmpuint(told, ==, 4); /* the first two, and at 40,000 KiB each */
}

static void test_interval(void) {
        _cleanup_tree_ Tree t = tree_new();
        OvirtHeartbeatState s = {0};
        unsigned full[8], n = 0;

        write_guest(&t, &quiet);
        for (unsigned i = 0; i <= 24; i++) {
                _cleanup_beat_ Beat b = beat(&s, &t, (100 + 50 * i) * SECOND);
                if (b.full)
                        full[n++] = 50 * i;
                if (i == 20)
                        ovirt_heartbeat_forget(&s); /* the host may be another */
        }
        g_assert_cmpuint(n, ==, 4);
        g_assert_cmpuint(full[0], ==, 0);
        g_assert_cmpuint(full[1], ==, 50);
        g_assert_cmpuint(full[2], ==, 650);
        g_assert_cmpuint(full[3], ==, 1050);
}

static void test_missing(void) {
        _cleanup_tree_ Tree t = tree_new();
        OvirtHeartbeatState s = {0};
        Guest g = quiet;

        /* Nothing is known yet: 0 tells that. */
        _cleanup_beat_ Beat none = beat(&s, &t, 100 * SECOND);
        g_assert_cmpstr(none.free_ram, ==, "0");
        g_assert_false(none.full);
        g_assert_cmpint(none.version, ==, 0);

        write_guest(&t, &g);
        _cleanup_beat_ Beat good = beat(&s, &t, 105 * SECOND);
        g_assert_cmpstr(good.free_ram, ==, "781");
        g_assert_true(good.full);
        g_assert_cmpint(good.version, ==, 3);

        /* The last good figure stands, whatever is wrong; rates wait for the next sample. */
        tree_write(&t, "proc/meminfo", "MemTotal: what\n");
        _cleanup_beat_ Beat broken = beat(&s, &t, 110 * SECOND);
        g_assert_cmpstr(broken.free_ram, ==, "781");
        g_assert_false(broken.full);

        g.swap_in = 100, g.available = 100 * 1024;
        write_guest(&t, &g);
        _cleanup_beat_ Beat again = beat(&s, &t, 125 * SECOND);
        g_assert_cmpstr(again.free_ram, ==, "100");
        g_assert_cmpint(again.swap_in, ==, 5); /* in 20 s */
}

/* 0 would mean that there is no figure. */
static void test_no_memory_left(void) {
        _cleanup_tree_ Tree t = tree_new();
        OvirtHeartbeatState s = {0};
        Guest g = quiet;

        g.available = 1023;
        write_guest(&t, &g);
        _cleanup_beat_ Beat b = beat(&s, &t, SECOND);
        g_assert_cmpstr(b.free_ram, ==, "1");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/ovirt-heartbeat/versions", test_versions);
        g_test_add_func("/ovirt-heartbeat/rates", test_rates);
        g_test_add_func("/ovirt-heartbeat/omission", test_omission);
        g_test_add_func("/ovirt-heartbeat/creeping", test_creeping);
        g_test_add_func("/ovirt-heartbeat/interval", test_interval);
        g_test_add_func("/ovirt-heartbeat/missing", test_missing);
        g_test_add_func("/ovirt-heartbeat/no-memory-left", test_no_memory_left);
        return g_test_run();
}
