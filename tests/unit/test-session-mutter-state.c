/* SPDX-License-Identifier: Apache-2.0 */
#include "layout-variant.h"
#include "mutter-state.h"

/* A mode, with the scales 1, 1.5 and 2. */
#define MODE(w, h, flags) "('" #w "x" #h "@60'," #w "," #h ",60.0,1.0,[1.0,1.5,2.0],@a{sv} {" flags "})"
#define MONITOR(name, modes) "(('" name "','v','p','s'),[" modes "],{'width-mm':<300>,'height-mm':<200>})"
#define LOGICAL(x, y, scale, transform, primary, name)                                                      \
        "(" #x "," #y "," #scale "," #transform "," #primary ",[('" name "','v','p','s')],@a{sv} {})"
#define CURRENT "'is-current':<true>"
#define PREFERRED "'is-preferred':<true>"

#define MODES_1 MODE(1024, 768, CURRENT) "," MODE(800, 600, PREFERRED) "," MODE(1920, 1080, "")
#define MODES_2 MODE(1024, 768, CURRENT) "," MODE(800, 600, "")
#define TWO MONITOR("Virtual-1", MODES_1) "," MONITOR("Virtual-2", MODES_2)

static MutterState *parse(const char *text) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) value =
                g_variant_parse(G_VARIANT_TYPE(MUTTER_STATE_TYPE), text, NULL, NULL, &error);

        g_assert_no_error(error);
        return mutter_state_new(value);
}

static char *plan(const MutterState *s, const char *wanted_text, GVariant **ret, Layout *result) {
        g_autoptr(GVariant) value = g_variant_parse(G_VARIANT_TYPE("aa{sv}"), wanted_text, NULL, NULL, NULL);
        Layout wanted;

        g_assert_null(layout_from_variant(&wanted, value));
        g_assert_null(layout_check(&wanted));
        return mutter_state_plan(s, &wanted, ret, result);
}

/* What ApplyMonitorsConfig is to get; or beginning with '!', why not. */
static void assert_plan(const MutterState *s, const char *wanted, const char *expected) {
        g_autoptr(GVariant) config = NULL;
        Layout result;
        g_autofree char *reason = plan(s, wanted, &config, &result);
        g_autofree char *text = reason ? g_strdup_printf("!%s", reason) : g_variant_print(config, false);

        g_assert_cmpstr(text, ==, expected);
}

#define PLANNED(x, y, scale, transform, primary, name, mode)                                                \
        "(" #x ", " #y ", " #scale ", " #transform ", " #primary ", [('" name "', '" mode "', {})])"

static void test_rules(void) {
        g_autoptr(MutterState) s =
                parse("(7,[" TWO "],[" LOGICAL(0, 0, 1.0, 0, true, "Virtual-1") "," LOGICAL(
                        1024, 0, 1.0, 0, false, "Virtual-2") "],@a{sv} {'layout-mode':<uint32 2>})");
        static const char side_by_side[] =
                "([" PLANNED(0, 0, 1.0, 0, true, "Virtual-1", "1024x768@60") ", " PLANNED(
                        1024, 0, 1.0, 0, false, "Virtual-2", "800x600@60") "], {})";
        /* A gap, and an overlap. */
        static const int wrong[] = {1025, 1000};

        g_assert_cmpuint(s->serial, ==, 7);
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_autofree char *wanted =
                        g_strdup_printf("[{'width':<1024>,'height':<768>,'x':<0>,'y':<0>},"
                                        "{'width':<800>,'height':<600>,'x':<%d>,'y':<10>}]",
                                        wrong[i]);

                assert_plan(s, wanted, side_by_side);
        }
        assert_plan(s, "[{'width':<1024>,'height':<768>},{'width':<800>,'height':<600>}]", side_by_side);
        /* The whole is shifted, a corner that touches is not enough, two primaries are one too many. */
        assert_plan(s,
                    "[{'width':<1024>,'height':<768>,'x':<-10>,'y':<10>},"
                    "{'width':<800>,'height':<600>,'x':<1014>,'y':<10>}]",
                    side_by_side);
        assert_plan(s,
                    "[{'width':<1024>,'height':<768>,'x':<0>,'y':<0>},"
                    "{'width':<800>,'height':<600>,'x':<1024>,'y':<768>}]",
                    side_by_side);
        assert_plan(s,
                    "[{'width':<1024>,'height':<768>,'primary':<true>},"
                    "{'width':<800>,'height':<600>,'primary':<true>}]",
                    side_by_side);
        /* One is left out, and with it the primary one. */
        assert_plan(s, "[{'id':<1>,'width':<800>,'height':<600>}]",
                    "([" PLANNED(0, 0, 1.0, 0, true, "Virtual-2", "800x600@60") "], {})");
        /* Mirrors. */
        assert_plan(s,
                    "[{'width':<800>,'height':<600>,'x':<0>,'y':<0>},"
                    "{'width':<800>,'height':<600>,'x':<0>,'y':<0>}]",
                    "([(0, 0, 1.0, 0, true, [('Virtual-1', '800x600@60', {}), ('Virtual-2', '800x600@60', "
                    "{})])], {})");
        assert_plan(s, "[{'width':<1000>,'height':<700>}]",
                    "!Virtual-1 has no mode of 1000x700; the nearest is 1024x768");
        assert_plan(s, "[{'connector':<'Nope-1'>,'width':<800>,'height':<600>}]",
                    "!None of its monitors is there");
        assert_plan(s,
                    "[{'width':<800>,'height':<600>},"
                    "{'connector':<'Virtual-1'>,'width':<800>,'height':<600>}]",
                    "!Virtual-1 is in it twice");
}

