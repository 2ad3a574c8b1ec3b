/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-encode.h"

#include <string.h>

#include "guest-info/containers.h"
#include "guest-info/disks.h"
#include "guest-info/network.h"
#include "util/cleanup.h"
#include "util/json-get.h"
#include "util/json-write.h"

/* More disks than an engine attaches; bounds the one part of a line that is no list. */
#define DISKS_MAX 1024
#define SERIAL_MAX 256
/* The share of a file system that its usage may move by and count as the same. */
#define USAGE_SHARE 1000

/* XML 1.1's restricted characters and the non-characters: host statistics end in XML. */
static bool is_forbidden(gunichar c) {
        return c <= 0x08 || c == 0x0B || c == 0x0C || (c >= 0x0E && c <= 0x1F) || (c >= 0x7F && c <= 0x84) ||
               (c >= 0x86 && c <= 0x9F) || c == 0xFFFE || c == 0xFFFF;
}

/* Counters of the kernel's fit; what does not is no figure at all. */
static void set_uint(JsonObject *o, const char *name, uint64_t value) {
        json_object_set_int_member(o, name, (gint64) MIN(value, (uint64_t) G_MAXINT64));
}

static JsonObject *message(const char *name) {
        JsonObject *o = json_object_new();

        json_object_set_string_member(o, "__name__", name);
        return o;
}

static char *generate(JsonObject *o, size_t *ret_n) {
        g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), o);
        GString *line = g_string_new(NULL);

        json_write(line, node, is_forbidden);
        g_string_append_c(line, '\n');
        *ret_n = line->len;
        return g_string_free(line, false);
}

/* Consumes @o. Shortens its array @list, if it has one, while the line is too long. */
static char *finish_list(JsonObject *o, const char *list) {
        char *line;
        size_t n;

        for (line = generate(o, &n); n - 1 > OVIRT_LINE_OUT_MAX; line = generate(o, &n)) {
                JsonArray *all = list ? json_object_get_array_member(o, list) : NULL;
                guint length = all ? json_array_get_length(all) : 0;
                /* Elements differ in size: keep a little less than the share that fits, and look again. */
                guint keep = (guint) (0.98 * length * OVIRT_LINE_OUT_MAX / (double) n);
                JsonArray *some;

                if (length == 0)
                        break;
                some = json_array_sized_new(keep);
                for (guint i = 0; i < MIN(keep, length - 1); i++)
                        json_array_add_element(some, json_array_dup_element(all, i));
                json_object_set_array_member(o, list, some);
                g_free(line);
        }
        json_object_unref(o);
        return line;
}

static char *finish(JsonObject *o) {
        return finish_list(o, NULL);
}

char *ovirt_encode_event(const char *name) {
        return finish(message(name));
}

char *ovirt_encode_text(const char *name, const char *member, const char *value) {
        JsonObject *o = message(name);

        json_object_set_string_member(o, member, value);
        return finish(o);
}

char *ovirt_encode_heartbeat(const OvirtHeartbeat *h) {
        _cleanup_free_ char *free_ram = g_strdup_printf("%" G_GUINT64_FORMAT, h->free_ram);
        JsonObject *o = message("heartbeat");

        /* A string, as the host has always got it. */
        json_object_set_string_member(o, "free-ram", free_ram);
        if (h->memory) {
                const GuestMemory *m = h->memory;
                JsonObject *stat = json_object_new();

                set_uint(stat, "mem_total", m->total);
                set_uint(stat, "mem_unused", m->free);
                set_uint(stat, "mem_free", m->free + m->buffers + m->cached);
                set_uint(stat, "mem_buffers", m->buffers);
                set_uint(stat, "mem_cached", m->cached);
                set_uint(stat, "swap_in", h->swap_in);
                set_uint(stat, "swap_out", h->swap_out);
                set_uint(stat, "pageflt", h->faults);
                set_uint(stat, "majflt", h->major_faults);
                set_uint(stat, "swap_usage", m->swap_total - MIN(m->swap_free, m->swap_total));
                set_uint(stat, "swap_total", m->swap_total);
                json_object_set_object_member(o, "memory-stat", stat);
        }
        json_object_set_int_member(o, "apiVersion", h->api_version);
        return finish(o);
}

