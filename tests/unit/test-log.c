/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log.h"

#include <errno.h>
#include <glib.h>

static void test_rate_limit(void) {
        RateLimit rl = {.interval_usec = UINT64_C(3600000000), .burst = 3};
        unsigned suppressed = 4711;

        for (unsigned i = 0; i < 3; i++) {
                g_assert_true(rate_limit(&rl, &suppressed));
                g_assert_cmpuint(suppressed, ==, 0);
        }
        for (unsigned i = 0; i < 5; i++)
                g_assert_false(rate_limit(&rl, &suppressed));

        /* The interval is over: as much again, and the count once. */
        rl.begin_usec -= rl.interval_usec;
        g_assert_true(rate_limit(&rl, &suppressed));
        g_assert_cmpuint(suppressed, ==, 5);
        g_assert_true(rate_limit(&rl, &suppressed));
        g_assert_cmpuint(suppressed, ==, 0);
        g_assert_true(rate_limit(&rl, NULL));
        g_assert_false(rate_limit(&rl, NULL));
}

static void test_interval(void) {
        RateLimit rl = {.interval_usec = 20000, .burst = 1};
        gint64 deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
        unsigned suppressed = 0, n = 0;

        g_assert_true(rate_limit(&rl, NULL));
        for (; !rate_limit(&rl, &suppressed); n++)
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_assert_cmpuint(suppressed, ==, n);
}

static void say(void) {
        log_open();
        g_assert_cmpint(log_warning_errno(-ENOENT, "no %s: %m", "file"), ==, -ENOENT);
        log_error("bad");
        log_info("plain");
        log_debug("hidden");
        log_set_debug(true);
        g_assert_true(log_is_debug());
        log_debug("shown");
}

static void test_text(void) {
        if (g_test_subprocess()) {
                g_unsetenv("JOURNAL_STREAM");
                say();
                return;
        }
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
        g_test_trap_assert_passed();
        g_test_trap_assert_stderr(
                "*warning: no file: No such file or directory\nerror: bad\nplain\ndebug: shown\n*");
        g_test_trap_assert_stderr_unmatched("*hidden*");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/log/rate-limit", test_rate_limit);
        g_test_add_func("/log/interval", test_interval);
        g_test_add_func("/log/text", test_text);
        return g_test_run();
}
