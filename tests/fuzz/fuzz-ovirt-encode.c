/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "guest-info/containers.h"
#include "guest-info/disks.h"
#include "guest-info/network.h"
#include "ovirt/ovirt-encode.h"
#include "util/json-parse.h"

#include <stdbool.h>
#include <string.h>

/* Strings and numbers for the collectors' structs, taken from the input until it is used up. */
typedef struct Input {
        const uint8_t *data;
        size_t n;
        bool stretched;
} Input;

static uint8_t take_byte(Input *in) {
        if (in->n == 0)
                return 0;
        in->n--;
        return *in->data++;
}

static uint64_t take_number(Input *in) {
        uint64_t v = 0;

        for (unsigned i = 0; i < 8; i++)
                v = v << 8 | take_byte(in);
        return v;
}

/* A length, and as many bytes up to a NUL, the first with the largest length repeated. */
static char *take_string(Input *in) {
        uint8_t length = take_byte(in);
        size_t n = MIN((size_t) length & 0x7F, in->n), times = length == 0xFF && !in->stretched ? 9000 : 1;
        g_autofree char *piece = g_strndup((const char *) in->data, n);
        GString *s = g_string_new(NULL);

        in->data += n;
        in->n -= n;
        in->stretched = in->stretched || times > 1;
        while (times-- > 0)
                g_string_append(s, piece);
        return g_string_free(s, false);
}

static GPtrArray *take_strings(Input *in) {
        GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

        for (unsigned i = take_byte(in) % 8; i > 0; i--)
                g_ptr_array_add(list, take_string(in));
        return list;
}

/* The line is one, fits, parses, and has the member that the host must find; it is freed. */
static void check(char *line, const char *name, const char *member, bool bounded) {
        g_autoptr(JsonNode) node = NULL;
        size_t n = strlen(line);

        g_assert_true(memchr(line, '\n', n) == line + n - 1);
        if (bounded)
                g_assert_cmpuint(n - 1, <=, OVIRT_LINE_OUT_MAX);
        g_assert_cmpint(json_parse(line, n, &node), ==, 0);
        for (const char *p = line; *p; p = g_utf8_next_char(p)) {
                gunichar c = g_utf8_get_char(p);
                g_assert_true((c >= 0x20 && c < 0x7F) || c == 0x85 ||
                              (c >= 0xA0 && c != 0xFFFE && c != 0xFFFF) || p == line + n - 1);
        }
        g_assert_cmpstr(json_object_get_string_member(json_node_get_object(node), "__name__"), ==, name);
        g_assert_true(json_object_has_member(json_node_get_object(node), member));
        g_free(line);
}

static void encode_lists(Input *in) {
        g_autoptr(GPtrArray) a = g_ptr_array_new(), b = g_ptr_array_new(), packages = take_strings(in);
        g_autoptr(GPtrArray) names = take_strings(in);
        g_autofree char *s1 = take_string(in), *s2 = take_string(in), *s3 = take_string(in);
        GuestFilesystem fs = {.path = s1, .type = s2, .total = take_number(in), .used = take_number(in)};
        GuestDisk disk = {.serial = s2, .node = s1};
        GuestInterface nic = {.name = s1, .hw = s2, .inet = names, .inet6 = packages};
        GuestContainer container = {.id = s1, .names = names, .image = s2, .command = s3, .status = s1};

        check(ovirt_encode_applications(packages), "applications", "applications", true);
        g_ptr_array_add(a, &fs);
        check(ovirt_encode_disks_usage(a, b), "disks-usage", "mapping", true);
        g_ptr_array_add(b, &disk);
        /* A mapping is never shortened: the collector bounds a serial. */
        check(ovirt_encode_disks_usage(a, b), "disks-usage", "disks", strlen(s1) + strlen(s2) < 1000);
        a->pdata[0] = &nic;
        check(ovirt_encode_network_interfaces(a), "network-interfaces", "interfaces", true);
        a->pdata[0] = &container;
        check(ovirt_encode_containers(a), "containers", "list", true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        Input in = {data, n, false};
        GuestMemory m = {
                .total = take_number(&in),
                .free = take_number(&in),
                .buffers = take_number(&in),
                .cached = take_number(&in),
                .swap_total = take_number(&in),
                .swap_free = take_number(&in),
        };
        OvirtHeartbeat h = {
                .free_ram = take_number(&in),
                .api_version = take_byte(&in),
                .memory = take_byte(&in) & 1 ? &m : NULL,
                .faults = take_number(&in),
        };
        g_autofree char *s1 = take_string(&in), *s2 = take_string(&in);
        GuestOs os = {.name = s1, .version = s2, .codename = s1, .machine = s2, .kernel = s1};
        GuestTimezone tz = {.zone = s1, .offset_minutes = (int) take_number(&in)};
        bool short_strings = strlen(s1) + strlen(s2) < 10000;

        check(ovirt_encode_heartbeat(&h), "heartbeat", "free-ram", true);
        check(ovirt_encode_os_info(&os), "os-info", "version", short_strings);
        check(ovirt_encode_timezone(&tz), "timezone", "zone", short_strings);
        check(ovirt_encode_text("host-name", "name", s2), "host-name", "name", short_strings);
        encode_lists(&in);
        return 0;
}
