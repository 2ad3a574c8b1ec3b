/* SPDX-License-Identifier: Apache-2.0 */
#include "util/secret.h"

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 6000

/* The flags that the kernel has for the mapping at @p: "rd wr ... lo dd wf". */
static char *flags_of(const void *p) {
        g_autofree char *text = NULL;
        g_auto(GStrv) lines = NULL;
        bool found = false;

        g_assert_true(g_file_get_contents("/proc/self/smaps", &text, NULL, NULL));
        lines = g_strsplit(text, "\n", -1);
        for (char **line = lines; *line; line++) {
                unsigned long begin, end;

                if (sscanf(*line, "%lx-%lx ", &begin, &end) == 2)
                        found = (unsigned long) p >= begin && (unsigned long) p < end;
                else if (found && g_str_has_prefix(*line, "VmFlags:"))
                        return g_strconcat(*line + strlen("VmFlags:"), " ", NULL);
        }
        g_assert_not_reached();
}

static void test_mapping(void) {
        char *p = secret_new(SIZE);
        g_autofree char *flags = NULL;

        memset(p, 'x', SIZE);
        flags = flags_of(p);
        g_test_message("%s", flags);
        /* The address sanitizer has an mlock() that does nothing. */
        if (!g_getenv("ASAN_OPTIONS"))
                g_assert_nonnull(strstr(flags, " lo "));
        g_assert_nonnull(strstr(flags, " dd "));
        g_assert_nonnull(strstr(flags, " wf "));
        g_assert_null(secret_free(p, SIZE));
        g_assert_null(secret_free(NULL, SIZE));
}

static void test_child(void) {
        char *p = secret_new(SIZE);
        int status;
        pid_t pid;

        memset(p, 'x', SIZE);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                int sum = 0;

                for (size_t i = 0; i < SIZE; i++)
                        sum |= p[i];
                _exit(sum);
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_cmpint(status, ==, 0);
        g_assert_cmpint(p[SIZE - 1], ==, 'x');
        (void) secret_free(p, SIZE);
}

/* Without memory to lock there are secrets all the same. */
static void test_limit(void) {
        struct rlimit none = {}, before;
        char *p;

        g_assert_cmpint(getrlimit(RLIMIT_MEMLOCK, &before), ==, 0);
        none.rlim_max = before.rlim_max;
        g_assert_cmpint(setrlimit(RLIMIT_MEMLOCK, &none), ==, 0);
        p = secret_new(SIZE);
        memset(p, 'x', SIZE);
        (void) secret_free(p, SIZE);
        g_assert_cmpint(setrlimit(RLIMIT_MEMLOCK, &before), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/secret/mapping", test_mapping);
        g_test_add_func("/secret/child", test_child);
        g_test_add_func("/secret/limit", test_limit);
        return g_test_run();
}
