/* SPDX-License-Identifier: Apache-2.0 */

/* What the agent's libraries alone take: parses one message with json-glib, says so, and waits. meson.build
 * links all of them, used or not. */

#include <stdio.h>
#include <unistd.h>

#include <json-glib/json-glib.h>

int main(void) {
        static const char message[] = "{\"apiVersion\": 3, \"__name__\": \"refresh\"}";
        g_autoptr(JsonParser) parser = json_parser_new();
        JsonObject *o;

        if (!json_parser_load_from_data(parser, message, sizeof(message) - 1, NULL))
                return 1;
        o = json_node_get_object(json_parser_get_root(parser));
        puts(json_object_get_string_member(o, "__name__"));
        (void) fflush(stdout);
        (void) pause();
        return 0;
}
