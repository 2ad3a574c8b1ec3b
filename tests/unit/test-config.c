/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "test-tree.h"

#include <stdlib.h>

/* Loads a file with that text. */
static int load(const char *text, Config **ret) {
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *path = tree_path(&t, "conf");

        tree_write(&t, "conf", text);
        return config_load(path, ret);
}

static char *print(const Config *c) {
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);

        config_print(c, f);
        g_assert_cmpint(fclose(f), ==, 0);
        return text;
}

static void test_defaults(void) {
        _cleanup_(config_freep) Config *c = NULL;

        g_assert_cmpint(load("", &c), ==, 0);
        g_assert_cmpuint(c->heart_beat_rate, ==, 5);
        g_assert_cmpuint(c->report_user_rate, ==, 10);
        g_assert_cmpuint(c->report_num_cpu_rate, ==, 60);
        g_assert_cmpuint(c->report_application_rate, ==, 120);
        g_assert_cmpuint(c->report_disk_usage, ==, 300);
        g_assert_true(c->ignore_zero_size_fs);
        g_assert_cmpstr(c->device_prefix, ==, "/dev/virtio-ports/");
        g_assert_true(g_strv_contains((const char *const *) c->ignored_nics, "docker0"));
        g_assert_true(g_strv_contains((const char *const *) c->ignored_fs, "tmpfs"));
        g_assert_true(g_strv_contains((const char *const *) c->applications_list, "kernel"));
}

