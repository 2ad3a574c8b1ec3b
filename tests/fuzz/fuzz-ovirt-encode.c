/* SPDX-License-Identifier: Apache-2.0 */

/* The encoder with a limit that short inputs reach: lines of a megabyte are slow work. */
#define OVIRT_LINE_OUT_MAX 1024U
#include "ovirt/ovirt-encode.c"

#include "fuzz.h"

/* Strings and numbers for the collectors' structs, taken from the input until it is used up. */
typedef struct Input {
        const uint8_t *data;
        size_t n;
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

/* A length, and as many bytes up to a NUL. */
static char *take_string(Input *in) {
        uint8_t length = take_byte(in);
        size_t n = MIN(length, in->n);
        char *s = g_strndup((const char *) in->data, n);

        in->data += n;
        in->n -= n;
        return s;
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

static void encode_heartbeat(Input *in) {
        GuestMemory m = {
                .total = take_number(in),
                .free = take_number(in),
                .buffers = take_number(in),
                .cached = take_number(in),
                .swap_total = take_number(in),
                .swap_free = take_number(in),
        };
        OvirtHeartbeat h = {
                .free_ram = take_number(in),
                .api_version = take_byte(in),
                .memory = take_byte(in) & 1 ? &m : NULL,
                .faults = take_number(in),
        };

        check(ovirt_encode_heartbeat(&h), "heartbeat", "free-ram", true);
}

static void encode_texts(Input *in) {
        g_autofree char *s1 = take_string(in), *s2 = take_string(in);
        GuestOs os = {.name = s1, .version = s2, .codename = s1, .machine = s2, .kernel = s1};
        GuestTimezone tz = {.zone = s1, .offset_minutes = (int) take_number(in)};
        /* What is no list is not shortened; the kernel and the collectors bound it. */
        bool bounded = strlen(s1) + strlen(s2) < 50;

        check(ovirt_encode_os_info(&os), "os-info", "version", bounded);
        check(ovirt_encode_timezone(&tz), "timezone", "zone", bounded);
        check(ovirt_encode_text("host-name", "name", s2), "host-name", "name", bounded);
}

static void encode_applications(Input *in) {
        g_autoptr(GPtrArray) packages = take_strings(in);

        check(ovirt_encode_applications(packages), "applications", "applications", true);
}

static void encode_disks(Input *in) {
        g_autofree char *s1 = take_string(in), *s2 = take_string(in);
        GuestFilesystem fs = {.path = s1, .type = s2, .total = take_number(in), .used = take_number(in)};
        gpointer fs_array[] = {&fs}, disk_array[] = {&(GuestDisk){.serial = s2, .node = s1}};
        const GPtrArray filesystems = {fs_array, 1}, disks = {disk_array, take_byte(in) & 1};
        g_autofree char *line = ovirt_encode_disks_usage(&filesystems, &disks);

        g_assert_true(ovirt_disks_usage_is_alike(line, line));
        /* A mapping is never shortened: the collector bounds a serial. */
        check(g_steal_pointer(&line), "disks-usage", "mapping",
              disks.len == 0 || strlen(s1) + strlen(s2) < 100);
}

static void encode_interfaces(Input *in) {
        g_autofree char *s1 = take_string(in), *s2 = take_string(in);
        g_autoptr(GPtrArray) inet = take_strings(in), inet6 = take_strings(in);
        gpointer array[] = {&(GuestInterface){.name = s1, .hw = s2, .inet = inet, .inet6 = inet6}};

        check(ovirt_encode_network_interfaces(&(GPtrArray){array, 1}), "network-interfaces", "interfaces",
              true);
}

static void encode_containers(Input *in) {
        g_autofree char *s1 = take_string(in), *s2 = take_string(in), *s3 = take_string(in);
        g_autoptr(GPtrArray) names = take_strings(in);
        gpointer array[] = {
                &(GuestContainer){.id = s1, .names = names, .image = s2, .command = s3, .status = s1},
        };

        check(ovirt_encode_containers(&(GPtrArray){array, 1}), "containers", "list", true);
}

/* The first byte chooses the message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static void (*const messages[])(Input *) = {
                encode_heartbeat, encode_texts,      encode_applications,
                encode_disks,     encode_interfaces, encode_containers,
        };
        Input in = {.data = data, .n = n};

        messages[take_byte(&in) % G_N_ELEMENTS(messages)](&in);
        return 0;
}
