/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How the monitors of a session are arranged, or are to be: the one shape that the bus, the wire and both
 * agents have for it. Pure: no bus, no display. Compiled into the system agent as well. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* More than any display server drives. */
#define LAYOUT_MONITORS_MAX 64
/* Pixels of a monitor's side; also how far from the origin it may be asked to be. */
#define LAYOUT_PIXELS_MAX 65535
#define LAYOUT_CONNECTOR_MAX 47
#define LAYOUT_TEXT_MAX 159

/* Bits of Monitor.given, and the rows of layout_fields. */
typedef enum LayoutGiven {
        LAYOUT_CONNECTOR,
        LAYOUT_ID,
        LAYOUT_ENABLED,
        LAYOUT_X,
        LAYOUT_Y,
        LAYOUT_WIDTH,
        LAYOUT_HEIGHT,
        LAYOUT_WIDTH_MM,
        LAYOUT_HEIGHT_MM,
        LAYOUT_PRIMARY,
        LAYOUT_ERROR,
        LAYOUT_FIELDS,
} LayoutGiven;

typedef struct Monitor {
        unsigned given; /* 1 << LayoutGiven for each field that has been set; others are 0 */
        char connector[LAYOUT_CONNECTOR_MAX + 1]; /* the display server's name for it */
        int32_t id;                               /* which of the virtual monitors, counted from 0 */
        bool enabled;
        int32_t x, y;          /* in the desktop's pixels */
        int32_t width, height; /* in the monitor's pixels, before scale and rotation */
        int32_t width_mm, height_mm;
        bool primary;
        char error[LAYOUT_TEXT_MAX + 1]; /* in a result: why it is not as asked */
} Monitor;

typedef struct Layout {
        unsigned n;
        Monitor monitors[LAYOUT_MONITORS_MAX];
} Layout;

/* For whoever writes or reads a layout in some notation: a dictionary for each monitor, with these keys. */
typedef struct LayoutField {
        const char *key;
        char type; /* as on the bus: 's', 'i' or 'b' */
} LayoutField;
extern const LayoutField layout_fields[LAYOUT_FIELDS];

/* The row of layout_fields with that key, or LAYOUT_FIELDS. */
LayoutGiven layout_field(const char *key);

/* A further monitor with nothing set; NULL beyond LAYOUT_MONITORS_MAX. */
Monitor *layout_add(Layout *l);

/* Sets a field of the row's type. False if @value is none for it: out of range, or text that is no text of
 * one line. A reason of any length is taken, cut. */
bool monitor_set_int(Monitor *m, LayoutGiven field, int64_t value);
bool monitor_set_bool(Monitor *m, LayoutGiven field, bool value);
bool monitor_set_text(Monitor *m, LayoutGiven field, const char *value);
static inline bool monitor_has(const Monitor *m, LayoutGiven field) {
        return m->given & (1U << field);
}
int64_t monitor_get_int(const Monitor *m, LayoutGiven field);
bool monitor_get_bool(const Monitor *m, LayoutGiven field);
const char *monitor_get_text(const Monitor *m, LayoutGiven field);

bool layout_equal(const Layout *a, const Layout *b);
/* Whether what has come of a layout is the case: each monitor that @result has on is there as it says, and
 * no other virtual one is on. */
bool layout_is_now(const Layout *result, const Layout *now);

/* Checks what is asked for, and completes it: a monitor without connector and id has its place in the list
 * for an id; one of 0x0, or without a size, is off, others are on unless they say otherwise; of several
 * primary ones the first counts. NULL, or the reason why no desktop could do it. Free it. */
char *layout_check(Layout *l);

/* The part of the desktop that a monitor shows. */
typedef struct LayoutRect {
        int32_t x, y, width, height;
} LayoutRect;

/* Where @n monitors are to be that take @rects of the desktop. @placed: they have been asked to be where the
 * rects are; otherwise they are lined up from left to right, in their order. @tidy: the desktop takes no
 * overlaps (but of equal ones), no gaps, and no touching corners; then those that are not so are lined up in
 * the direction in which they are. The top left corner of all is 0,0 afterwards. */
void layout_place(LayoutRect *rects, unsigned n, bool placed, bool tidy);
