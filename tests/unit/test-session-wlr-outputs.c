/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "wlr-outputs.h"

#define HEAD 0xff000000U
#define MODE 0xff000001U
#define SECOND 0xff000002U
#define SECOND_MODE 0xff000003U
#define CONFIGURATION 5U

/* A compositor that says what it is told to say. */
typedef struct Played {
        GByteArray *to;
        WlrOutputs *outputs;
        size_t read; /* of what came */
} Played;

/* The one message that @data is; it is emptied. */
static int say(Played *p, GByteArray *data, WlrNews *ret) {
        WireMessage m;
        int r;

        g_assert_cmpint(wire_next(data->data, data->len, &m), ==, data->len);
        r = wlr_outputs_take(p->outputs, &m, ret);
        g_byte_array_unref(data);
        return r;
}

static WlrNews say_well(Played *p, GByteArray *data) {
        WlrNews news;
        int r = say(p, data, &news);

        g_assert_cmpint(r, ==, 0);
        return news;
}

static void say_nonsense(Played *p, GByteArray *data) {
        WlrNews news;
        int r = say(p, data, &news);

        g_assert_cmpint(r, ==, -EPROTO);
}

#define MESSAGE(...)                                                                                        \
        ({                                                                                                  \
                GByteArray *message = g_byte_array_new();                                                   \
                wire_put(message, __VA_ARGS__);                                                             \
                message;                                                                                    \
        })
#define SAY(p, ...) say_well(p, MESSAGE(__VA_ARGS__))
#define REFUSES(p, ...) say_nonsense(p, MESSAGE(__VA_ARGS__))

/* The next message that came is this one. */
static void hears(Played *p, GByteArray *expected) {
        g_assert_cmpuint(p->to->len, >=, p->read + expected->len);
        g_assert_cmpmem(p->to->data + p->read, expected->len, expected->data, expected->len);
        p->read += expected->len;
        g_byte_array_unref(expected);
}
#define HEARS(p, ...) hears(p, MESSAGE(__VA_ARGS__))

static void hears_nothing(const Played *p) {
        g_assert_cmpuint(p->to->len, ==, p->read);
}

static Played *begin(uint32_t version) {
        Played *p = g_new0(Played, 1);

        p->to = g_byte_array_new();
        p->outputs = wlr_outputs_new(p->to);
        HEARS(p, 1, 1, "u", 2U);
        HEARS(p, 1, 0, "u", 3U);
        SAY(p, 2, 0, "usu", 1U, "wl_compositor", 4U);
        SAY(p, 2, 0, "usu", 35U, "zwlr_output_manager_v1", version);
        HEARS(p, 2, 0, "usuu", 35U, "zwlr_output_manager_v1", MIN(version, 3U), 4U);
        g_assert_cmpint(SAY(p, 3, 0, "u", 0U), ==, WLR_NOTHING);
        return p;
}

/* An output that is on, with one mode. */
static void tell_head(Played *p, uint32_t head, const char *name, uint32_t mode, uint32_t x) {
        SAY(p, 4, 0, "u", head);
        SAY(p, head, 0, "s", name);
        SAY(p, head, 3, "u", mode);
        SAY(p, mode, 0, "uu", 1024U, 768U);
        SAY(p, mode, 1, "u", 60000U);
        SAY(p, head, 4, "u", 1U);
        SAY(p, head, 5, "u", mode);
        SAY(p, head, 6, "uu", x, 0U);
        SAY(p, head, 8, "u", 256U);
}

static Played *begin_with_two(uint32_t version) {
        Played *p = begin(version);

        tell_head(p, HEAD, "Virtual-1", MODE, 0);
        tell_head(p, SECOND, "Virtual-2", SECOND_MODE, 1024);
        g_assert_cmpint(SAY(p, 4, 1, "u", 7U), ==, WLR_STATE);
        return p;
}

static void end(Played *p) {
        wlr_outputs_free(p->outputs);
        g_byte_array_unref(p->to);
        g_free(p);
}

static void get_layout(const Played *p, Layout *ret) {
        g_autoptr(MutterState) s = wlr_outputs_state(p->outputs, NULL);

        mutter_state_layout(s, ret);
}

static void ask(Played *p, int width, int height, bool verify) {
        g_autofree Layout *wanted = g_new0(Layout, 1), *result = g_new0(Layout, 1);
        g_autofree WlrSetup *setup = g_new0(WlrSetup, 1);
        g_autoptr(MutterState) s = NULL;
        g_autoptr(GVariant) config = NULL;
        Monitor *m = layout_add(wanted);

        (void) monitor_set_int(m, LAYOUT_WIDTH, width);
        (void) monitor_set_int(m, LAYOUT_HEIGHT, height);
        g_assert_null(layout_check(wanted));
        s = wlr_outputs_state(p->outputs, wanted);
        g_assert_null(mutter_state_plan(s, wanted, &config, result));
        wlr_outputs_planned(p->outputs, config, result, setup);
        wlr_outputs_ask(p->outputs, setup, verify);
}