static void test_missing(void) {
        g_autoptr(MutterState) s = parse("(7,[" TWO "],[" LOGICAL(0, 0, 1.0, 0, true, "Virtual-1") "],{})");
        g_autoptr(GVariant) config = NULL;
        Layout result;
        g_autofree char *reason = plan(
                s, "[{'width':<800>,'height':<600>},{'id':<5>,'width':<8>,'height':<8>}]", &config, &result);

        g_assert_null(reason);
        g_assert_cmpuint(result.n, ==, 2);
        g_assert_cmpstr(result.monitors[0].connector, ==, "Virtual-1");
        g_assert_true(result.monitors[0].enabled);
        g_assert_false(result.monitors[1].enabled);
        g_assert_cmpstr(result.monitors[1].error, ==, "There is no such monitor");
}

/* What the user has set stays; places in pixels mean nothing then. */
static void test_scale_and_rotation(void) {
        g_autoptr(MutterState) logical =
                parse("(7,[" TWO "],[" LOGICAL(0, 0, 2.0, 1, false, "Virtual-1") "," LOGICAL(
                        384, 0, 1.5, 0, true, "Virtual-2") "],@a{sv} {'layout-mode':<uint32 1>,"
                                                           "'supports-changing-layout-mode':<true>})");
        g_autoptr(MutterState) physical =
                parse("(7,[" TWO
                      "],[" LOGICAL(0, 0, 2.0, 1, false, "Virtual-1") "],"
                                                                      "@a{sv} {'layout-mode':<uint32 2>})");
        static const char wanted[] = "[{'width':<1920>,'height':<1080>,'x':<0>,'y':<0>},"
                                     "{'width':<800>,'height':<600>,'x':<1920>,'y':<0>}]";

        assert_plan(
                logical, wanted,
                "([" PLANNED(0, 0, 2.0, 1, false, "Virtual-1", "1920x1080@60") ", " PLANNED(
                        540, 0, 1.5, 0, true, "Virtual-2", "800x600@60") "], {'layout-mode': <uint32 1>})");
        /* What was off takes the scale of the others. */
        assert_plan(physical, wanted,
                    "([" PLANNED(0, 0, 2.0, 1, true, "Virtual-1", "1920x1080@60") ", " PLANNED(
                            1080, 0, 2.0, 0, false, "Virtual-2", "800x600@60") "], {})");
}

/* A passed-through card's monitor is part of it, and stays. */
static void test_real_monitors(void) {
        g_autoptr(MutterState) s =
                parse("(7,[" MONITOR("HDMI-1", MODE(1920, 1080, CURRENT)) "," TWO "],[" LOGICAL(
                        0, 0, 1.0, 0, true, "HDMI-1") "," LOGICAL(1920, 0, 1.0, 0, false,
                                                                  "Virtual-1") "],{})");
        Layout l;

        assert_plan(s, "[{'width':<800>,'height':<600>,'x':<1920>,'y':<0>}]",
                    "([" PLANNED(1920, 0, 1.0, 0, false, "Virtual-1", "800x600@60") ", " PLANNED(
                            0, 0, 1.0, 0, true, "HDMI-1", "1920x1080@60") "], {})");
        assert_plan(s, "[{'connector':<'HDMI-1'>,'width':<800>,'height':<600>}]",
                    "!None of its monitors is there");
        mutter_state_layout(s, &l);
        g_assert_cmpuint(l.n, ==, 3);
        g_assert_false(monitor_has(&l.monitors[0], LAYOUT_ID));
        g_assert_cmpint(l.monitors[1].id, ==, 0);
        g_assert_cmpint(l.monitors[1].x, ==, 1920);
        g_assert_false(l.monitors[2].enabled);
}

/* A compositor that says what cannot be. */
static void test_nonsense(void) {
        static const char *const texts[] = {
                "(0,[],[],{})",
                "(0,[" MONITOR("", MODE(-1, -1, CURRENT)) "],[" LOGICAL(0, 0, 1.0, 0, true, "") "],{})",
                "(0,[(('V','','',''),@a(siiddada{sv}) [],@a{sv} {'width-mm':<'x'>})],[" LOGICAL(
                        2147483647, -2147483648, 0.0, 4294967295, true, "V") "],{'layout-mode':<'x'>})",
                "(0,[" MONITOR("Virtual-1", "('m',800,600,0.0,1e-300,[1e-300,-1.0],@a{sv} {" CURRENT
                                            "})") "],[" LOGICAL(0, 0, 1e300, 0, true, "Virtual-1") "],{})",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(MutterState) s = parse(texts[i]);
                g_autoptr(GVariant) config = NULL;
                Layout l, result;
                g_autofree char *reason = plan(s, "[{'width':<800>,'height':<600>}]", &config, &result);

                mutter_state_layout(s, &l);
                g_assert_true((reason == NULL) == (config != NULL));
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/mutter-state/rules", test_rules);
        g_test_add_func("/mutter-state/missing", test_missing);
        g_test_add_func("/mutter-state/scale-and-rotation", test_scale_and_rotation);
        g_test_add_func("/mutter-state/real-monitors", test_real_monitors);
        g_test_add_func("/mutter-state/nonsense", test_nonsense);
        return g_test_run();
}
