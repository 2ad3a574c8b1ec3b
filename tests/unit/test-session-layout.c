/* SPDX-License-Identifier: Apache-2.0 */
#include "layout-variant.h"

#include <string.h>

/* Parses @text, a GVariant, and checks it; NULL or the reason. */
static char *read_text(Layout *ret, const char *text) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) value = g_variant_parse(G_VARIANT_TYPE("aa{sv}"), text, NULL, NULL, &error);
        char *reason;

        g_assert_no_error(error);
        reason = layout_from_variant(ret, value);
        return reason ?: layout_check(ret);
}

static char *print(const Layout *l) {
        g_autoptr(GVariant) value = g_variant_ref_sink(layout_to_variant(l));

        return g_variant_print(value, false);
}

static void test_check(void) {
        static const struct {
                const char *text, *expected; /* as printed; or beginning with '!', the reason */
        } cases[] = {
                {"[{'width': <800>, 'height': <600>}]",
                 "[{'id': <0>, 'enabled': <true>, 'width': <800>, 'height': <600>, 'primary': <false>}]"},
                {"[{'connector': <'Virtual-1'>, 'width': <1>, 'height': <65535>, 'x': <-65535>, 'y': "
                 "<65535>}]",
                 "[{'connector': <'Virtual-1'>, 'enabled': <true>, 'x': <-65535>, 'y': <65535>, 'width': "
                 "<1>, "
                 "'height': <65535>, 'primary': <false>}]"},
                /* Off: without a size, or as it says. The place in the list counts. */
                {"[{}, {'width': <8>, 'height': <8>, 'primary': <true>}, "
                 "{'enabled': <false>, 'width': <8>, 'height': <8>, 'primary': <true>}]",
                 "[{'id': <0>, 'enabled': <false>, 'primary': <false>}, "
                 "{'id': <1>, 'enabled': <true>, 'width': <8>, 'height': <8>, 'primary': <true>}, "
                 "{'id': <2>, 'enabled': <false>, 'width': <8>, 'height': <8>, 'primary': <false>}]"},
                {"[{'enabled': <false>, 'primary': <true>}, {'width': <8>, 'height': <8>}]",
                 "[{'id': <0>, 'enabled': <false>, 'primary': <false>}, "
                 "{'id': <1>, 'enabled': <true>, 'width': <8>, 'height': <8>, 'primary': <false>}]"},
                /* What is a result's, and what nobody knows. */
                {"[{'width': <800>, 'height': <600>, 'error': <'x'>, 'depth': <32>}]",
                 "[{'id': <0>, 'enabled': <true>, 'width': <800>, 'height': <600>, 'primary': <false>}]"},
                {"[]", "!There are no monitors in it"},
                {"[{}]", "!All its monitors are off"},
                {"[{'enabled': <false>, 'width': <800>, 'height': <600>}]", "!All its monitors are off"},
                {"[{'width': <800>, 'height': <0>}]", "!Monitor 0 has no size: 800x0"},
                {"[{'height': <600>}]", "!Monitor 0 has no size: 0x600"},
                {"[{'width': <-1>}]", "!Monitor 0 has no width that could be"},
                {"[{'width': <65536>}]", "!Monitor 0 has no width that could be"},
                {"[{'width': <uint32 800>}]", "!Monitor 0 has no width that could be"},
                {"[{}, {'x': <-65536>}]", "!Monitor 1 has no x that could be"},
                {"[{'id': <-1>}]", "!Monitor 0 has no id that could be"},
                {"[{'enabled': <1>}]", "!Monitor 0 has no enabled that could be"},
                {"[{'connector': <''>}]", "!Monitor 0 has no connector that could be"},
                {"[{'connector': <'a\\nb'>}]", "!Monitor 0 has no connector that could be"},
                {"[{'width': <8>, 'height': <8>}, {'id': <0>, 'width': <8>, 'height': <8>}]",
                 "!Monitors 0 and 1 are the same one"},
                {"[{'connector': <'A'>, 'width': <8>, 'height': <8>}, {'connector': <'A'>}]",
                 "!Monitors 0 and 1 are the same one"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Layout l;
                g_autofree char *reason = read_text(&l, cases[i].text), *printed = NULL;

                if (cases[i].expected[0] == '!') {
                        g_assert_cmpstr(reason, ==, cases[i].expected + 1);
                        continue;
                }
                g_assert_cmpstr(reason, ==, NULL);
                printed = print(&l);
                g_assert_cmpstr(printed, ==, cases[i].expected);
        }
}

static void test_many(void) {
        g_autoptr(GString) text = g_string_new("[");
        Layout l;

        for (int i = 0; i < LAYOUT_MONITORS_MAX; i++)
                g_string_append(text, i > 0 ? ",{'width':<8>,'height':<8>}" : "{'width':<8>,'height':<8>}");
        g_string_append(text, "]");
        g_assert_null(read_text(&l, text->str));
        g_assert_cmpuint(l.n, ==, LAYOUT_MONITORS_MAX);
        g_assert_null(layout_add(&l));
        g_string_insert(text, 1, "{},");

        g_autofree char *reason = read_text(&l, text->str);
        g_assert_cmpstr(reason, ==, "There are more than 64 monitors in it");
}

static void test_text(void) {
        g_autofree char *longest = g_strnfill(LAYOUT_CONNECTOR_MAX, 'x'),
                        *longer = g_strnfill(LAYOUT_CONNECTOR_MAX + 1, 'x');
        g_autofree char *reason = g_strdup_printf("%s%s%s%s", longest, longest, longest, "ž ž ž ž ž ž ž");
        Monitor m = {};

        g_assert_true(monitor_set_text(&m, LAYOUT_CONNECTOR, longest));
        g_assert_false(monitor_set_text(&m, LAYOUT_CONNECTOR, longer));
        g_assert_false(monitor_set_text(&m, LAYOUT_CONNECTOR, "\xff"));
        g_assert_false(monitor_set_text(&m, LAYOUT_CONNECTOR, "a\x7f"));
        g_assert_cmpstr(m.connector, ==, longest);
        /* Cut, and not within a character. */
        g_assert_true(monitor_set_text(&m, LAYOUT_ERROR, reason));
        g_assert_true(g_str_has_prefix(reason, m.error));
        g_assert_cmpuint(strlen(m.error), >=, LAYOUT_TEXT_MAX - 1);
        g_assert_cmpuint(strlen(m.error), <=, LAYOUT_TEXT_MAX);
        g_assert_true(g_utf8_validate(m.error, -1, NULL));
}

static void test_equal(void) {
        Layout a = {}, b = {};

        (void) layout_add(&a);
        g_assert_false(layout_equal(&a, &b));
        (void) layout_add(&b);
        g_assert_true(layout_equal(&a, &b));
        for (LayoutGiven field = 0; field < LAYOUT_FIELDS; field++) {
                char type = layout_fields[field].type;

                g_assert_cmpint(layout_field(layout_fields[field].key), ==, field);
                b.monitors[0] = a.monitors[0];
                g_assert_true(type == 's'   ? monitor_set_text(&b.monitors[0], field, "x")
                              : type == 'b' ? monitor_set_bool(&b.monitors[0], field, true)
                                            : monitor_set_int(&b.monitors[0], field, 7));
                g_assert_false(layout_equal(&a, &b));
        }
        g_assert_cmpint(layout_field("depth"), ==, LAYOUT_FIELDS);
}

static void assert_rects(const LayoutRect *rects, unsigned n, const char *expected) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < n; i++)
                g_string_append_printf(text, "%s%d,%d", i > 0 ? " " : "", rects[i].x, rects[i].y);
        g_assert_cmpstr(text->str, ==, expected);
}

