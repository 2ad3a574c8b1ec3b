/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/os.h"
#include "util/read-file.h"
#include "util/text.h"

#include <string.h>
#include <sys/utsname.h>

#define OS_RELEASE_MAX (64U * 1024)

enum { NAME, VERSION, VERSION_ID, VERSION_CODENAME, VARIANT, BUILD_ID, _N_KEYS };

static const char *const keys[_N_KEYS] = {
        [NAME] = "NAME",
        [VERSION] = "VERSION",
        [VERSION_ID] = "VERSION_ID",
        [VERSION_CODENAME] = "VERSION_CODENAME",
        [VARIANT] = "VARIANT",
        [BUILD_ID] = "BUILD_ID",
};

/* The first of the two that says something. */
static const char *either(const char *a, const char *b) {
        return a && *a ? a : b;
}

/* What stands between the last parentheses of "12 (bookworm)"; "" if there are none. */
static char *in_parentheses(const char *s) {
        const char *open = s ? strrchr(s, '(') : NULL;
        const char *close = open ? strchr(open, ')') : NULL;

        return close ? g_strndup(open + 1, (size_t) (close - open - 1)) : g_strdup("");
}

void guest_os_parse(const char *os_release, GuestOs *o) {
        char *values[_N_KEYS] = {};
        const char *line, *codename;
        size_t n;

        while (next_line(&os_release, &line, &n))
                for (size_t i = 0; i < _N_KEYS; i++) {
                        char *value;

                        if (parse_assignment(line, n, keys[i], &value) < 0)
                                continue;
                        g_free(values[i]); /* the last one holds, as in a shell */
                        values[i] = value;
                        break;
                }

        o->name = g_strdup(either(values[NAME], "Linux"));
        o->version = g_strdup(either(values[VERSION_ID], either(values[BUILD_ID], "rolling")));
        codename = either(values[VERSION_CODENAME], either(values[VARIANT], NULL));
        o->codename = codename ? g_strdup(codename) : in_parentheses(values[VERSION]);

        for (size_t i = 0; i < _N_KEYS; i++)
                g_free(values[i]);
}

int guest_os_read(int root_fd, GuestOs **ret) {
        _cleanup_free_ char *os_release = NULL;
        struct utsname u;
        GuestOs *o;

        if (uname(&u) < 0)
                return -errno;
        if (read_file(root_fd, "etc/os-release", OS_RELEASE_MAX, &os_release, NULL) < 0)
                (void) read_file(root_fd, "usr/lib/os-release", OS_RELEASE_MAX, &os_release, NULL);

        o = g_new0(GuestOs, 1);
        guest_os_parse(os_release ? os_release : "", o);
        o->machine = g_strdup(u.machine);
        o->kernel = g_strdup(u.release);
        *ret = o;
        return 0;
}

GuestOs *guest_os_free(GuestOs *o) {
        if (!o)
                return NULL;
        g_free(o->name);
        g_free(o->version);
        g_free(o->codename);
        g_free(o->machine);
        g_free(o->kernel);
        g_free(o);
        return NULL;
}
