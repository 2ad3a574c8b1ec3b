/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/timezone.h"
#include "util/read-file.h"
#include "util/text.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>

/* Why the time zone file is read here: the C library has one time zone per process, set by the environment
 * and not below a root directory; GLib trusts the counts in the file, and puts Dublin's winter, which has
 * negative daylight saving, two hours off. */

#define TZIF_MAX (256U * 1024)
#define DAY INT64_C(86400)
/* RFC 8536: offsets are less than a day or so from UTC, the times of POSIX rules within a week. */
#define OFFSET_MAX (26 * 3600)

/* --- POSIX rules: "CET-1CEST,M3.5.0,M10.5.0/3" ------------------------------------------------------ */

typedef struct Rule {
        char kind; /* 'J': Julian without leap day, 'N': with, 'M': month, week, weekday */
        uint64_t day, week, month;
        int64_t seconds; /* after local midnight */
} Rule;

static bool skip_name(const char **p) {
        const char *s = *p;
        size_t n;

        if (*s == '<') {
                n = strcspn(s, ">");
                if (s[n] != '>')
                        return false;
                *p = s + n + 1;
                return n > 3;
        }
        for (n = 0; g_ascii_isalpha(s[n]);)
                n++;
        *p = s + n;
        return n >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool scan_time(const char **p, uint64_t hours_max, int64_t *ret) {
        uint64_t h, m = 0, s = 0;
        bool negative = **p == '-';

        if (**p == '-' || **p == '+')
                (*p)++;
        if (scan_uint64(p, &h) < 0 || h > hours_max)
                return false;
        if (**p == ':') {
                (*p)++;
                if (scan_uint64(p, &m) < 0 || m > 59)
                        return false;
                if (**p == ':') {
                        (*p)++;
                        if (scan_uint64(p, &s) < 0 || s > 59)
                                return false;
                }
        }
        *ret = (int64_t) (h * 3600 + m * 60 + s);
        if (negative)
                *ret = -*ret;
        return true;
}

static bool scan_in_range(const char **p, uint64_t min, uint64_t max, uint64_t *ret) {
        return scan_uint64(p, ret) >= 0 && *ret >= min && *ret <= max;
}

static bool scan_char(const char **p, char c) {
        if (**p != c)
                return false;
        (*p)++;
        return true;
}

static bool scan_rule(const char **p, Rule *ret) {
        Rule r = {.seconds = 2 * 3600};
        bool good;

        if (scan_char(p, 'M')) {
                r.kind = 'M';
                good = scan_in_range(p, 1, 12, &r.month) && scan_char(p, '.') &&
                       scan_in_range(p, 1, 5, &r.week) && scan_char(p, '.') &&
                       scan_in_range(p, 0, 6, &r.day);
        } else if (scan_char(p, 'J')) {
                r.kind = 'J';
                good = scan_in_range(p, 1, 365, &r.day);
        } else {
                r.kind = 'N';
                good = scan_in_range(p, 0, 365, &r.day);
        }
        if (!good || (scan_char(p, '/') && !scan_time(p, 167, &r.seconds)))
                return false;
        *ret = r;
        return true;
}

static bool is_leap(int64_t year) {
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of January of @year, which is after 1600. */
static int64_t year_start(int64_t year) {
        int64_t y = year - 1;

        return (year - 1970) * 365 + (y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
}

/* When @rule strikes in @year, in seconds of local time since 1970. */
static int64_t rule_seconds(const Rule *rule, int64_t year) {
        static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
        int64_t day = year_start(year), first, length;

        switch (rule->kind) {
        case 'J':
                day += (int64_t) rule->day - 1 + (rule->day > 59 && is_leap(year));
                break;
        case 'N':
                day += (int64_t) rule->day;
                break;
        default:
                first = day + before[rule->month - 1] + (rule->month > 2 && is_leap(year));
                length = before[rule->month] - before[rule->month - 1] + (rule->month == 2 && is_leap(year));
                /* 1970-01-01 was a Thursday, day 4. */
                day = first + ((int64_t) rule->day - (first + 4) % 7 + 14) % 7 +
                      7 * ((int64_t) rule->week - 1);
                if (day >= first + length)
                        day -= 7;
        }
        return day * DAY + rule->seconds;
}

/* Seconds east of UTC at @now by the POSIX rules in @s. */
static int posix_offset(const char *s, int64_t now, int64_t *ret) {
        int64_t std, dst, begin, end, year;
        Rule to_dst, to_std;
        bool in_dst;

        if (!skip_name(&s) || !scan_time(&s, 24, &std))
                return -EBADMSG;
        std = -std; /* POSIX counts west of Greenwich */
        if (!*s) {
                *ret = std;
                return 0;
        }

        if (!skip_name(&s))
                return -EBADMSG;
        dst = std + 3600;
        if (*s != ',') {
                if (!scan_time(&s, 24, &dst))
                        return -EBADMSG;
                dst = -dst;
        }
        if (!scan_char(&s, ',') || !scan_rule(&s, &to_dst) || !scan_char(&s, ',') ||
            !scan_rule(&s, &to_std) || *s)
                return -EBADMSG;

        year = 1970 + (now + std) / (365 * DAY + DAY / 4);
        while (year_start(year + 1) * DAY <= now + std)
                year++;
        while (year_start(year) * DAY > now + std)
                year--;
        begin = rule_seconds(&to_dst, year) - std;
        end = rule_seconds(&to_std, year) - dst;
        if (begin <= end)
                in_dst = now >= begin && now < end;
        else /* the southern summer spans the year's end */
                in_dst = now >= begin || now < end;
        *ret = in_dst ? dst : std;
        return 0;
}

/* --- time zone files: RFC 8536 ---------------------------------------------------------------------- */

#define HEADER_SIZE 44U
#define TYPE_SIZE 6U

typedef struct Header {
        char version;
        uint32_t n_isut, n_isstd, n_leap, n_times, n_types, n_chars;
} Header;

static uint32_t be32(const uint8_t *p) {
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static int64_t be_time(const uint8_t *p, size_t size) {
        if (size == 4)
                return (int32_t) be32(p);
        return (int64_t) ((uint64_t) be32(p) << 32 | be32(p + 4));
}

/* Reads the header at @data, and how long the block after it is; @size is the length of a time in it. */
static int read_header(const uint8_t *data, size_t n, size_t size, Header *ret, size_t *ret_block) {
        uint64_t block;
        Header h;

        if (n < HEADER_SIZE || memcmp(data, "TZif", 4) != 0)
                return -EBADMSG;
        h = (Header){
                .version = (char) data[4],
                .n_isut = be32(data + 20),
                .n_isstd = be32(data + 24),
                .n_leap = be32(data + 28),
                .n_times = be32(data + 32),
                .n_types = be32(data + 36),
                .n_chars = be32(data + 40),
        };
        block = (uint64_t) h.n_times * (size + 1) + (uint64_t) h.n_types * TYPE_SIZE + h.n_chars +
                (uint64_t) h.n_leap * (size + 4) + h.n_isstd + h.n_isut;
        if (block > n - HEADER_SIZE)
                return -EBADMSG;
        *ret = h;
        *ret_block = (size_t) block;
        return 0;
}

/* The offset of the last transition of a block that is not after @now; *ret_open if there is none later. */
static int block_offset(const uint8_t *block, const Header *h, size_t size, int64_t now, int64_t *ret,
                        bool *ret_open) {
        const uint8_t *indices = block + (size_t) h->n_times * size, *types = indices + h->n_times;
        uint32_t low = 0, high = h->n_times, type = 0;

        if (h->n_types == 0)
                return -EBADMSG;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (be_time(block + (size_t) middle * size, size) <= now)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low > 0)
                type = indices[low - 1];
        if (type >= h->n_types)
                return -EBADMSG;
        *ret = (int32_t) be32(types + (size_t) type * TYPE_SIZE);
        *ret_open = low == h->n_times;
        return 0;
}

int guest_timezone_parse(const uint8_t *data, size_t n, int64_t now, int *ret_minutes) {
        size_t size = 4, block;
        int64_t seconds = 0;
        bool open;
        Header h;
        int r;

        /* The rules are about the present; this keeps all arithmetic on it far from any edge. */
        if (now < 0 || now > INT64_C(1) << 40)
                return -ERANGE;

        r = read_header(data, n, size, &h, &block);
        if (r < 0)
                return r;
        if (h.version >= '2') {
                data += HEADER_SIZE + block;
                n -= HEADER_SIZE + block;
                size = 8;
                r = read_header(data, n, size, &h, &block);
                if (r < 0)
                        return r;
        }
        r = block_offset(data + HEADER_SIZE, &h, size, now, &seconds, &open);
        if (r < 0)
                return r;

        if (open && size == 8) {
                const char *footer = (const char *) data + HEADER_SIZE + block;
                size_t footer_n = n - HEADER_SIZE - block;
                _cleanup_free_ char *rules = NULL;
                const char *end;

                end = footer_n > 0 && *footer == '\n' ? memchr(footer + 1, '\n', footer_n - 1) : NULL;
                if (!end || memchr(footer, '\0', (size_t) (end - footer)))
                        return -EBADMSG;
                rules = g_strndup(footer + 1, (gsize) (end - footer - 1));
                r = *rules ? posix_offset(rules, now, &seconds) : 0;
                if (r < 0)
                        return r;
        }

        if (seconds < -OFFSET_MAX || seconds > OFFSET_MAX)
                return -EBADMSG;
        *ret_minutes = (int) (seconds / 60);
        return 0;
}

/* --- the name ---------------------------------------------------------------------------------------- */

/* A copy of @s if it can be a zone's name, else NULL. */
static char *zone_dup(const char *s) {
        size_t n = strlen(s);

        if (n == 0 || n > 128 || *s == '/' || strstr(s, ".."))
                return NULL;
        for (size_t i = 0; i < n; i++)
                if (!g_ascii_isalnum(s[i]) && !strchr("/_+-.", s[i]))
                        return NULL;
        return g_strdup(s);
}

static char *zone_from_link(int root_fd) {
        char target[PATH_MAX];
        const char *zone;
        ssize_t n;

        n = readlinkat(root_fd, "etc/localtime", target, sizeof(target) - 1);
        if (n < 0)
                return NULL;
        target[n] = '\0';
        zone = g_strrstr(target, "zoneinfo/");
        if (!zone)
                return NULL;
        zone += strlen("zoneinfo/");
        if (g_str_has_prefix(zone, "posix/") || g_str_has_prefix(zone, "right/"))
                zone += strlen("posix/");
        return zone_dup(zone);
}

static char *zone_from_timezone(int root_fd) {
        _cleanup_free_ char *text = NULL;
        const char *rest, *line;
        size_t n;

        if (read_file(root_fd, "etc/timezone", 4096, &text, NULL) < 0)
                return NULL;
        for (rest = text; next_line(&rest, &line, &n);) {
                _cleanup_free_ char *name = g_strstrip(g_strndup(line, n));

                if (*name && *name != '#')
                        return zone_dup(name);
        }
        return NULL;
}

static char *zone_from_clock(int root_fd) {
        _cleanup_free_ char *text = NULL;
        const char *rest, *line;
        size_t n;

        if (read_file(root_fd, "etc/sysconfig/clock", 4096, &text, NULL) < 0)
                return NULL;
        for (rest = text; next_line(&rest, &line, &n);) {
                _cleanup_free_ char *name = NULL;

                if (parse_assignment(line, n, "ZONE", &name) >= 0)
                        return zone_dup(g_strdelimit(name, " ", '_')); /* "America/New York" */
        }
        return NULL;
}

int guest_timezone_read(int root_fd, GuestTimezone **ret) {
        _cleanup_free_ char *data = NULL, *zone = NULL;
        int minutes = 0, r;
        GuestTimezone *z;
        size_t n;

        r = read_file(root_fd, "etc/localtime", TZIF_MAX, &data, &n);
        if (r >= 0)
                r = guest_timezone_parse((const uint8_t *) data, n, time(NULL), &minutes);
        if (r < 0 && r != -ENOENT)
                return r;

        zone = zone_from_link(root_fd);
        if (!zone)
                zone = zone_from_timezone(root_fd);
        if (!zone)
                zone = zone_from_clock(root_fd);

        z = g_new(GuestTimezone, 1);
        *z = (GuestTimezone){
                .zone = zone ? TAKE_PTR(zone) : g_strdup(""),
                .offset_minutes = minutes,
        };
        *ret = z;
        return 0;
}

GuestTimezone *guest_timezone_free(GuestTimezone *z) {
        if (!z)
                return NULL;
        g_free(z->zone);
        g_free(z);
        return NULL;
}