/* The engine's name of the architecture that the kernel calls @machine. */
static const char *architecture(const char *machine) {
        if (machine[0] == 'i' && g_ascii_isdigit(machine[1]) && g_str_equal(machine + 2, "86"))
                return "x86";
        return machine;
}

char *ovirt_encode_os_info(const GuestOs *os) {
        JsonObject *o = message("os-info");

        json_object_set_string_member(o, "type", "linux");
        json_object_set_string_member(o, "distribution", os->name);
        json_object_set_string_member(o, "version", os->version);
        json_object_set_string_member(o, "codename", os->codename);
        json_object_set_string_member(o, "arch", architecture(os->machine));
        json_object_set_string_member(o, "kernel", os->kernel);
        return finish(o);
}

char *ovirt_encode_timezone(const GuestTimezone *tz) {
        JsonObject *o = message("timezone");

        json_object_set_string_member(o, "zone", tz->zone);
        json_object_set_int_member(o, "offset", tz->offset_minutes);
        return finish(o);
}

char *ovirt_encode_number_of_cpus(unsigned count) {
        JsonObject *o = message("number-of-cpus");

        json_object_set_int_member(o, "count", count);
        return finish(o);
}

static JsonArray *strings(const GPtrArray *list) {
        JsonArray *a = json_array_sized_new(list->len);

        for (guint i = 0; i < list->len; i++)
                json_array_add_string_element(a, list->pdata[i]);
        return a;
}

char *ovirt_encode_network_interfaces(const GPtrArray *interfaces) {
        JsonObject *o = message("network-interfaces");
        JsonArray *a = json_array_sized_new(interfaces->len);

        for (guint i = 0; i < interfaces->len; i++) {
                const GuestInterface *nic = interfaces->pdata[i];
                JsonObject *e = json_object_new();

                json_object_set_string_member(e, "name", nic->name);
                json_object_set_string_member(e, "hw", nic->hw);
                json_object_set_array_member(e, "inet", strings(nic->inet));
                json_object_set_array_member(e, "inet6", strings(nic->inet6));
                json_array_add_object_element(a, e);
        }
        json_object_set_array_member(o, "interfaces", a);
        return finish_list(o, "interfaces");
}

char *ovirt_encode_disks_usage(const GPtrArray *filesystems, const GPtrArray *disks) {
        JsonObject *o = message("disks-usage"), *mapping = json_object_new();
        JsonArray *a = json_array_sized_new(filesystems->len);

        for (guint i = 0; i < filesystems->len; i++) {
                const GuestFilesystem *fs = filesystems->pdata[i];
                JsonObject *e = json_object_new();

                json_object_set_string_member(e, "path", fs->path);
                json_object_set_string_member(e, "fs", fs->type);
                set_uint(e, "total", fs->total);
                set_uint(e, "used", fs->used);
                json_array_add_object_element(a, e);
        }
        json_object_set_array_member(o, "disks", a);

        for (guint i = 0; i < disks->len && i < DISKS_MAX; i++) {
                const GuestDisk *d = disks->pdata[i];
                JsonObject *e;

                if (strlen(d->serial) > SERIAL_MAX)
                        continue;
                e = json_object_new();
                json_object_set_string_member(e, "name", d->node);
                json_object_set_object_member(mapping, d->serial, e);
        }
        json_object_set_object_member(o, "mapping", mapping);
        return finish_list(o, "disks");
}

