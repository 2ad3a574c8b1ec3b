/* SPDX-License-Identifier: Apache-2.0 */
#include "util/ini.h"

#include <stdbool.h>
#include <string.h>

#include "util/cleanup.h"

typedef struct Parser {
        IniEntry entry;
        void *userdata;
        char *section; /* NULL before the first */
        char *key;     /* of the entry being read, else NULL */
        GString *value;
        unsigned entry_line;
} Parser;

/* Passes the entry on that has been read so far. */
static int flush(Parser *p) {
        int r;

        if (!p->key)
                return 0;
        r = p->entry(p->section, p->key, g_strstrip(p->value->str), p->entry_line, p->userdata);
        g_clear_pointer(&p->key, g_free);
        return r < 0 ? r : 0;
}

static int parse_section(Parser *p, char *line, const char **ret_reason) {
        char *end = strchr(line, ']');
        int r;

        if (!end || end == line + 1) {
                *ret_reason = "a section needs a name in brackets";
                return -EBADMSG;
        }
        r = flush(p);
        if (r < 0)
                return r;
        g_free(p->section);
        p->section = g_strndup(line + 1, (size_t) (end - line - 1));
        return 0;
}

/* Where an entry begins, a comment may also follow its value: after a blank and a semicolon. */
static void cut_comment(char *value) {
        for (char *c = value; (c = strchr(c, ';')); c++)
                if (c > value && g_ascii_isspace(c[-1])) {
                        *c = 0;
                        return;
                }
}

static int parse_entry(Parser *p, char *line, unsigned number, const char **ret_reason) {
        char *separator = strpbrk(line, "=:");
        int r;

        if (!separator || separator == line) {
                *ret_reason = "expected \"key = value\", \"[section]\" or a comment";
                return -EBADMSG;
        }
        if (!p->section) {
                *ret_reason = "an entry must stand in a section";
                return -EBADMSG;
        }
        r = flush(p);
        if (r < 0)
                return r;
        *separator = 0;
        cut_comment(separator + 1);
        p->key = g_ascii_strdown(g_strchomp(line), -1);
        g_string_assign(p->value, g_strchomp(separator + 1));
        p->entry_line = number;
        return 0;
}

static int parse_line(Parser *p, char *line, unsigned number, const char **ret_reason) {
        bool indented = g_ascii_isspace(line[0]);
        char *content = g_strstrip(line);

        if (content[0] == 0 || content[0] == '#' || content[0] == ';')
                return 0;
        if (indented && p->key) {
                g_string_append_c(p->value, '\n');
                g_string_append(p->value, content);
                return 0;
        }
        if (content[0] == '[')
                return parse_section(p, content, ret_reason);
        return parse_entry(p, content, number, ret_reason);
}

int ini_parse(const char *text, size_t n, IniEntry entry, void *userdata, unsigned *ret_line,
              const char **ret_reason) {
        Parser p = {.entry = entry, .userdata = userdata, .value = g_string_new(NULL)};
        const char *end = text + n;
        int r = 0;

        *ret_line = 0;
        *ret_reason = NULL;
        while (text < end && r >= 0) {
                const char *eol = memchr(text, '\n', (size_t) (end - text)) ?: end;
                _cleanup_free_ char *line = g_strndup(text, (size_t) (eol - text));

                (*ret_line)++;
                if (memchr(text, 0, (size_t) (eol - text)) || !g_utf8_validate(line, -1, NULL)) {
                        *ret_reason = "not UTF-8 text";
                        r = -EBADMSG;
                } else
                        r = parse_line(&p, line, *ret_line, ret_reason);
                text = eol + 1;
        }
        if (r >= 0)
                r = flush(&p);
        g_free(p.section);
        g_free(p.key);
        g_string_free(p.value, true);
        return r;
}
