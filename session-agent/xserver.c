/* SPDX-License-Identifier: Apache-2.0 */
#include "xserver.h"

#include <X11/extensions/Xrandr.h>
#include <glib.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS (RRScreenChangeNotifyMask | RRCrtcChangeNotifyMask | RROutputChangeNotifyMask)

/* Xlib's handlers are the process's, and it is not told whose errors they are to handle. */
static unsigned long watched, refused; /* serials */
static bool is_opening;
static jmp_buf not_opened;
static Display *half_open; /* what was left of it */

/* Requests that have a reply do not succeed then, which is enough to know; those without are looked after
 * by xserver_watch(). */
static int on_error(Display *display, XErrorEvent *error) {
        if (error->serial >= watched && refused == 0)
                refused = error->serial;
        return 0;
}

/* When this returns, on_gone() is called, and what was asked fails. But that cannot be set before there is a
 * connection, and XOpenDisplay() asks for more than that: then returning would be the end of the process. */
static int on_io_error(Display *display) {
        if (is_opening) {
                half_open = display;
                longjmp(not_opened, 1);
        }
        return 0;
}

static void on_gone(Display *display, void *userdata) {
        XServer *x = userdata;

        x->gone = true;
}

/* Of a connection that has ended Xlib cannot be told to free what it has: its locks are as they were, and
 * extensions have freed what they have in their lists. */
static void abandon(Display *display) {
        (void) close(ConnectionNumber(display));
}

static Display *open_display(void) {
        Display *display;

        (void) XSetErrorHandler(on_error);
        (void) XSetIOErrorHandler(on_io_error);
        is_opening = true;
        if (setjmp(not_opened) != 0) {
                is_opening = false;
                abandon(half_open);
                return NULL;
        }
        display = XOpenDisplay(NULL);
        is_opening = false;
        return display;
}

static bool has_randr(XServer *x) {
        int error, major, minor;

        return XRRQueryExtension(x->display, &x->randr_event, &error) &&
               XRRQueryVersion(x->display, &major, &minor) && (major > 1 || minor >= 3);
}

/* Older ones do not say so here, but by the names of their outputs. */
static bool is_xwayland(XServer *x) {
        int opcode, event, error;
        bool present = XQueryExtension(x->display, "XWAYLAND", &opcode, &event, &error);

        return x->gone || present; /* which is anything if there was no answer */
}

XServer *xserver_open(void) {
        static char *const names[] = {(char *) "suggested X", (char *) "suggested Y"};
        Display *display = open_display();
        XServer *x;

        if (!display)
                return NULL;
        x = g_new0(XServer, 1);
        x->display = display;
        x->root = DefaultRootWindow(display);
        XSetIOErrorExitHandler(display, on_gone, x);
        if (!has_randr(x) || is_xwayland(x) ||
            !XInternAtoms(display, (char **) names, G_N_ELEMENTS(names), False, x->suggested))
                return xserver_free(x);
        XRRSelectInput(display, x->root, EVENTS);
        return x;
}

XServer *xserver_free(XServer *x) {
        if (!x)
                return NULL;
        if (x->gone)
                abandon(x->display);
        else {
                /* Xlib would ask once more whether all has been well. */
                (void) shutdown(ConnectionNumber(x->display), SHUT_RDWR);
                (void) XCloseDisplay(x->display);
        }
        g_free(x);
        return NULL;
}

void xserver_read_events(XServer *x) {
        XEvent event;

        while (!x->gone && XEventsQueued(x->display, QueuedAfterReading) > 0) {
                (void) XNextEvent(x->display, &event);
                if (event.type == x->randr_event + RRScreenChangeNotify) {
                        (void) XRRUpdateConfiguration(&event); /* the screen's size, for DisplayWidthMM() */
                        x->changed = true;
                } else if (event.type == x->randr_event + RRNotify) {
                        const XRRNotifyEvent *e = (const void *) &event;

                        x->output_changed = x->output_changed || e->subtype == RRNotify_OutputChange;
                        x->changed = true;
                }
        }
}

void xserver_watch(XServer *x) {
        watched = XNextRequest(x->display);
        refused = 0;
}

unsigned long xserver_refused(XServer *x) {
        if (!x->gone)
                (void) XSync(x->display, False);
        return x->gone ? watched : refused;
}