static bool filesystem_is_alike(JsonObject *a, JsonObject *b) {
        int64_t total[2], used[2];
        const char *path[2];

        return json_get_string(a, "path", &path[0]) == JSON_VALUE &&
               json_get_string(b, "path", &path[1]) == JSON_VALUE && g_str_equal(path[0], path[1]) &&
               json_node_equal(json_object_get_member(a, "fs"), json_object_get_member(b, "fs")) &&
               json_get_integer(a, "total", &total[0]) == JSON_VALUE &&
               json_get_integer(b, "total", &total[1]) == JSON_VALUE && total[0] == total[1] &&
               json_get_integer(a, "used", &used[0]) == JSON_VALUE &&
               json_get_integer(b, "used", &used[1]) == JSON_VALUE &&
               MAX(used[0], used[1]) - MIN(used[0], used[1]) <= total[0] / USAGE_SHARE;
}

bool ovirt_disks_usage_is_alike(const char *a, const char *b) {
        g_autoptr(JsonNode) x = NULL, y = NULL;
        JsonArray *before, *after;

        if (json_parse(a, strlen(a), &x) < 0 || json_parse(b, strlen(b), &y) < 0)
                return false;
        if (!json_node_equal(json_object_get_member(json_node_get_object(x), "mapping"),
                             json_object_get_member(json_node_get_object(y), "mapping")))
                return false;
        before = json_object_get_array_member(json_node_get_object(x), "disks");
        after = json_object_get_array_member(json_node_get_object(y), "disks");
        if (json_array_get_length(before) != json_array_get_length(after))
                return false;
        for (guint i = 0; i < json_array_get_length(before); i++)
                if (!filesystem_is_alike(json_array_get_object_element(before, i),
                                         json_array_get_object_element(after, i)))
                        return false;
        return true;
}

/* Whether @package is this program's, by its name and the version behind it. */
static bool is_ourselves(const char *package) {
        const char *names[] = {"ovirt-guest-agent-", "ovirt-guest-agent-common-"};

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                if (g_str_has_prefix(package, names[i]) && g_ascii_isdigit(package[strlen(names[i])]))
                        return true;
        return false;
}

char *ovirt_encode_applications(const GPtrArray *packages) {
        JsonObject *o = message("applications");
        JsonArray *a = json_array_sized_new(packages->len + 1);
        bool found = false;

        for (guint i = 0; i < packages->len; i++)
                if (is_ourselves(packages->pdata[i])) {
                        json_array_add_string_element(a, packages->pdata[i]);
                        found = true;
                }
        if (!found)
                json_array_add_string_element(a, "ovirt-guest-agent-" PROJECT_VERSION);
        for (guint i = 0; i < packages->len; i++)
                if (!is_ourselves(packages->pdata[i]))
                        json_array_add_string_element(a, packages->pdata[i]);
        json_object_set_array_member(o, "applications", a);
        return finish_list(o, "applications");
}

char *ovirt_encode_containers(const GPtrArray *containers) {
        JsonObject *o = message("containers");
        JsonArray *a = json_array_sized_new(containers->len);

        for (guint i = 0; i < containers->len; i++) {
                const GuestContainer *c = containers->pdata[i];
                JsonObject *e = json_object_new();

                json_object_set_string_member(e, "id", c->id);
                json_object_set_array_member(e, "names", strings(c->names));
                json_object_set_string_member(e, "image", c->image);
                json_object_set_string_member(e, "command", c->command);
                json_object_set_string_member(e, "status", c->status);
                json_array_add_object_element(a, e);
        }
        json_object_set_array_member(o, "list", a);
        return finish_list(o, "list");
}

char *ovirt_encode_echo(JsonObject *members) {
        return finish(json_object_ref(members));
}

char *ovirt_encode_completion(JsonNode *reply_id) {
        JsonObject *o = message("completion");

        json_object_set_member(o, "reply_id", json_node_copy(reply_id));
        json_object_set_boolean_member(o, "done", true);
        return finish(o);
}
