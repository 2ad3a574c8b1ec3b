/* SPDX-License-Identifier: Apache-2.0 */
#include "util/text.h"
#include "util/cleanup.h"

#include <fnmatch.h>
#include <string.h>

bool glob_match_any(const char *const *patterns, const char *s) {
        for (; *patterns; patterns++) {
                /* Most patterns are plain names, and fnmatch() is slow. */
                if (**patterns != *s && !strchr("*?[\\", **patterns))
                        continue;
                if (strpbrk(*patterns, "*?[\\")) {
                        if (fnmatch(*patterns, s, 0) == 0)
                                return true;
                } else if (strcmp(*patterns, s) == 0)
                        return true;
        }
        return false;
}

static bool is_octal(char c) {
        return c >= '0' && c <= '7';
}

void unescape_octal(char *s) {
        char *out = s;

        while (*s) {
                if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && is_octal(s[2]) && is_octal(s[3])) {
                        int c = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
                        if (c != 0) {
                                *out++ = (char) c;
                                s += 4;
                                continue;
                        }
                }
                *out++ = *s++;
        }
        *out = '\0';
}

int scan_uint64(const char **p, uint64_t *ret) {
        const char *s = *p;
        uint64_t v = 0;

        if (!g_ascii_isdigit(*s))
                return -EINVAL;
        for (; g_ascii_isdigit(*s); s++)
                if (__builtin_mul_overflow(v, 10, &v) ||
                    __builtin_add_overflow(v, (uint64_t) (*s - '0'), &v))
                        return -ERANGE;
        *p = s;
        *ret = v;
        return 0;
}

int parse_uint64(const char *s, uint64_t *ret) {
        uint64_t v;
        int r;

        r = scan_uint64(&s, &v);
        if (r < 0)
                return r;
        if (*s)
                return -EINVAL;
        *ret = v;
        return 0;
}

char *cut_text(const char *s, size_t max) {
        const char *end;

        (void) g_utf8_validate_len(s, strnlen(s, max), &end);
        return g_strndup(s, (gsize) (end - s));
}

bool next_line(const char **text, const char **ret, size_t *ret_n) {
        const char *line = *text, *end;

        if (!*line)
                return false;
        end = strchrnul(line, '\n');
        *ret = line;
        *ret_n = (size_t) (end - line);
        *text = *end ? end + 1 : end;
        return true;
}

int parse_assignment(const char *line, size_t n, const char *key, char **ret) {
        _cleanup_free_ char *quoted = NULL;
        size_t key_n = strlen(key);
        char *value;

        for (; n > 0 && (*line == ' ' || *line == '\t'); n--)
                line++;
        if (n <= key_n || memcmp(line, key, key_n) != 0 || line[key_n] != '=')
                return -ENOENT;
        quoted = g_strchomp(g_strndup(line + key_n + 1, n - key_n - 1));
        if (!*quoted)
                value = g_strdup(""); /* to GLib that would be an error */
        else
                value = g_shell_unquote(quoted, NULL);
        if (!value)
                return -EBADMSG;
        *ret = value;
        return 0;
}