static void test_place(void) {
        static const struct {
                LayoutRect rects[4];
                unsigned n;
                const char *unplaced, *placed, *tidy;
        } cases[] = {
                {{{5, 5, 10, 10}}, 1, "0,0", "0,0", "0,0"},
                {{{0, 0, 10, 10}, {10, 0, 20, 10}}, 2, "0,0 10,0", "0,0 10,0", "0,0 10,0"},
                {{{-10, -5, 10, 10}, {0, 0, 20, 10}}, 2, "0,0 10,0", "0,0 10,5", "0,0 10,5"},
                {{{20, 0, 10, 10}, {0, 0, 20, 10}}, 2, "0,0 10,0", "20,0 0,0", "20,0 0,0"},
                /* A gap, an overlap, and corners that touch are none of tidy. */
                {{{30, 0, 10, 10}, {0, 0, 20, 10}}, 2, "0,0 10,0", "30,0 0,0", "20,0 0,0"},
                {{{0, 0, 10, 10}, {5, 0, 20, 10}}, 2, "0,0 10,0", "0,0 5,0", "0,0 10,0"},
                {{{0, 0, 10, 10}, {10, 10, 20, 10}}, 2, "0,0 10,0", "0,0 10,10", "0,0 10,0"},
                /* A pile stays one. */
                {{{0, 50, 10, 10}, {2, 0, 10, 10}}, 2, "0,0 10,0", "0,50 2,0", "0,10 0,0"},
                /* Mirrors are. */
                {{{0, 0, 10, 10}, {0, 0, 10, 10}}, 2, "0,0 10,0", "0,0 0,0", "0,0 0,0"},
                /* Two pairs that do not touch each other. */
                {{{0, 0, 10, 10}, {10, 0, 10, 10}, {50, 0, 10, 10}, {60, 0, 10, 10}},
                 4,
                 "0,0 10,0 20,0 30,0",
                 "0,0 10,0 50,0 60,0",
                 "0,0 10,0 20,0 30,0"},
                /* A square, found the long way round. */
                {{{0, 0, 10, 10}, {10, 10, 10, 10}, {0, 10, 10, 10}, {10, 0, 10, 10}},
                 4,
                 "0,0 10,0 20,0 30,0",
                 "0,0 10,10 0,10 10,0",
                 "0,0 10,10 0,10 10,0"},
                {{{-65535, -65535, 65535, 65535}, {65535, 65535, 65535, 65535}},
                 2,
                 "0,0 65535,0",
                 "0,0 131070,131070",
                 "0,0 65535,0"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                LayoutRect rects[4];

                memcpy(rects, cases[i].rects, sizeof rects);
                layout_place(rects, cases[i].n, false, true);
                assert_rects(rects, cases[i].n, cases[i].unplaced);
                memcpy(rects, cases[i].rects, sizeof rects);
                layout_place(rects, cases[i].n, true, false);
                assert_rects(rects, cases[i].n, cases[i].placed);
                memcpy(rects, cases[i].rects, sizeof rects);
                layout_place(rects, cases[i].n, true, true);
                assert_rects(rects, cases[i].n, cases[i].tidy);
        }
}

static void test_is_now(void) {
        static const struct {
                const char *connector;
                int id, x, width; /* -1: a real one; width 0: off */
        } monitors[] = {{"Virtual-1", 0, 0, 800},
                        {"Virtual-2", 1, 800, 640},
                        {"Virtual-3", 2, 0, 0},
                        {"eDP-1", -1, 1440, 1920}};
        g_autofree Layout *now = g_new0(Layout, 1), *result = g_new0(Layout, 1);

        for (size_t i = 0; i < G_N_ELEMENTS(monitors); i++) {
                Monitor *m = layout_add(now);

                (void) monitor_set_text(m, LAYOUT_CONNECTOR, monitors[i].connector);
                (void) monitor_set_bool(m, LAYOUT_ENABLED, monitors[i].width > 0);
                (void) monitor_set_int(m, LAYOUT_X, monitors[i].x);
                (void) monitor_set_int(m, LAYOUT_WIDTH, monitors[i].width);
                (void) monitor_set_int(m, LAYOUT_HEIGHT, 600);
                if (monitors[i].id >= 0)
                        (void) monitor_set_int(m, LAYOUT_ID, monitors[i].id);
        }
        *result = *now;
        result->n = 3; /* nobody asks for a real one */
        result->monitors[2] = (Monitor){};
        (void) monitor_set_text(&result->monitors[2], LAYOUT_ERROR, "There is no such monitor");
        g_assert_true(layout_is_now(result, now));
        result->monitors[1].x++;
        g_assert_false(layout_is_now(result, now));
        result->monitors[1].x--;
        result->monitors[1].height--;
        g_assert_false(layout_is_now(result, now));
        result->monitors[1].enabled = false; /* and that it is not */
        g_assert_false(layout_is_now(result, now));
        result->n = 1;
        g_assert_false(layout_is_now(result, now));
        now->monitors[1].enabled = false;
        g_assert_true(layout_is_now(result, now));
        now->monitors[0].enabled = false;
        g_assert_false(layout_is_now(result, now));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/layout/check", test_check);
        g_test_add_func("/layout/many", test_many);
        g_test_add_func("/layout/text", test_text);
        g_test_add_func("/layout/equal", test_equal);
        g_test_add_func("/layout/is-now", test_is_now);
        g_test_add_func("/layout/place", test_place);
        return g_test_run();
}