static void test_credentials(void) {
        static const struct {
                const char *line; /* in [credentials] */
                int r;
                const char *printed;
        } cases[] = {
                {"valid = 10", 0, "valid = 10\n"},
                {"unlock = yes", 0, "unlock = true\n"},
                {"unlock = GNOME", -EINVAL, NULL},
                {"domains =", 0, "domains = \n"},
                {"domains = a=b  c=\n d*=E.f", 0, "domains = a=b c= d*=E.f\n"},
                {"domains = a", -EINVAL, NULL},
                {"domains = a=b =c", -EINVAL, NULL},
                {"domains = a=b=c", -EINVAL, NULL},
                {"domains = a=b@c", -EINVAL, NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_(config_freep) Config *c = NULL;
                g_autofree char *text = g_strdup_printf("[credentials]\n%s\n", cases[i].line),
                                *printed = NULL;

                g_assert_cmpint(load(text, &c), ==, cases[i].r);
                if (cases[i].r < 0)
                        continue;
                printed = print(c);
                g_assert_nonnull(strstr(printed, cases[i].printed));
        }
}

static void test_values(void) {
        static const struct {
                const char *line; /* in [general] */
                int r;
                const char *printed;
        } cases[] = {
                {"heart_beat_rate = 7", 0, "heart_beat_rate = 7\n"},
                {"HEART_BEAT_RATE: 7", 0, "heart_beat_rate = 7\n"},
                {"heart_beat_rate = 0", 0, "heart_beat_rate = 1\n"},
                {"heart_beat_rate = -3", 0, "heart_beat_rate = 1\n"},
                {"heart_beat_rate = 86400", 0, "heart_beat_rate = 86400\n"},
                {"heart_beat_rate = 86401", -EINVAL, NULL},
                {"heart_beat_rate = 99999999999999999999", -EINVAL, NULL},
                {"heart_beat_rate = 5s", -EINVAL, NULL},
                {"heart_beat_rate = 5.0", -EINVAL, NULL},
                {"heart_beat_rate = ", -EINVAL, NULL},
                {"ignore_zero_size_fs = false", 0, "ignore_zero_size_fs = false\n"},
                {"ignore_zero_size_fs = False", 0, "ignore_zero_size_fs = false\n"},
                {"ignore_zero_size_fs = no", 0, "ignore_zero_size_fs = false\n"},
                {"ignore_zero_size_fs = off", 0, "ignore_zero_size_fs = false\n"},
                {"ignore_zero_size_fs = 0", 0, "ignore_zero_size_fs = false\n"},
                {"ignore_zero_size_fs = TRUE", 0, "ignore_zero_size_fs = true\n"},
                {"ignore_zero_size_fs = 1", 0, "ignore_zero_size_fs = true\n"},
                {"ignore_zero_size_fs = maybe", -EINVAL, NULL},
                {"ignore_zero_size_fs =", -EINVAL, NULL},
                {"ignored_nics = a  b\n c\n\td", 0, "ignored_nics = a b c d\n"},
                {"ignored_nics =", 0, "ignored_nics = \n"},
                {"ignored_nics = a\nignored_nics = b", 0, "ignored_nics = b\n"},
                {"unknown_key = 1", 0, "heart_beat_rate = 5\n"},
                {"device_prefix = relative", 0,
                 "device_prefix = /dev/virtio-ports/\n"}, /* of another section */
                {"no separator", -EINVAL, NULL},
                {"[virtio]\ndevice_prefix = /dev/x/", 0, "device_prefix = /dev/x/\n"},
                {"[virtio]\ndevice_prefix = x", -EINVAL, NULL},
                {"[virtio]\ndevice_prefix =", -EINVAL, NULL},
                /* The old agent's logging: anything. */
                {"[loggers]\nkeys=root", 0, "heart_beat_rate = 5\n"},
                {"[logger_root]\nheart_beat_rate=x", 0, "heart_beat_rate = 5\n"},
                {"[handler_logfile]\nargs=('a', 'b')", 0, "heart_beat_rate = 5\n"},
                {"[formatter_long]\nformat=%(x)s: y", 0, "heart_beat_rate = 5\n"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = g_strdup_printf("[general]\n%s\n", cases[i].line);
                _cleanup_(config_freep) Config *c = NULL, *again = NULL;

                g_test_message("%s", cases[i].line);
                g_assert_cmpint(load(text, &c), ==, cases[i].r);
                if (cases[i].r < 0) {
                        g_assert_null(c);
                        continue;
                }
                char *printed = print(c);
                g_assert_nonnull(strstr(printed, cases[i].printed));

                /* What is printed is a configuration that means the same. */
                g_assert_cmpint(load(printed, &again), ==, 0);
                char *same = print(again);
                g_assert_cmpstr(printed, ==, same);
                free(printed); /* the C library's */
                free(same);
        }
}

/* What is said about a bad file: where it is, and what would be right. */
static void test_messages(void) {
        static const struct {
                const char *text, *said;
        } cases[] = {
                {"[general]\n\nheart_beat_rate = x\n",
                 "*conf:3: heart_beat_rate = x: expected a whole number of seconds, at most 86400*"},
                {"[general]\nignore_zero_size_fs = x\n",
                 "*conf:2: ignore_zero_size_fs = x: expected true or false*"},
                {"[virtio]\ndevice_prefix = x\n", "*conf:2: device_prefix = x: expected an absolute path*"},
                {"[general]\nwhat = 1\n", "*warning: *conf:2: unknown key \"what\" in section ?general?*"},
                {"what = 1\n", "*conf:1: an entry must stand in a section*"},
                {"[general\n", "*conf:1: a section needs a name in brackets*"},
        };

        if (g_test_subprocess()) {
                _cleanup_(config_freep) Config *c = NULL;

                (void) load(cases[g_ascii_strtoull(g_getenv("TEST_CASE"), NULL, 10)].text, &c);
                return;
        }
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *number = g_strdup_printf("%zu", i);

                g_setenv("TEST_CASE", number, TRUE);
                g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
                g_test_trap_assert_passed();
                g_test_trap_assert_stderr(cases[i].said);
        }
}

static void test_unreadable(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *missing = tree_path(&t, "none"), *huge = tree_path(&t, "huge");
        _cleanup_close_ int fd = open(huge, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        _cleanup_(config_freep) Config *c = NULL;

        g_assert_cmpint(config_load(missing, &c), ==, -ENOENT);
        g_assert_cmpint(config_load(t.path, &c), <, 0);
        g_assert_cmpint(ftruncate(fd, 2 * 1024 * 1024), ==, 0);
        g_assert_cmpint(config_load(huge, &c), ==, -EFBIG);
        g_assert_null(c);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/config/defaults", test_defaults);
        g_test_add_func("/config/credentials", test_credentials);
        g_test_add_func("/config/values", test_values);
        g_test_add_func("/config/messages", test_messages);
        g_test_add_func("/config/unreadable", test_unreadable);
        return g_test_run();
}
