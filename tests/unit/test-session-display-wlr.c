/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "display-ops.h"
#include "wayland-wire.h"

#define MANAGER 4U
#define HEAD 0xff000000U /* and those that follow, each with its mode */
#define HEADS 2U
#define WAIT_MSEC 20000

/* A compositor on a real socket, in the same thread, and what its client makes of it. */
typedef struct Played {
        char *folder, *path;
        int listener, fd;
        GByteArray *heard;
        uint32_t configuration, serial;
        bool verify;
        bool on[HEADS];

        DisplayEvents events;
        void *self;
        unsigned changes, dones;
        char *reason;
} Played;

static void on_changed(void *userdata) {
        Played *p = userdata;

        p->changes++;
}

static void on_done(const Layout *result, const char *reason, void *userdata) {
        Played *p = userdata;

        p->dones++;
        p->reason = g_strdup(reason);
        g_assert_true(!result == !!reason);
}

static gboolean on_late(gpointer userdata) {
        g_assert_not_reached();
}

#define UNTIL(condition)                                                                                    \
        do {                                                                                                \
                unsigned late = g_timeout_add(WAIT_MSEC, on_late, NULL);                                    \
                while (!(condition))                                                                        \
                        g_main_context_iteration(NULL, true);                                               \
                g_source_remove(late);                                                                      \
        } while (false)

static void send_bytes(Played *p, GByteArray *data) {
        g_assert_cmpint(send(p->fd, data->data, data->len, MSG_NOSIGNAL), ==, data->len);
        g_byte_array_unref(data);
}

#define SAY(p, ...)                                                                                         \
        do {                                                                                                \
                GByteArray *message = g_byte_array_new();                                                   \
                wire_put(message, __VA_ARGS__);                                                             \
                send_bytes(p, message);                                                                     \
        } while (false)

static void tell_heads(Played *p) {
        for (uint32_t i = 0; i < HEADS; i++) {
                g_autofree char *name = g_strdup_printf("Virtual-%u", i + 1);
                uint32_t head = HEAD + 2 * i, mode = head + 1;

                SAY(p, MANAGER, 0, "u", head);
                SAY(p, head, 0, "s", name);
                SAY(p, head, 3, "u", mode);
                SAY(p, mode, 0, "uu", 1024U, 768U);
                SAY(p, head, 4, "u", 1U);
                SAY(p, head, 5, "u", mode);
                SAY(p, head, 6, "uu", 1024 * i, 0U);
        }
        SAY(p, MANAGER, 1, "u", p->serial);
}

static Played *begin(void) {
        Played *p = g_new0(Played, 1);
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        p->folder = g_dir_make_tmp("display-wlr-XXXXXX", NULL);
        p->path = g_build_filename(p->folder, "wayland", NULL);
        g_assert_cmpuint(g_strlcpy(address.sun_path, p->path, sizeof address.sun_path), <,
                         sizeof address.sun_path);
        p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(p->listener, (struct sockaddr *) &address, sizeof address), ==, 0);
        g_assert_cmpint(listen(p->listener, 1), ==, 0);
        p->heard = g_byte_array_new();
        p->serial = 7;
        p->events = (DisplayEvents){on_changed, p};
        g_setenv("WAYLAND_DISPLAY", p->path, true);
        p->self = display_wlr.new(NULL, &p->events);
        g_assert_nonnull(p->self);
        g_assert_null(display_wlr.layout(p->self));
        p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        g_assert_cmpint(p->fd, >=, 0);
        SAY(p, 2, 0, "usu", 35U, "zwlr_output_manager_v1", 2U);
        SAY(p, 3, 0, "u", 0U);
        return p;
}

static Played *begin_well(void) {
        Played *p = begin();

        tell_heads(p);
        UNTIL(p->changes == 1);
        g_assert_cmpuint(display_wlr.layout(p->self)->n, ==, HEADS);
        return p;
}

static void hang_up(Played *p) {
        if (p->fd >= 0)
                g_assert_cmpint(close(p->fd), ==, 0);
        p->fd = -1;
}

