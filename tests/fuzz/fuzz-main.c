/* SPDX-License-Identifier: Apache-2.0 */

/* Replays inputs once each, in place of a fuzzing engine: arguments are files, and directories of files. */

#include "fuzz.h"
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned replay(const char *path);

static unsigned replay_directory(const char *path) {
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        unsigned n = 0;
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
                g_autofree char *entry = g_build_filename(path, name, NULL);
                n += replay(entry);
        }
        return n;
}

/* Returns how many inputs that were. */
static unsigned replay(const char *path) {
        g_autofree char *contents = NULL;
        g_autoptr(GError) error = NULL;
        size_t n;

        if (g_file_test(path, G_FILE_TEST_IS_DIR))
                return replay_directory(path);
        if (!g_file_get_contents(path, &contents, &n, &error)) {
                fprintf(stderr, "%s\n", error->message);
                exit(EXIT_FAILURE);
        }

        /* Without the NUL that GLib appends, so that reading past the end is seen. */
        g_autofree uint8_t *data = g_memdup2(contents, n);
        (void) LLVMFuzzerTestOneInput(data, n);
        return 1;
}

int main(int argc, char **argv) {
        unsigned n = 0;

        for (int i = 1; i < argc; i++)
                n += replay(argv[i]);
        if (n == 0) {
                fprintf(stderr, "Usage: %s FILE|DIRECTORY...; no input found\n", argv[0]);
                return EXIT_FAILURE;
        }
        printf("%u inputs\n", n);
        return EXIT_SUCCESS;
}