static void test_tells(void) {
        Played *p = begin_with_two(2);
        Layout l;

        get_layout(p, &l);
        g_assert_cmpuint(l.n, ==, 2);
        g_assert_cmpstr(l.monitors[1].connector, ==, "Virtual-2");
        g_assert_true(l.monitors[1].enabled);
        g_assert_cmpint(l.monitors[1].x, ==, 1024);
        g_assert_cmpint(l.monitors[1].width, ==, 1024);
        SAY(p, SECOND, 4, "u", 0U);
        get_layout(p, &l);
        g_assert_false(l.monitors[1].enabled);
        SAY(p, SECOND_MODE, 3, "");
        SAY(p, SECOND, 9, "");
        get_layout(p, &l);
        g_assert_cmpuint(l.n, ==, 1);
        hears_nothing(p); /* there is no giving back in the second version */
        end(p);
}

/* The monitors are counted as the card counts them, in whatever order they are told. */
static void test_order(void) {
        static const char *const names[] = {"Virtual-10", "Virtual-2", "eDP-1", "Virtual-1"};
        static const struct {
                const char *name;
                int id; /* -1: it is no virtual one */
        } expected[] = {{"Virtual-1", 0}, {"Virtual-2", 1}, {"Virtual-10", 2}, {"eDP-1", -1}};
        Played *p = begin(2);
        Layout l;

        for (uint32_t i = 0; i < G_N_ELEMENTS(names); i++)
                tell_head(p, HEAD + 2 * i, names[i], MODE + 2 * i, 1024 * i);
        g_assert_cmpint(SAY(p, 4, 1, "u", 7U), ==, WLR_STATE);
        get_layout(p, &l);
        g_assert_cmpuint(l.n, ==, G_N_ELEMENTS(expected));
        for (unsigned i = 0; i < l.n; i++) {
                g_assert_cmpstr(l.monitors[i].connector, ==, expected[i].name);
                g_assert_true(monitor_has(&l.monitors[i], LAYOUT_ID) == (expected[i].id >= 0));
                g_assert_cmpint(l.monitors[i].id, ==, MAX(expected[i].id, 0));
        }
        end(p);
}

static void test_gives_back(void) {
        Played *p = begin_with_two(4);

        SAY(p, SECOND_MODE, 3, "");
        HEARS(p, SECOND_MODE, 0, "");
        SAY(p, SECOND, 9, "");
        HEARS(p, SECOND, 0, "");
        hears_nothing(p);
        end(p);
}

/* Each output is spoken of, and the numbers of objects are used again when all are free. */
static void test_asks(void) {
        Played *p = begin_with_two(2);

        for (unsigned i = 0; i < 2; i++) {
                ask(p, 1024, 768, i > 0);
                HEARS(p, 4, 0, "uu", CONFIGURATION, 7U);
                HEARS(p, CONFIGURATION, 0, "uu", 6U, HEAD);
                HEARS(p, 6, 0, "u", MODE);
                HEARS(p, 6, 2, "uu", 0U, 0U);
                HEARS(p, CONFIGURATION, 1, "u", SECOND);
                HEARS(p, CONFIGURATION, i > 0 ? 3 : 2, "");
                hears_nothing(p);
                SAY(p, 1, 1, "u", 6U);
                g_assert_cmpint(SAY(p, CONFIGURATION, 0, ""), ==, WLR_SUCCEEDED);
                HEARS(p, CONFIGURATION, 4, "");
                SAY(p, 1, 1, "u", CONFIGURATION);
        }
        /* Of a size that there is not; and not all are free this time. */
        ask(p, 1003, 701, false);
        HEARS(p, 4, 0, "uu", CONFIGURATION, 7U);
        HEARS(p, CONFIGURATION, 0, "uu", 6U, HEAD);
        HEARS(p, 6, 1, "uuu", 1003U, 701U, 0U);
        HEARS(p, 6, 2, "uu", 0U, 0U);
        HEARS(p, CONFIGURATION, 1, "u", SECOND);
        HEARS(p, CONFIGURATION, 2, "");
        g_assert_cmpint(SAY(p, CONFIGURATION, 2, ""), ==, WLR_CANCELLED);
        HEARS(p, CONFIGURATION, 4, "");
        ask(p, 1024, 768, false);
        HEARS(p, 4, 0, "uu", 7U, 7U);
        g_assert_cmpint(SAY(p, CONFIGURATION, 1, ""), ==, WLR_NOTHING); /* it has been answered */
        g_assert_cmpint(SAY(p, 7, 1, ""), ==, WLR_FAILED);
        end(p);
}

/* Real monitors are left alone, also where the compositor does not tell what they show. */
static void test_real_ones(void) {
        Played *p = begin_with_two(2);

        SAY(p, 4, 0, "u", HEAD + 4);
        SAY(p, HEAD + 4, 0, "s", "eDP-1");
        SAY(p, HEAD + 4, 4, "u", 1U);
        SAY(p, HEAD + 4, 6, "uu", 2048U, 0U);
        g_assert_cmpint(SAY(p, 4, 1, "u", 8U), ==, WLR_STATE);
        ask(p, 1024, 768, false);
        HEARS(p, 4, 0, "uu", CONFIGURATION, 8U);
        HEARS(p, CONFIGURATION, 0, "uu", 6U, HEAD);
        HEARS(p, 6, 0, "u", MODE);
        HEARS(p, 6, 2, "uu", 0U, 0U);
        HEARS(p, CONFIGURATION, 1, "u", SECOND);
        HEARS(p, CONFIGURATION, 0, "uu", 7U, HEAD + 4);
        HEARS(p, 7, 2, "uu", 2048U, 0U);
        HEARS(p, CONFIGURATION, 2, "");
        hears_nothing(p);
        end(p);
}