static void end(Played *p) {
        display_wlr.free(p->self);
        hang_up(p);
        (void) close(p->listener);
        (void) g_unlink(p->path);
        (void) g_rmdir(p->folder);
        g_byte_array_unref(p->heard);
        g_free(p->folder);
        g_free(p->path);
        g_free(p->reason);
        g_free(p);
}

/* Reads what has come; true when that was the end of a question. */
static bool is_asked(Played *p) {
        uint8_t data[4096];
        ssize_t n = recv(p->fd, data, sizeof data, 0), length;
        bool asked = false;
        WireMessage m;

        if (n > 0)
                g_byte_array_append(p->heard, data, (unsigned) n);
        while (!asked && (length = wire_next(p->heard->data, p->heard->len, &m)) > 0) {
                uint32_t id = 0;

                if (m.object == MANAGER) {
                        g_assert_true(wire_get_uint(&m, &p->configuration) && wire_get_uint(&m, &id));
                        g_assert_cmpuint(id, ==, p->serial);
                        for (unsigned i = 0; i < HEADS; i++)
                                p->on[i] = false;
                } else if (p->configuration > 0 && m.object == p->configuration && m.opcode == 0) {
                        g_assert_true(wire_get_uint(&m, &id) && wire_get_uint(&m, &id));
                        p->on[(id - HEAD) / 2] = true;
                } else if (p->configuration > 0 && m.object == p->configuration && m.opcode < 4) {
                        p->verify = m.opcode == 3;
                        asked = m.opcode >= 2;
                }
                g_byte_array_remove_range(p->heard, 0, (unsigned) length);
        }
        return asked;
}

static gboolean on_tick(gpointer userdata) {
        return G_SOURCE_CONTINUE;
}

/* The next question. */
static void hear(Played *p) {
        unsigned tick = g_timeout_add(5, on_tick, NULL);

        UNTIL(is_asked(p));
        g_source_remove(tick);
}

enum { SUCCEEDED, FAILED, CANCELLED };

static void answer(Played *p, uint16_t how) {
        SAY(p, p->configuration, how, "");
        p->configuration = 0;
}

/* The first monitor alone. */
static void ask(Played *p, bool verify) {
        g_autofree Layout *wanted = g_new0(Layout, 1);
        Monitor *m = layout_add(wanted);

        (void) monitor_set_int(m, LAYOUT_WIDTH, 1024);
        (void) monitor_set_int(m, LAYOUT_HEIGHT, 768);
        g_assert_null(layout_check(wanted));
        display_wlr.apply(p->self, wanted, verify, on_done, p);
}

static void assert_done(Played *p, const char *reason) {
        UNTIL(p->dones > 0);
        g_assert_cmpuint(p->dones, ==, 1);
        g_assert_cmpstr(p->reason, ==, reason);
        g_clear_pointer(&p->reason, g_free);
        p->dones = 0;
}

static unsigned count_descriptors(void) {
        g_autoptr(GDir) entries = g_dir_open("/proc/self/fd", 0, NULL);
        unsigned n = 0;

        while (g_dir_read_name(entries))
                n++;
        return n;
}

/* --- cases -------------------------------------------------------------------------------------------- */

/* A byte at a time, and what belongs to another extension in between. */
static void test_pieces(void) {
        g_autoptr(GByteArray) data = g_byte_array_new();
        Played *p = begin();

        wire_put(data, MANAGER, 0, "u", HEAD);
        wire_put(data, HEAD, 0, "s", "Virtual-1");
        wire_put(data, 99, 7, "ss", "something", "else");
        wire_put(data, MANAGER, 1, "u", 7U);
        for (unsigned i = 0; i < data->len; i++) {
                g_assert_null(display_wlr.layout(p->self));
                g_assert_cmpint(send(p->fd, data->data + i, 1, MSG_NOSIGNAL), ==, 1);
                g_main_context_iteration(NULL, true);
        }
        UNTIL(display_wlr.layout(p->self));
        g_assert_cmpstr(display_wlr.layout(p->self)->monitors[0].connector, ==, "Virtual-1");
        end(p);
}

