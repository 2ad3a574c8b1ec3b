/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json-scan.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

typedef struct Scanner {
        const char *p, *end;
        unsigned depth;
        JsonHandler handler;
        void *userdata;
} Scanner;

static bool scan_value(Scanner *s);

static void skip_space(Scanner *s) {
        while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
                s->p++;
}

static bool at(const Scanner *s, char c) {
        return s->p < s->end && *s->p == c;
}

static bool accept(Scanner *s, char c) {
        if (!at(s, c))
                return false;
        s->p++;
        return true;
}

static bool tell(Scanner *s, JsonEvent event, const char *begin, const char *end) {
        s->handler(event, begin, (size_t) (end - begin), s->userdata);
        return true;
}

static bool scan_word(Scanner *s, const char *word, JsonEvent event) {
        size_t n = strlen(word);

        if ((size_t) (s->end - s->p) < n || memcmp(s->p, word, n) != 0)
                return false;
        s->p += n;
        return tell(s, event, s->p - n, s->p);
}

/* The value of the four digits of a \u escape, or -1. */
static int hex4(const char *p, const char *end) {
        int value = 0;

        if (end - p < 4)
                return -1;
        for (int i = 0; i < 4; i++) {
                int digit = g_ascii_xdigit_value(p[i]);

                if (digit < 0)
                        return -1;
                value = value << 4 | digit;
        }
        return value;
}

static const char escape_names[] = "\"\\/bfnrt", escape_values[] = "\"\\/\b\f\n\r\t";

/* A string or a name, from its opening quote on. */
static bool scan_string(Scanner *s, JsonEvent event) {
        const char *begin = s->p + 1;

        if (!accept(s, '"'))
                return false;
        for (;;) {
                while (s->p < s->end && *s->p != '"' && *s->p != '\\' && (unsigned char) *s->p >= 0x20)
                        s->p++;
                if (accept(s, '"'))
                        return tell(s, event, begin, s->p - 1);
                if (!accept(s, '\\') || s->p >= s->end)
                        return false; /* the end, or a bare control character */
                if (accept(s, 'u')) {
                        if (hex4(s->p, s->end) < 0)
                                return false;
                        s->p += 4;
                } else if (*s->p != 0 && strchr(escape_names, *s->p))
                        s->p++;
                else
                        return false;
        }
}

static size_t skip_digits(Scanner *s) {
        const char *begin = s->p;

        while (s->p < s->end && g_ascii_isdigit(*s->p))
                s->p++;
        return (size_t) (s->p - begin);
}

static bool scan_number(Scanner *s) {
        const char *begin = s->p, *digits;
        JsonEvent event = JSON_INTEGER;

        (void) accept(s, '-');
        digits = s->p;
        if (skip_digits(s) == 0 || (*digits == '0' && s->p - digits > 1))
                return false;
        if (accept(s, '.')) {
                event = JSON_REAL;
                if (skip_digits(s) == 0)
                        return false;
        }
        if (accept(s, 'e') || accept(s, 'E')) {
                event = JSON_REAL;
                if (!accept(s, '+'))
                        (void) accept(s, '-');
                if (skip_digits(s) == 0)
                        return false;
        }
        return tell(s, event, begin, s->p);
}

static bool scan_array(Scanner *s) {
        skip_space(s);
        if (accept(s, ']'))
                return true;
        do {
                if (!scan_value(s))
                        return false;
                skip_space(s);
                if (accept(s, ']'))
                        return true;
        } while (accept(s, ','));
        return false;
}

static bool scan_object(Scanner *s) {
        skip_space(s);
        if (accept(s, '}'))
                return true;
        for (unsigned n = 0; n < JSON_MEMBERS_MAX; n++) {
                skip_space(s);
                if (!scan_string(s, JSON_NAME))
                        return false;
                skip_space(s);
                if (!accept(s, ':') || !scan_value(s))
                        return false;
                skip_space(s);
                if (accept(s, '}'))
                        return true;
                if (!accept(s, ','))
                        return false;
        }
        return false;
}

