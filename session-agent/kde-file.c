/* SPDX-License-Identifier: Apache-2.0 */
#include "kde-file.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

/* What follows the name of a key, up to its "=": nothing, or marks as in "[$i]". */
static bool are_marks(const char *marks, size_t n, bool *deleted) {
        while (n > 0) {
                const char *end = memchr(marks, ']', n);

                if (n < 3 || marks[0] != '[' || marks[1] != '$' || !end)
                        return false;
                *deleted |= memchr(marks, 'd', end - marks) != NULL;
                n -= end + 1 - marks;
                marks = end + 1;
        }
        return true;
}

char *kde_file_lookup(const char *text, size_t n, const char *group, const char *key) {
        g_autofree char *heading = g_strdup_printf("[%s]", group);
        const char *end = n > 0 ? text + n : text; /* NULL, if there is nothing */
        bool inside = false;

        while (text < end) {
                const char *newline = memchr(text, '\n', end - text) ?: end;
                g_autofree char *line = g_strstrip(g_strndup(text, newline - text));
                const char *equals = strchr(line, '=');
                bool deleted = false;

                text = newline + 1;
                if (line[0] == '[')
                        inside = g_str_equal(line, heading);
                else if (inside && equals && g_str_has_prefix(line, key) &&
                         are_marks(line + strlen(key), equals - line - strlen(key), &deleted))
                        return deleted ? NULL : g_strdup(equals + 1);
        }
        return NULL;
}
