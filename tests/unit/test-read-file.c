/* SPDX-License-Identifier: Apache-2.0 */
#include "test-tree.h"
#include "util/read-file.h"

static void test_sizes(void) {
        _cleanup_tree_ Tree t = tree_new();
        /* Around the first read's size and its double, where the buffer grows. */
        static const size_t sizes[] = {0, 1, 8191, 8192, 8193, 16383, 16384, 16385, 100000};

        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
                g_autofree char *data = g_malloc(sizes[i] + 1), *read = NULL;
                size_t n = 4711;

                memset(data, 'x', sizes[i]);
                tree_write_bytes(&t, "file", data, sizes[i]);
                g_assert_cmpint(read_file(t.fd, "file", sizes[i], &read, &n), ==, 0);
                g_assert_cmpmem(read, n, data, sizes[i]);
                g_assert_cmpint(read[n], ==, '\0');
                if (sizes[i] > 0)
                        g_assert_cmpint(read_file(t.fd, "file", sizes[i] - 1, &read, &n), ==, -EFBIG);
        }
}

static void test_proc(void) {
        _cleanup_close_ int root = open("/", O_PATH | O_CLOEXEC);
        g_autofree char *text = NULL;

        g_assert_cmpint(read_file(root, "proc/self/status", 64 * 1024, &text, NULL), ==, 0);
        g_assert_true(g_str_has_prefix(text, "Name:"));
        g_assert_cmpint(read_file(root, "proc/self/status", 16, &text, NULL), ==, -EFBIG);
}

static void test_refused(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *fifo = tree_path(&t, "fifo"), *text = NULL;
        size_t n;

        g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
        tree_mkdir(&t, "dir");
        tree_write_bytes(&t, "nul", "a\0b", 3);

        g_assert_cmpint(read_file(t.fd, "none", 10, &text, NULL), ==, -ENOENT);
        g_assert_cmpint(read_file(t.fd, "nul/x", 10, &text, NULL), ==, -ENOTDIR);
        g_assert_cmpint(read_file(t.fd, "fifo", 10, &text, NULL), ==, -EINVAL); /* and does not wait */
        g_assert_cmpint(read_file(t.fd, "dir", 10, &text, NULL), ==, -EINVAL);
        g_assert_cmpint(read_file(t.fd, "nul", 10, &text, NULL), ==, -EBADMSG);
        g_assert_cmpint(read_file(t.fd, "nul", 10, &text, &n), ==, 0);
        g_assert_cmpmem(text, n, "a\0b", 3);
}

static void test_links(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *text = NULL;
        int r;

        tree_write(&t, "usr/file", "inside");
        tree_link(&t, "etc/relative", "../usr/file");
        tree_link(&t, "etc/absolute", "/usr/file");
        tree_link(&t, "etc/escape", "../../../../../../../../usr/file");
        g_assert_cmpint(read_file(t.fd, "etc/relative", 10, &text, NULL), ==, 0);
        g_assert_cmpstr(text, ==, "inside");
        g_clear_pointer(&text, g_free);

        r = read_file(t.fd, "etc/absolute", 10, &text, NULL);
        if (r == -ENOENT) {
                g_test_skip("no openat2() here: links are not kept below the root");
                return;
        }
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpstr(text, ==, "inside");
        g_clear_pointer(&text, g_free);
        g_assert_cmpint(read_file(t.fd, "etc/escape", 10, &text, NULL), ==, 0);
        g_assert_cmpstr(text, ==, "inside");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/read-file/sizes", test_sizes);
        g_test_add_func("/read-file/proc", test_proc);
        g_test_add_func("/read-file/refused", test_refused);
        g_test_add_func("/read-file/links", test_links);
        return g_test_run();
}