/* What was before is asked for again; what has come by then stays. */
static void test_newcomer(void) {
        g_autofree WlrSetup *before = g_new0(WlrSetup, 1);
        Played *p = begin_with_two(2);

        wlr_outputs_now(p->outputs, before);
        SAY(p, SECOND_MODE, 3, "");
        SAY(p, SECOND, 9, "");
        tell_head(p, HEAD + 4, "Virtual-2", MODE + 4, 1024);
        SAY(p, 4, 1, "u", 8U);
        wlr_outputs_ask(p->outputs, before, false);
        HEARS(p, 4, 0, "uu", CONFIGURATION, 8U);
        HEARS(p, CONFIGURATION, 0, "uu", 6U, HEAD);
        HEARS(p, 6, 0, "u", MODE);
        HEARS(p, 6, 2, "uu", 0U, 0U);
        HEARS(p, CONFIGURATION, 0, "uu", 7U, HEAD + 4);
        HEARS(p, 7, 0, "u", MODE + 4);
        HEARS(p, 7, 2, "uu", 1024U, 0U);
        HEARS(p, CONFIGURATION, 2, "");
        hears_nothing(p);
        end(p);
}

static void test_without(void) {
        g_autoptr(GByteArray) to = g_byte_array_new();
        Played p = {.to = to, .outputs = wlr_outputs_new(to)};

        SAY(&p, 2, 0, "usu", 1U, "wl_compositor", 4U);
        g_assert_cmpint(SAY(&p, 3, 0, "u", 0U), ==, WLR_UNKNOWN);
        wlr_outputs_free(p.outputs);
}

static void test_nonsense(void) {
        Played *p = begin_with_two(2);
        Layout l;

        REFUSES(p, 1, 0, "uus", 4U, 2U, "you have done wrong");
        REFUSES(p, 4, 0, "u", 17U);  /* a number of ours */
        REFUSES(p, 4, 0, "u", HEAD); /* twice */
        REFUSES(p, HEAD, 3, "u", 17U);
        REFUSES(p, HEAD, 3, "u", SECOND);
        REFUSES(p, HEAD, 6, "u", 1U); /* too short */
        REFUSES(p, HEAD, 0, "u", 99U);
        REFUSES(p, MODE, 0, "");
        REFUSES(p, 4, 2, "");
        SAY(p, HEAD, 99, "uuu", 1U, 2U, 3U); /* of a newer version */
        SAY(p, 0xff0000ff, 0, "u", 1U);      /* of nothing */
        SAY(p, 99, 0, "");
        SAY(p, HEAD, 5, "u", 4U); /* no mode of its */
        SAY(p, HEAD, 6, "uu", 0x80000000U, 0x7fffffffU);
        SAY(p, HEAD, 0, "s", "\xff");
        get_layout(p, &l);
        g_assert_cmpuint(l.n, ==, 1);
        end(p);
}

static void test_many(void) {
        g_autofree WlrSetup *setup = g_new0(WlrSetup, 1);
        g_autoptr(MutterState) s = NULL;
        Played *p = begin(2);
        Layout l;

        for (uint32_t i = 0; i < 100; i++) {
                g_autofree char *name = g_strdup_printf("Virtual-%u", i);

                tell_head(p, 0xff100000U + i, name, 0xff200000U + i, 1024 * i);
        }
        for (uint32_t i = 0; i < 1000; i++)
                SAY(p, 0xff100000U, 3, "u", 0xff300000U + i);
        g_assert_cmpint(SAY(p, 4, 1, "u", 8U), ==, WLR_STATE);
        get_layout(p, &l);
        g_assert_cmpuint(l.n, ==, LAYOUT_MONITORS_MAX);
        wlr_outputs_now(p->outputs, setup);
        g_assert_cmpuint(setup->n, ==, LAYOUT_MONITORS_MAX);
        s = wlr_outputs_state(p->outputs, NULL);
        g_assert_cmpuint(g_variant_n_children(s->monitors[0].modes), ==, 512);
        end(p);
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wlr-outputs/tells", test_tells);
        g_test_add_func("/wlr-outputs/order", test_order);
        g_test_add_func("/wlr-outputs/gives-back", test_gives_back);
        g_test_add_func("/wlr-outputs/asks", test_asks);
        g_test_add_func("/wlr-outputs/real-ones", test_real_ones);
        g_test_add_func("/wlr-outputs/newcomer", test_newcomer);
        g_test_add_func("/wlr-outputs/without", test_without);
        g_test_add_func("/wlr-outputs/nonsense", test_nonsense);
        g_test_add_func("/wlr-outputs/many", test_many);
        return g_test_run();
}