static bool scan_container(Scanner *s, JsonEvent event) {
        bool ok;

        if (s->depth >= JSON_DEPTH_MAX)
                return false;
        s->depth++;
        (void) tell(s, event, s->p, s->p + 1);
        s->p++;
        ok = event == JSON_OBJECT ? scan_object(s) : scan_array(s);
        s->depth--;
        return ok && tell(s, event == JSON_OBJECT ? JSON_OBJECT_END : JSON_ARRAY_END, s->p - 1, s->p);
}

static bool scan_value(Scanner *s) {
        skip_space(s);
        switch (s->p < s->end ? *s->p : 0) {
        case '"':
                return scan_string(s, JSON_STRING);
        case '{':
                return scan_container(s, JSON_OBJECT);
        case '[':
                return scan_container(s, JSON_ARRAY);
        case 't':
                return scan_word(s, "true", JSON_TRUE);
        case 'f':
                return scan_word(s, "false", JSON_FALSE);
        case 'n':
                return scan_word(s, "null", JSON_NULL);
        default:
                return scan_number(s);
        }
}

int json_scan(const char *text, size_t n, JsonHandler handler, void *userdata) {
        Scanner s = {.p = text, .end = text + n, .handler = handler, .userdata = userdata};

        /* Also refuses NUL bytes, overlong forms and encoded surrogates. */
        if (!g_utf8_validate_len(text, n, NULL) || !scan_value(&s))
                return -EBADMSG;
        skip_space(&s);
        return s.p == s.end ? 0 : -EBADMSG;
}

/* --- strings ------------------------------------------------------------------------------------------ */

/* The character of the \u escape whose digits are at *@p, with its other half if it is half a surrogate
 * pair. */
static gunichar decode_unicode(const char **p, const char *end) {
        gunichar c = (gunichar) hex4(*p, end);

        *p += 4;
        if (c >= 0xD800 && c <= 0xDBFF && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
                int low = hex4(*p + 2, end);

                if (low >= 0xDC00 && low <= 0xDFFF) {
                        *p += 6;
                        return 0x10000 + ((c & 0x3FF) << 10) + ((gunichar) low & 0x3FF);
                }
        }
        return c;
}

/* Decodes the escape at *@p, and moves it behind it. Returns the number of bytes, or -EILSEQ. */
static int decode_escape(const char **p, const char *end, bool exactly, char ret[static 6]) {
        gunichar c;

        (*p)++;
        if (**p != 'u') {
                ret[0] = escape_values[strchr(escape_names, *(*p)++) - escape_names];
                return 1;
        }
        (*p)++;
        c = decode_unicode(p, end);
        if (c == 0 || (c >= 0xD800 && c <= 0xDFFF)) {
                if (exactly)
                        return -EILSEQ;
                c = 0xFFFD;
        }
        return g_unichar_to_utf8(c, ret);
}

ssize_t json_text_decode(const char *text, size_t n, bool exactly, char *buffer, size_t size) {
        const char *end = text + n;
        size_t length = 0;

        while (text < end) {
                const char *escape = memchr(text, '\\', (size_t) (end - text)), *piece = text;
                size_t k = (size_t) ((escape ?: end) - text);
                char decoded[6];

                if (k > 0)
                        text += k;
                else {
                        int r = decode_escape(&text, end, exactly, decoded);

                        if (r < 0)
                                return r;
                        piece = decoded;
                        k = (size_t) r;
                }
                if (k >= size - length)
                        return -ENOBUFS;
                memcpy(buffer + length, piece, k);
                length += k;
        }
        buffer[length] = 0;
        return (ssize_t) length;
}

bool json_text_equal(const char *text, size_t n, const char *s) {
        const char *end = text + n;

        while (text < end) {
                char decoded[6] = {*text};
                int k = 1;

                if (*text == '\\')
                        k = decode_escape(&text, end, false, decoded);
                else
                        text++;
                if (strncmp(decoded, s, (size_t) k) != 0)
                        return false;
                s += k;
        }
        return *s == 0;
}
