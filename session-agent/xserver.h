/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A connection to an X server whose errors are ours to see, and whose end is not ours. There is one in the
 * process. It is of one thread at a time; all but xserver_read_events() wait for the server's answers, for
 * as long as it takes. */

#include <X11/Xlib.h>
#include <stdbool.h>

typedef struct XServer {
        Display *display;
        Window root;
        int randr_event;     /* the first of that extension's */
        Atom suggested[2];   /* the names of properties: where a console would have a monitor, X and Y */
        bool gone;           /* nothing may be asked any more: Xlib would crash when its buffer is full */
        bool changed;        /* an event has said so: the reader's to take back */
        bool output_changed; /* likewise, and what the output prefers may have */
} XServer;

/* The server of $DISPLAY, if it has RandR 1.3 or later and is not a compositor's guest; else NULL. */
XServer *xserver_open(void);
/* Waits for nothing. Of one that is gone, Xlib keeps the memory. */
XServer *xserver_free(XServer *x);

/* Takes the events that have come; replies are read together with those before them, so these may have come
 * with nothing left to be read. */
void xserver_read_events(XServer *x);

/* Between these two are requests without replies: the serial of the first that was refused, or 0. */
void xserver_watch(XServer *x);
unsigned long xserver_refused(XServer *x);
