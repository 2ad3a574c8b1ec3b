/* SPDX-License-Identifier: Apache-2.0 */
#include "desktop.h"

/* Less than the system agent waits, so that it hears why. */
#define ANSWER_MSEC 4000

static void on_answer(GObject *bus, GAsyncResult *result, gpointer userdata) {
        GDBusMethodInvocation *invocation = userdata;
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);

        if (answer || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
                g_dbus_method_invocation_return_value(invocation, NULL);
                return;
        }
        g_dbus_error_strip_remote_error(error);
        g_debug("The desktop refused: %s", error->message);
        g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_FAILED,
                                              "The desktop refused: %s", error->message);
}

void desktop_ask(GDBusConnection *bus, const DesktopRequest *request, GCancellable *done,
                 GDBusMethodInvocation *invocation) {
        g_debug("Asking %s: %s%s", request->name, request->method, request->arguments);
        g_dbus_connection_call(bus, request->name, request->path, request->interface, request->method,
                               g_variant_new_parsed(request->arguments), NULL, G_DBUS_CALL_FLAGS_NONE,
                               ANSWER_MSEC, done, invocation ? on_answer : NULL, invocation);
}
