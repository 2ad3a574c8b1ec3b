/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/packages.h"
#include "util/cleanup.h"
#include "util/read-file.h"
#include "util/text.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define STATUS_MAX (64U * 1024 * 1024)
#define RPM_OUTPUT_MAX (16U * 1024 * 1024)
#define NAME_SIZE 256

/* A piece of a text; empty if absent. */
typedef struct Slice {
        const char *s;
        size_t n;
} Slice;

static Slice slice_strip(Slice x) {
        for (; x.n > 0 && g_ascii_isspace(*x.s); x.n--)
                x.s++;
        while (x.n > 0 && g_ascii_isspace(x.s[x.n - 1]))
                x.n--;
        return x;
}

/* Takes what precedes the next @separator off *@rest. False at the end. */
static bool slice_split(Slice *rest, char separator, Slice *ret) {
        const char *end;

        if (!rest->s)
                return false;
        end = memchr(rest->s, separator, rest->n);
        if (end) {
                *ret = (Slice){rest->s, (size_t) (end - rest->s)};
                *rest = (Slice){end + 1, rest->n - ret->n - 1};
        } else {
                *ret = *rest;
                *rest = (Slice){};
        }
        return true;
}

static bool slice_is(Slice x, const char *s) {
        return x.n == strlen(s) && memcmp(x.s, s, x.n) == 0;
}

static bool name_matches(const char *const *patterns, Slice name) {
        char copy[NAME_SIZE];

        if (name.n == 0 || name.n >= sizeof(copy))
                return false;
        memcpy(copy, name.s, name.n);
        copy[name.n] = '\0';
        return glob_match_any(patterns, copy);
}

/* --- dpkg -------------------------------------------------------------------------------------------- */

enum { PACKAGE, STATUS, VERSION, PROVIDES, _N_FIELDS };

static const char *const field_names[_N_FIELDS] = {
        [PACKAGE] = "Package:",
        [STATUS] = "Status:",
        [VERSION] = "Version:",
        [PROVIDES] = "Provides:",
};

/* "hold ok installed": what is wanted, whether something broke, what is there. */
static bool is_installed(Slice status) {
        Slice wanted, flag, state;

        return slice_split(&status, ' ', &wanted) && slice_split(&status, ' ', &flag) &&
               slice_is(flag, "ok") && slice_split(&status, ' ', &state) && !status.s &&
               (slice_is(state, "installed") || slice_is(state, "triggers-awaited") ||
                slice_is(state, "triggers-pending"));
}

/* Without the epoch, as rpm's entries are: the engine takes the first number for the agent's version. */
static Slice without_epoch(Slice version) {
        Slice rest = version, epoch;

        return slice_split(&rest, ':', &epoch) && rest.s ? rest : version;
}

static void add_dpkg(GPtrArray *found, Slice name, Slice version) {
        g_ptr_array_add(found,
                        g_strdup_printf("%.*s-%.*s", (int) name.n, name.s, (int) version.n, version.s));
}

static void finish_stanza(const Slice fields[static _N_FIELDS], const char *const *patterns,
                          GPtrArray *found) {
        Slice version = without_epoch(slice_strip(fields[VERSION])), provides = fields[PROVIDES], one;

        if (version.n == 0 || version.n >= NAME_SIZE || !is_installed(slice_strip(fields[STATUS])))
                return;
        if (name_matches(patterns, slice_strip(fields[PACKAGE])))
                add_dpkg(found, slice_strip(fields[PACKAGE]), version);
        while (slice_split(&provides, ',', &one)) {
                Slice name = {};

                /* "name (= version)" */
                one = slice_strip(one);
                (void) slice_split(&one, ' ', &name);
                if (name_matches(patterns, name))
                        add_dpkg(found, name, version);
        }
}

void guest_packages_parse_dpkg(const char *status, const char *const *patterns, GPtrArray *found) {
        Slice fields[_N_FIELDS] = {}, *current = NULL, line;

        while (next_line(&status, &line.s, &line.n)) {
                if (line.n == 0) {
                        finish_stanza(fields, patterns, found);
                        memset(fields, 0, sizeof(fields));
                        current = NULL;
                        continue;
                }
                if (*line.s == ' ' || *line.s == '\t') {
                        /* The field goes on; it is one piece of the text. */
                        if (current)
                                current->n = (size_t) (line.s + line.n - current->s);
                        continue;
                }
                current = NULL;
                /* Most lines are of other fields: their first letter tells, at little cost. */
                for (size_t i = 0; i < _N_FIELDS; i++) {
                        if ((*line.s | 0x20) != (*field_names[i] | 0x20))
                                continue;

                        size_t n = strlen(field_names[i]);

                        if (line.n > n && g_ascii_strncasecmp(line.s, field_names[i], n) == 0) {
                                current = &fields[i];
                                *current = (Slice){line.s + n, line.n - n};
                                break;
                        }
                }
        }
        /* The file ends with an empty line, each stanza does: one without was cut. */
}