static void test_done(void) {
        Played *p = begin_well();

        ask(p, true);
        hear(p);
        g_assert_true(p->verify);
        answer(p, SUCCEEDED);
        assert_done(p, NULL);
        ask(p, false);
        hear(p);
        g_assert_true(!p->verify && p->on[0] && !p->on[1]);
        answer(p, SUCCEEDED);
        SAY(p, HEAD + 2, 4, "u", 0U);
        SAY(p, MANAGER, 1, "u", 8U);
        assert_done(p, NULL);
        g_assert_false(display_wlr.layout(p->self)->monitors[1].enabled);
        hang_up(p);
        UNTIL(!display_wlr.layout(p->self));
        g_assert_cmpuint(p->dones, ==, 0); /* not once more */
        end(p);
}

/* It says that it has, and leaves one on that was to be off. */
static void test_not_done(void) {
        Played *p = begin_well();

        ask(p, false);
        hear(p);
        answer(p, SUCCEEDED);
        hear(p);
        g_assert_true(p->on[0] && p->on[1]);
        answer(p, SUCCEEDED);
        assert_done(p, "The compositor has not done it");
        end(p);
}

static void test_refused(void) {
        Played *p = begin_well();

        ask(p, true);
        hear(p);
        answer(p, FAILED);
        assert_done(p, "The compositor would refuse it");
        for (uint16_t how = SUCCEEDED; how <= CANCELLED; how++) {
                ask(p, false);
                hear(p);
                answer(p, FAILED);
                hear(p); /* what was before */
                g_assert_true(p->on[0] && p->on[1]);
                answer(p, how);
                assert_done(p, "The compositor has refused it");
        }
        end(p);
}

static void test_others(void) {
        Played *p = begin_well();

        ask(p, false);
        for (unsigned i = 0; i < 3; i++) {
                hear(p);
                SAY(p, MANAGER, 1, "u", ++p->serial);
                answer(p, CANCELLED);
        }
        assert_done(p, "Others arrange the monitors at the same time");
        ask(p, false); /* and counted anew */
        hear(p);
        answer(p, CANCELLED);
        hear(p);
        end(p);
}

/* At each stage of a request it is answered once, and nothing is open afterwards. */
static void test_goes(void) {
        unsigned before = count_descriptors();

        for (unsigned stage = 0; stage < 4; stage++) {
                Played *p = begin_well();

                if (stage > 0) {
                        ask(p, false);
                        hear(p);
                }
                if (stage > 1)
                        answer(p, stage == 2 ? SUCCEEDED : FAILED);
                if (stage == 3)
                        hear(p);
                hang_up(p);
                UNTIL(p->changes == 2);
                g_assert_null(display_wlr.layout(p->self));
                if (stage > 0)
                        assert_done(p, "The compositor is gone");
                end(p);
        }
        g_assert_cmpuint(count_descriptors(), ==, before);
}

/* The end of this side, with a request under way. */
static void test_is_left(void) {
        Played *p = begin_well();
        void *self = p->self;

        ask(p, false);
        hear(p);
        g_assert_nonnull(g_main_context_find_source_by_user_data(NULL, self));
        end(p);
        g_assert_null(g_main_context_find_source_by_user_data(NULL, self));
}

static void test_nonsense(void) {
        static const uint32_t lengths[] = {0, 4, 9, 0xfffe};

        for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
                Played *p = begin_well();
                uint32_t header[2] = {MANAGER, lengths[i] << 16};

                ask(p, false);
                g_assert_cmpint(send(p->fd, header, sizeof header, MSG_NOSIGNAL), ==, sizeof header);
                UNTIL(p->changes == 2);
                assert_done(p, "The compositor is gone");
                end(p);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_unsetenv("XDG_SESSION_TYPE");
        g_test_add_func("/display-wlr/pieces", test_pieces);
        g_test_add_func("/display-wlr/done", test_done);
        g_test_add_func("/display-wlr/not-done", test_not_done);
        g_test_add_func("/display-wlr/refused", test_refused);
        g_test_add_func("/display-wlr/others", test_others);
        g_test_add_func("/display-wlr/goes", test_goes);
        g_test_add_func("/display-wlr/is-left", test_is_left);
        g_test_add_func("/display-wlr/nonsense", test_nonsense);
        return g_test_run();
}
