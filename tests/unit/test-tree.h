/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Root directories for the tests: the samples below tests/data, and trees made on the spot. */

#include "util/cleanup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* A descriptor of tests/data/guest-info/@name. */
static inline int sample_root(const char *name) {
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "guest-info", name, NULL);
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        return fd;
}

typedef struct Tree {
        char *path;
        int fd;
} Tree;

static inline void tree_remove(const char *path) {
        struct stat st;

        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
                g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
                const char *name;

                while (dir && (name = g_dir_read_name(dir))) {
                        g_autofree char *entry = g_build_filename(path, name, NULL);
                        tree_remove(entry);
                }
                g_assert_cmpint(rmdir(path), ==, 0);
        } else
                g_assert_cmpint(unlink(path), ==, 0);
}

static inline Tree tree_new(void) {
        g_autoptr(GError) error = NULL;
        Tree t = {.path = g_dir_make_tmp("ovirt-test-XXXXXX", &error)};

        g_assert_no_error(error);
        t.fd = open(t.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(t.fd, >=, 0);
        return t;
}

static inline void tree_done(Tree *t) {
        t->fd = safe_close(t->fd);
        tree_remove(t->path);
        g_free(t->path);
}
#define _cleanup_tree_ _cleanup_(tree_done)

static inline char *tree_path(const Tree *t, const char *path) {
        return g_build_filename(t->path, path, NULL);
}

static inline void tree_mkdir(const Tree *t, const char *path) {
        g_autofree char *full = tree_path(t, path);

        g_assert_cmpint(g_mkdir_with_parents(full, 0755), ==, 0);
}

static inline void tree_write_bytes(const Tree *t, const char *path, const void *data, size_t n) {
        g_autofree char *full = tree_path(t, path), *parent = g_path_get_dirname(full);
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
        g_file_set_contents(full, data, (gssize) n, &error);
        g_assert_no_error(error);
}

static inline void tree_write(const Tree *t, const char *path, const char *text) {
        tree_write_bytes(t, path, text, strlen(text));
}

static inline void tree_link(const Tree *t, const char *path, const char *target) {
        g_autofree char *full = tree_path(t, path), *parent = g_path_get_dirname(full);

        g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
        (void) unlink(full);
        g_assert_cmpint(symlink(target, full), ==, 0);
}