static int read_dpkg(int root_fd, const char *const *patterns, GPtrArray *found) {
        _cleanup_free_ char *status = NULL;
        int r;

        r = read_file(root_fd, "var/lib/dpkg/status", STATUS_MAX, &status, NULL);
        if (r < 0)
                return r;
        guest_packages_parse_dpkg(status, patterns, found);
        return 0;
}

/* --- rpm --------------------------------------------------------------------------------------------- */

void guest_packages_parse_rpm(const char *lines, const char *const *patterns, GPtrArray *found) {
        Slice line;

        while (next_line(&lines, &line.s, &line.n)) {
                Slice name, version, release;

                if (!slice_split(&line, '\t', &name) || !slice_split(&line, '\t', &version) ||
                    !slice_split(&line, '\t', &release) || line.s)
                        continue;
                if (version.n == 0 || version.n >= NAME_SIZE || release.n == 0 || release.n >= NAME_SIZE)
                        continue;
                if (name_matches(patterns, name))
                        g_ptr_array_add(found, g_strdup_printf("%.*s-%.*s-%.*s", (int) name.n, name.s,
                                                               (int) version.n, version.s, (int) release.n,
                                                               release.s));
        }
}

/* The directory with rpm's database, as the rpm command, which knows no root descriptor, finds it. */
static int find_rpm_database(int root_fd, char **ret) {
        static const char *const directories[] = {"var/lib/rpm", "usr/lib/sysimage/rpm"};
        static const char *const files[] = {"rpmdb.sqlite", "Packages.db", "Packages"};

        for (size_t i = 0; i < G_N_ELEMENTS(directories); i++) {
                _cleanup_close_ int fd = open_below(root_fd, directories[i], O_PATH | O_DIRECTORY);

                if (fd < 0)
                        continue;
                for (size_t k = 0; k < G_N_ELEMENTS(files); k++)
                        if (faccessat(fd, files[k], F_OK, 0) == 0) {
                                char link[64], path[PATH_MAX];
                                ssize_t n;

                                (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
                                n = readlink(link, path, sizeof(path));
                                if (n < 0)
                                        return -errno;
                                *ret = g_strndup(path, (gsize) n);
                                return 0;
                        }
        }
        return -ENOENT;
}

/* Reads to the end of @fd, at most @max bytes; the text must not have NUL bytes. */
static int read_pipe(int fd, size_t max, char **ret) {
        g_autoptr(GString) text = g_string_new(NULL);
        char buffer[8192];

        for (;;) {
                ssize_t n = read(fd, buffer, sizeof(buffer));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                if ((size_t) n > max - text->len)
                        return -EFBIG;
                g_string_append_len(text, buffer, n);
        }
        if (strlen(text->str) != text->len)
                return -EBADMSG;
        *ret = g_string_free(g_steal_pointer(&text), FALSE);
        return 0;
}

static int read_rpm(int root_fd, const char *const *patterns, GPtrArray *found) {
        _cleanup_free_ char *directory = NULL, *lines = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r, status;
        GPid pid;

        r = find_rpm_database(root_fd, &directory);
        if (r < 0)
                return r;

        const char *const argv[] = {
                "rpm", "-qa", "--dbpath", directory, "--qf", "%{NAME}\t%{VERSION}\t%{RELEASE}\n", NULL,
        };
        if (!g_spawn_async_with_pipes(NULL, (char **) argv, NULL,
                                      G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                                              G_SPAWN_STDERR_TO_DEV_NULL,
                                      NULL, NULL, &pid, NULL, &fd, NULL, NULL))
                return -EIO;
        r = read_pipe(fd, RPM_OUTPUT_MAX, &lines);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (r < 0)
                return r;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return -EIO;
        guest_packages_parse_rpm(lines, patterns, found);
        return 0;
}

/* ----------------------------------------------------------------------------------------------------- */

static gint compare_strings(gconstpointer a, gconstpointer b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int guest_packages_read(int root_fd, const char *const *patterns, GPtrArray **ret) {
        g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
        int dpkg, rpm;

        dpkg = read_dpkg(root_fd, patterns, found);
        rpm = read_rpm(root_fd, patterns, found);
        /* A leftover database of the other kind is no reason to know nothing. */
        if (dpkg < 0 && rpm < 0 && (dpkg != -ENOENT || rpm != -ENOENT))
                return dpkg != -ENOENT ? dpkg : rpm;

        for (guint i = 0; i < found->len; i++)
                g_strdelimit(found->pdata[i], ",", '_');
        g_ptr_array_sort(found, compare_strings);
        for (guint i = 1; i < found->len;)
                if (g_str_equal(found->pdata[i], found->pdata[i - 1]))
                        g_ptr_array_remove_index(found, i);
                else
                        i++;
        *ret = g_steal_pointer(&found);
        return 0;
}
