/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/cleanup.h"

typedef struct Reader {
        const char *p, *end;
        unsigned depth;
} Reader;

static JsonNode *read_value(Reader *r);

static void skip_space(Reader *r) {
        while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
                r->p++;
}

static bool at(const Reader *r, char c) {
        return r->p < r->end && *r->p == c;
}

static bool accept(Reader *r, char c) {
        if (!at(r, c))
                return false;
        r->p++;
        return true;
}

static bool accept_word(Reader *r, const char *word) {
        size_t n = strlen(word);

        if ((size_t) (r->end - r->p) < n || memcmp(r->p, word, n) != 0)
                return false;
        r->p += n;
        return true;
}

/* The four digits of a \u escape, or -1. */
static int read_hex4(Reader *r) {
        int value = 0;

        if (r->end - r->p < 4)
                return -1;
        for (int i = 0; i < 4; i++) {
                int digit = g_ascii_xdigit_value(*r->p++);

                if (digit < 0)
                        return -1;
                value = value << 4 | digit;
        }
        return value;
}

/* What stands after "\u", with its other half if it is half a surrogate pair. */
static bool read_unicode_escape(Reader *r, GString *s) {
        int high = read_hex4(r);
        gunichar c;

        if (high < 0)
                return false;
        c = (gunichar) high;
        if (c >= 0xD800 && c <= 0xDBFF && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
                Reader ahead = {.p = r->p + 2, .end = r->end};
                int low = read_hex4(&ahead);

                if (low >= 0xDC00 && low <= 0xDFFF) {
                        c = 0x10000 + ((c & 0x3FF) << 10) + ((gunichar) low & 0x3FF);
                        r->p = ahead.p;
                }
        }
        if (c == 0 || (c >= 0xD800 && c <= 0xDFFF))
                c = 0xFFFD;
        g_string_append_unichar(s, c);
        return true;
}

/* A string, from its opening quote on. NULL if it is none. */
static char *read_string(Reader *r) {
        if (!accept(r, '"'))
                return NULL;

        g_autoptr(GString) s = g_string_new(NULL);
        for (;;) {
                const char *begin = r->p;
                static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
                const char *escape;

                while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char) *r->p >= 0x20)
                        r->p++;
                g_string_append_len(s, begin, r->p - begin);

                if (accept(r, '"'))
                        return g_string_free(TAKE_PTR(s), false);
                if (!accept(r, '\\') || r->p >= r->end)
                        return NULL; /* the end, or a bare control character */
                if (accept(r, 'u')) {
                        if (!read_unicode_escape(r, s))
                                return NULL;
                } else if (*r->p != 0 && (escape = strchr(names, *r->p))) {
                        g_string_append_c(s, values[escape - names]);
                        r->p++;
                } else
                        return NULL;
        }
}

static size_t skip_digits(Reader *r) {
        const char *begin = r->p;

        while (r->p < r->end && g_ascii_isdigit(*r->p))
                r->p++;
        return (size_t) (r->p - begin);
}

static JsonNode *read_number(Reader *r) {
        const char *begin = r->p, *digits;
        bool integer = true;
        char buffer[32];

        (void) accept(r, '-');
        digits = r->p;
        if (skip_digits(r) == 0 || (*digits == '0' && r->p - digits > 1))
                return NULL;
        if (accept(r, '.')) {
                integer = false;
                if (skip_digits(r) == 0)
                        return NULL;
        }
        if (accept(r, 'e') || accept(r, 'E')) {
                integer = false;
                if (!accept(r, '+'))
                        (void) accept(r, '-');
                if (skip_digits(r) == 0)
                        return NULL;
        }

        size_t n = (size_t) (r->p - begin);
        if (integer && n < sizeof(buffer)) {
                gint64 value;

                memcpy(buffer, begin, n);
                buffer[n] = 0;
                errno = 0;
                value = g_ascii_strtoll(buffer, NULL, 10);
                if (errno == 0)
                        return json_node_init_int(json_node_alloc(), value);
        }

        _cleanup_free_ char *text = g_strndup(begin, n);
        return json_node_init_double(json_node_alloc(), g_ascii_strtod(text, NULL));
}

static JsonNode *read_array(Reader *r) {
        g_autoptr(JsonArray) array = json_array_new();

        skip_space(r);
        if (!accept(r, ']'))
                do {
                        JsonNode *element = read_value(r);

                        if (!element)
                                return NULL;
                        json_array_add_element(array, element);
                        skip_space(r);
                        if (accept(r, ']'))
                                break;
                        if (!accept(r, ','))
                                return NULL;
                } while (true);
        return json_node_init_array(json_node_alloc(), array);
}

static JsonNode *read_object(Reader *r) {
        g_autoptr(JsonObject) object = json_object_new();
        unsigned n = 0;

        skip_space(r);
        if (!accept(r, '}'))
                do {
                        _cleanup_free_ char *name = NULL;
                        JsonNode *value;

                        /* json-glib looks through all members for one with a name that was there before. */
                        if (n++ == JSON_MEMBERS_MAX)
                                return NULL;
                        skip_space(r);
                        name = read_string(r);
                        if (!name)
                                return NULL;
                        skip_space(r);
                        if (!accept(r, ':'))
                                return NULL;
                        value = read_value(r);
                        if (!value)
                                return NULL;
                        json_object_set_member(object, name, value);
                        skip_space(r);
                        if (accept(r, '}'))
                                break;
                        if (!accept(r, ','))
                                return NULL;
                } while (true);
        return json_node_init_object(json_node_alloc(), object);
}

static JsonNode *read_value(Reader *r) {
        JsonNode *node = NULL;

        skip_space(r);
        if (at(r, '"')) {
                _cleanup_free_ char *s = read_string(r);

                return s ? json_node_init_string(json_node_alloc(), s) : NULL;
        }
        if (at(r, '{') || at(r, '[')) {
                if (r->depth >= JSON_DEPTH_MAX)
                        return NULL;
                r->depth++;
                node = *r->p++ == '{' ? read_object(r) : read_array(r);
                r->depth--;
                return node;
        }
        if (accept_word(r, "true"))
                return json_node_init_boolean(json_node_alloc(), true);
        if (accept_word(r, "false"))
                return json_node_init_boolean(json_node_alloc(), false);
        if (accept_word(r, "null"))
                return json_node_init_null(json_node_alloc());
        return read_number(r);
}

int json_parse(const char *text, size_t n, JsonNode **ret) {
        Reader r = {.p = text, .end = text + n};
        g_autoptr(JsonNode) node = NULL;

        /* Also refuses NUL bytes, overlong forms and encoded surrogates. */
        if (!g_utf8_validate_len(text, n, NULL))
                return -EBADMSG;

        node = read_value(&r);
        skip_space(&r);
        if (!node || r.p != r.end)
                return -EBADMSG;
        *ret = TAKE_PTR(node);
        return 0;
}
