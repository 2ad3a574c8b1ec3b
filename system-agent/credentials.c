/* SPDX-License-Identifier: Apache-2.0 */
#include "credentials.h"

#include <fnmatch.h>
#include <string.h>

#include "util/secret.h"

Credentials *credentials_new(void) {
        return secret_new(sizeof(Credentials));
}

Credentials *credentials_free(Credentials *c) {
        return secret_free(c, sizeof(*c));
}

int credentials_map_domain(Credentials *c, const char *const *map) {
        char *at = strchr(c->user, '@');

        for (; at && *map; map++) {
                const char *separator = strchr(*map, '='), *guest = separator + 1;
                _cleanup_free_ char *pattern = g_strndup(*map, (gsize) (separator - *map));
                size_t n = strlen(guest), room = sizeof(c->user) - 1 - (size_t) (at + 1 - c->user);

                if (fnmatch(pattern, at + 1, FNM_CASEFOLD) != 0)
                        continue;
                if (n > room)
                        return -ENAMETOOLONG;
                if (n > 0)
                        memcpy(at + 1, guest, n + 1);
                else
                        *at = 0;
                return 0;
        }
        return 0;
}

static bool is_plain(const char *name) {
        return !strpbrk(name, "@\\");
}

bool credentials_are_for_other(const Credentials *c, const char *user) {
        _cleanup_free_ char *ours = g_utf8_casefold(c->user, -1), *theirs = g_utf8_casefold(user, -1);

        return is_plain(c->user) && is_plain(user) && !g_str_equal(ours, theirs);
}
