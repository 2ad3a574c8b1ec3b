/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-encode.h"
#include "guest-info/containers.h"
#include "guest-info/disks.h"
#include "guest-info/network.h"
#include "util/cleanup.h"
#include "util/json-get.h"

#include <stdbool.h>
#include <string.h>

/* The collectors' structs own their strings; these are lent. */
#define S(s) ((char *) (s))

/* Takes the line: one that VDSM accepts, and its "__name__". */
static JsonNode *read_line(char *line, const char *name) {
        g_autofree char *owned = line;
        size_t n = strlen(owned);
        JsonNode *node = NULL;
        const char *found = NULL;

        g_assert_true(memchr(owned, '\n', n) == owned + n - 1);
        g_assert_cmpuint(n - 1, <=, OVIRT_LINE_OUT_MAX);
        g_assert_cmpint(json_parse(owned, n, &node), ==, 0);
        g_assert_cmpint(json_get_string(json_node_as_object(node), "__name__", &found), ==, JSON_VALUE);
        g_assert_cmpstr(found, ==, name);
        return node;
}

static void test_exact(void) {
        g_autoptr(GPtrArray) none = g_ptr_array_new(), list = g_ptr_array_new(), disks = g_ptr_array_new();
        g_autoptr(GPtrArray) names = g_ptr_array_new(), addresses = g_ptr_array_new();
        GuestOs os = {S("Debian GNU/Linux"), S("12"), S("bookworm"), S("x86_64"), S("6.1.0-28-amd64")};
        GuestTimezone tz = {S("America/New_York"), -240};
        GuestInterface nic = {S("eth0"), S("52:54:00:ab:cd:ef"), addresses, none};
        GuestFilesystem fs = {S("/mnt/a b"), S("xfs"), 21464350720, 4186701824};
        GuestDisk disk = {S("5d1f1c9e-6a35-4c3b-9"), S("/dev/vda")};
        GuestContainer container = {S("4711"), names, S("busybox"), S("sh -c \"x\""), S("Up 2 hours")};
        struct {
                char *line;
                const char *text;
        } cases[64];
        size_t n = 0;

        g_ptr_array_add(names, S("/one"));
        g_ptr_array_add(addresses, S("10.0.0.2"));
        g_ptr_array_add(addresses, S("10.0.0.3"));
        g_ptr_array_add(disks, &disk);

#define EXPECT(l, t)                                                                                        \
        do {                                                                                                \
                cases[n].line = (l);                                                                        \
                cases[n++].text = (t "\n");                                                                 \
        } while (false)

        EXPECT(ovirt_encode_event("session-startup"), "{\"__name__\":\"session-startup\"}");
        EXPECT(ovirt_encode_text("host-name", "name", "vm1"),
               "{\"__name__\":\"host-name\",\"name\":\"vm1\"}");
        EXPECT(ovirt_encode_text("active-user", "name", ""), "{\"__name__\":\"active-user\",\"name\":\"\"}");
        EXPECT(ovirt_encode_os_info(&os),
               "{\"__name__\":\"os-info\",\"type\":\"linux\",\"distribution\":\"Debian GNU/Linux\","
               "\"version\":\"12\",\"codename\":\"bookworm\",\"arch\":\"x86_64\",\"kernel\":\"6.1.0-28-"
               "amd64\"}");
        EXPECT(ovirt_encode_timezone(&tz),
               "{\"__name__\":\"timezone\",\"zone\":\"America/New_York\",\"offset\":-240}");
        EXPECT(ovirt_encode_number_of_cpus(4), "{\"__name__\":\"number-of-cpus\",\"count\":4}");
        EXPECT(ovirt_encode_network_interfaces(none),
               "{\"__name__\":\"network-interfaces\",\"interfaces\":[]}");
        EXPECT(ovirt_encode_containers(none), "{\"__name__\":\"containers\",\"list\":[]}");
        EXPECT(ovirt_encode_disks_usage(none, none),
               "{\"__name__\":\"disks-usage\",\"disks\":[],\"mapping\":{}}");
        g_ptr_array_add(list, &nic);
        EXPECT(ovirt_encode_network_interfaces(list),
               "{\"__name__\":\"network-interfaces\",\"interfaces\":[{\"name\":\"eth0\","
               "\"hw\":\"52:54:00:ab:cd:ef\",\"inet\":[\"10.0.0.2\",\"10.0.0.3\"],\"inet6\":[]}]}");
        list->pdata[0] = &fs;
        EXPECT(ovirt_encode_disks_usage(list, disks),
               "{\"__name__\":\"disks-usage\",\"disks\":[{\"path\":\"/mnt/a b\",\"fs\":\"xfs\","
               "\"total\":21464350720,\"used\":4186701824}],"
               "\"mapping\":{\"5d1f1c9e-6a35-4c3b-9\":{\"name\":\"/dev/vda\"}}}");
        list->pdata[0] = &container;
        EXPECT(ovirt_encode_containers(list),
               "{\"__name__\":\"containers\",\"list\":[{\"id\":\"4711\",\"names\":[\"/one\"],"
               "\"image\":\"busybox\",\"command\":\"sh -c \\\"x\\\"\",\"status\":\"Up 2 hours\"}]}");
        container.names = none;
        EXPECT(ovirt_encode_containers(list),
               "{\"__name__\":\"containers\",\"list\":[{\"id\":\"4711\",\"names\":[],"
               "\"image\":\"busybox\",\"command\":\"sh -c \\\"x\\\"\",\"status\":\"Up 2 hours\"}]}");
#undef EXPECT

        for (size_t i = 0; i < n; i++) {
                g_autofree char *line = cases[i].line;
                g_assert_cmpstr(line, ==, cases[i].text);
        }
}

static void test_heartbeat(void) {
        GuestMemory m = {
                .total = 4046220,
                .free = 903112,
                .available = 3184532,
                .buffers = 2108,
                .cached = 754880,
                .swap_total = 2097148,
                .swap_free = 2090000,
        };
        OvirtHeartbeat h = {.free_ram = 3109,
                            .api_version = 3,
                            .memory = &m,
                            .swap_in = 1,
                            .swap_out = 2,
                            .faults = 3,
                            .major_faults = 4};
        g_autofree char *full = ovirt_encode_heartbeat(&h);

        g_assert_cmpstr(
                full, ==,
                "{\"__name__\":\"heartbeat\",\"free-ram\":\"3109\",\"memory-stat\":{\"mem_total\":4046220,"
                "\"mem_unused\":903112,\"mem_free\":1660100,\"mem_buffers\":2108,\"mem_cached\":754880,"
                "\"swap_in\":1,\"swap_out\":2,\"pageflt\":3,\"majflt\":4,\"swap_usage\":7148,"
                "\"swap_total\":2097148},\"apiVersion\":3}\n");

        h = (OvirtHeartbeat){.free_ram = UINT64_MAX};
        g_autofree char *little = ovirt_encode_heartbeat(&h);
        g_assert_cmpstr(
                little, ==,
                "{\"__name__\":\"heartbeat\",\"free-ram\":\"18446744073709551615\",\"apiVersion\":0}\n");

        /* No figure turns negative on its way through JSON. */
        memset(&m, 0xFF, sizeof(m));
        h.memory = &m;
        h.swap_in = h.faults = UINT64_MAX;
        g_autoptr(JsonNode) node = read_line(ovirt_encode_heartbeat(&h), "heartbeat");
        JsonObject *stat = json_object_get_object_member(json_node_get_object(node), "memory-stat");
        g_autoptr(GList) names = json_object_get_members(stat);
        g_assert_cmpuint(g_list_length(names), ==, 11);
        for (GList *l = names; l; l = l->next) {
                int64_t value = -1;
                g_assert_cmpint(json_get_integer(stat, l->data, &value), ==, JSON_VALUE);
                g_assert_cmpint(value, >=, 0);
        }
}

static void test_architecture(void) {
        static const struct {
                const char *machine, *arch;
        } cases[] = {
                {"x86_64", "x86_64"},
                {"i386", "x86"},
                {"i486", "x86"},
                {"i586", "x86"},
                {"i686", "x86"},
                {"ppc64le", "ppc64le"},
                {"ppc64", "ppc64"},
                {"s390x", "s390x"},
                {"aarch64", "aarch64"},
                {"ia64", "ia64"},
                {"i86", "i86"},
                {"i6866", "i6866"},
                {"", ""},
                {"i", "i"},
                {"i6", "i6"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                GuestOs os = {S("L"), S("1"), S(""), S(cases[i].machine), S("k")};
                g_autoptr(JsonNode) node = read_line(ovirt_encode_os_info(&os), "os-info");
                const char *arch = NULL;

                g_assert_cmpint(json_get_string(json_node_get_object(node), "arch", &arch), ==, JSON_VALUE);
                g_assert_cmpstr(arch, ==, cases[i].arch);
        }
}

/* What becomes of @text as a value, as an element, and as a key. */
static void check_text(const char *text, const char *expected) {
        g_autoptr(GPtrArray) none = g_ptr_array_new(), disks = g_ptr_array_new(),
                             packages = g_ptr_array_new();
        g_autoptr(JsonNode) value = read_line(ovirt_encode_text("fqdn", "fqdn", text), "fqdn");
        GuestDisk disk = {.serial = S(text), .node = S(text)};
        const char *found = NULL;

        g_assert_cmpint(json_get_string(json_node_get_object(value), "fqdn", &found), ==, JSON_VALUE);
        g_assert_cmpstr(found, ==, expected);

        g_ptr_array_add(disks, &disk);
        g_autoptr(JsonNode) usage = read_line(ovirt_encode_disks_usage(none, disks), "disks-usage");
        JsonObject *mapping = json_object_get_object_member(json_node_get_object(usage), "mapping");
        g_assert_cmpuint(json_object_get_size(mapping), ==, 1);
        JsonObject *entry = json_node_as_object(json_object_get_member(mapping, expected));
        g_assert_nonnull(entry);
        g_assert_cmpint(json_get_string(entry, "name", &found), ==, JSON_VALUE);
        g_assert_cmpstr(found, ==, expected);

        g_ptr_array_add(packages, S(text));
        g_autoptr(JsonNode) apps = read_line(ovirt_encode_applications(packages), "applications");
        JsonArray *list = json_object_get_array_member(json_node_get_object(apps), "applications");
        g_assert_cmpstr(json_node_as_string(json_array_get_element(list, 1)), ==, expected);
}

static void test_filter_ranges(void) {
        static const struct {
                gunichar first, last;
        } replaced[] = {
                {0x01, 0x08}, {0x0B, 0x0C}, {0x0E, 0x1F}, {0x7F, 0x84}, {0x86, 0x9F}, {0xFFFE, 0xFFFF},
        };

        /* Every character up to the last of Latin-1 and around the end of the basic plane, samples between.
         */
        for (gunichar c = 1; c <= 0x10010; c += c < 0x120 || c >= 0xFF00 ? 1 : 0x61) {
                char text[] = "a\0\0\0\0\0\0\0";
                bool bad = false;

                if (c >= 0xD800 && c <= 0xDFFF)
                        continue;
                for (size_t i = 0; i < G_N_ELEMENTS(replaced); i++)
                        bad = bad || (c >= replaced[i].first && c <= replaced[i].last);
                text[1 + g_unichar_to_utf8(c, text + 1)] = 'b';
                check_text(text, bad ? "a\ufffdb" : text);
        }
}

static void test_filter_bytes(void) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"", ""},
                {"\xff", "\ufffd"},
                {"a\x80z", "a\ufffdz"},
                {"a\xc3", "a\ufffd"},
                {"\xc3\x28", "\ufffd("},
                {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"}, /* a surrogate's three bytes */
                {"\xed\xbf\xbf", "\ufffd\ufffd\ufffd"},
                {"\xc0\x80", "\ufffd\ufffd"},
                {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
                {"ok\x01\xffok\x7f", "ok\ufffd\ufffdok\ufffd"},
                {"\u010d\u20ac\U0001f600", "\u010d\u20ac\U0001f600"},
                {"\"\\/\t\n\r\xc2\x85", "\"\\/\t\n\r\xc2\x85"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                check_text(cases[i].text, cases[i].expected);
}

static void test_echo(void) {
        static const struct {
                const char *in, *out;
        } cases[] = {
                {"{\"__name__\":\"echo\"}", "{\"__name__\":\"echo\"}"},
                {"{\"a\":1,\"b\":\"x\",\"__name__\":\"echo\"}",
                 "{\"a\":1,\"b\":\"x\",\"__name__\":\"echo\"}"},
                {"{\"s\":\"\\ud83d\\ude00\\u010d\"}", "{\"s\":\"\U0001f600\u010d\"}"},
                {"{\"s\":\"a\\u0001b\",\"\\u0007\":1}", "{\"s\":\"a\ufffdb\",\"\ufffd\":1}"},
                {"{\"s\":\"\\ud800\"}", "{\"s\":\"\ufffd\"}"},
                {"{\"s\":[\"\\u0000\",{\"\\ufffe\":[\"\\u009f\"]}]}",
                 "{\"s\":[\"\ufffd\",{\"\ufffd\":[\"\ufffd\"]}]}"},
                {"{\"s\":\"\\u0085\\t\"}", "{\"s\":\"\xc2\x85\\u0009\"}"},
                {"{\"n\":[1e400,-1e400,1e300,1e20,0.5,-0,true,false,null,9223372036854775807]}",
                 "{\"n\":[null,null,1.0000000000000001e+300,1e+20,0.5,0,true,false,null,9223372036854775807]"
                 "}"},
                {"{\"n\":{},\"m\":[],\"k\":[[],[{}]]}", "{\"n\":{},\"m\":[],\"k\":[[],[{}]]}"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *expected = g_strconcat(cases[i].out, "\n", NULL), *line = NULL;
                g_autoptr(JsonNode) node = NULL;

                g_assert_cmpint(json_parse(cases[i].in, strlen(cases[i].in), &node), ==, 0);
                line = ovirt_encode_echo(json_node_get_object(node));
                g_assert_cmpstr(line, ==, expected);
        }
}

/* The worst that fits into a line of the host's also fits into one of ours. */
static void test_echo_growth(void) {
        static const char *const pieces[] = {"0.1,", "1e99,", "\"\x7f\",", "\"\\u0001\",", "1e9,", "[[]],"};

        for (size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
                g_autoptr(GString) s = g_string_new("{\"__name__\":\"echo\",\"l\":[");
                g_autoptr(JsonNode) node = NULL, again = NULL;

                while (s->len < 65500)
                        g_string_append(s, pieces[i]);
                g_string_append(s, "1]}");
                g_assert_cmpint(json_parse(s->str, s->len, &node), ==, 0);
                again = read_line(ovirt_encode_echo(json_node_get_object(node)), "echo");
        }
}

static void test_ourselves(void) {
        static const char ours[] = "ovirt-guest-agent-" PROJECT_VERSION;
        static const struct {
                const char *packages[4];
                const char *expected[4];
        } cases[] = {
                {{NULL}, {ours}},
                {{"kernel-6.1"}, {ours, "kernel-6.1"}},
                {{"kernel-6.1", "ovirt-guest-agent-2.1.0-1", "zsh-5"},
                 {"ovirt-guest-agent-2.1.0-1", "kernel-6.1", "zsh-5"}},
                {{"a-1", "ovirt-guest-agent-common-1.0.16-3"}, {"ovirt-guest-agent-common-1.0.16-3", "a-1"}},
                {{"a-1", "ovirt-guest-agent-common-1", "ovirt-guest-agent-2"},
                 {"ovirt-guest-agent-common-1", "ovirt-guest-agent-2", "a-1"}},
                /* Others' names that begin like ours. */
                {{"ovirt-guest-agent-pam-1"}, {ours, "ovirt-guest-agent-pam-1"}},
                {{"ovirt-guest-agent"}, {ours, "ovirt-guest-agent"}},
                {{"ovirt-guest-agent-"}, {ours, "ovirt-guest-agent-"}},
                {{"qemu-guest-agent-7.2"}, {ours, "qemu-guest-agent-7.2"}},
                {{"not-ovirt-guest-agent-2"}, {ours, "not-ovirt-guest-agent-2"}},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GPtrArray) packages = g_ptr_array_new();
                guint n = 0;

                for (size_t k = 0; k < 4 && cases[i].packages[k]; k++)
                        g_ptr_array_add(packages, S(cases[i].packages[k]));
                g_autoptr(JsonNode) node = read_line(ovirt_encode_applications(packages), "applications");
                JsonArray *a = json_object_get_array_member(json_node_get_object(node), "applications");
                for (; n < 4 && cases[i].expected[n]; n++)
                        g_assert_cmpstr(json_array_get_string_element(a, n), ==, cases[i].expected[n]);
                g_assert_cmpuint(json_array_get_length(a), ==, n);
        }
}

static JsonArray *list_of(JsonNode *node, const char *member) {
        return json_object_get_array_member(json_node_get_object(node), member);
}

static void test_many_mounts(void) {
        g_autoptr(GPtrArray) filesystems = g_ptr_array_new_with_free_func(g_free), disks = g_ptr_array_new();
        GuestDisk disk = {S("serial"), S("/dev/vda")};

        for (unsigned i = 0; i < 30000; i++) {
                struct {
                        GuestFilesystem fs;
                        char path[64];
                } *f = g_malloc0(sizeof(*f));

                g_snprintf(f->path, sizeof(f->path), "/srv/volumes/number-%u", i);
                f->fs = (GuestFilesystem){f->path, S("ext4"), 1 << 30, i};
                g_ptr_array_add(filesystems, f);
        }
        g_ptr_array_add(disks, &disk);

        char *line = ovirt_encode_disks_usage(filesystems, disks);
        size_t n = strlen(line);
        g_autoptr(JsonNode) node = read_line(line, "disks-usage");
        JsonArray *list = list_of(node, "disks");
        guint kept = json_array_get_length(list);

        /* The first ones, nearly as many as fit; and the mapping stays. */
        g_assert_cmpuint(n, >, OVIRT_LINE_OUT_MAX * 95 / 100);
        for (guint i = 0; i < kept; i++)
                g_assert_cmpint(json_object_get_int_member(json_array_get_object_element(list, i), "used"),
                                ==, i);
        g_assert_true(json_object_has_member(
                json_object_get_object_member(json_node_get_object(node), "mapping"), "serial"));
}

/* One file system of two, and a disk. */
static char *usage_line(const char *path, const char *type, uint64_t total, uint64_t used,
                        const char *node) {
        GuestFilesystem root = {S("/"), S("xfs"), 1000000, 5000},
                        fs = {(char *) path, (char *) type, total, used};
        gpointer filesystems[] = {&root, &fs};
        GuestDisk disk = {S("serial"), (char *) node};
        gpointer disks[] = {&disk};

        return ovirt_encode_disks_usage(&(GPtrArray){filesystems, total > 0 ? 2 : 1},
                                        &(GPtrArray){disks, 1});
}

static void test_alike(void) {
        static const struct {
                const char *path, *type;
                uint64_t total, used;
                const char *node;
                bool alike;
        } cases[] = {
                {"/srv", "ext4", 2000000, 70000, "/dev/vda", true},
                {"/srv", "ext4", 2000000, 72000, "/dev/vda", true},
                {"/srv", "ext4", 2000000, 68000, "/dev/vda", true},
                {"/srv", "ext4", 2000000, 72001, "/dev/vda", false},
                {"/srv", "ext4", 2000000, 67999, "/dev/vda", false},
                {"/srw", "ext4", 2000000, 70000, "/dev/vda", false},
                {"/srv", "ext3", 2000000, 70000, "/dev/vda", false},
                {"/srv", "ext4", 2000001, 70000, "/dev/vda", false},
                {"/srv", "ext4", 2000000, 70000, "/dev/vdb", false},
                {"/srv", "ext4", 0, 0, "/dev/vda", false}, /* it is gone */
        };
        g_autofree char *before = usage_line("/srv", "ext4", 2000000, 70000, "/dev/vda");

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *after = usage_line(cases[i].path, cases[i].type, cases[i].total,
                                                    cases[i].used, cases[i].node);

                g_test_message("%zu", i);
                g_assert_true(ovirt_disks_usage_is_alike(before, after) == cases[i].alike);
                g_assert_true(ovirt_disks_usage_is_alike(after, before) == cases[i].alike);
        }
}

static void test_many_packages(void) {
        g_autoptr(GPtrArray) packages = g_ptr_array_new_with_free_func(g_free);

        for (unsigned i = 0; i < 100000; i++)
                g_ptr_array_add(packages, g_strdup_printf("package-%u-1.0", i));
        g_autoptr(JsonNode) node = read_line(ovirt_encode_applications(packages), "applications");
        g_assert_cmpstr(json_array_get_string_element(list_of(node, "applications"), 0), ==,
                        "ovirt-guest-agent-" PROJECT_VERSION);
        g_assert_cmpuint(json_array_get_length(list_of(node, "applications")), >, 40000);
}

/* One string too many, at the end, in the middle, alone. */
static void test_huge_strings(void) {
        g_autofree char *huge = g_strnfill(2 * OVIRT_LINE_OUT_MAX, 'x');
        static const struct {
                guint n, at;
        } cases[] = {{1, 0}, {2, 1}, {2, 0}, {1000, 999}, {1000, 500}, {1000, 0}};

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GPtrArray) containers = g_ptr_array_new_with_free_func(g_free);
                g_autoptr(GPtrArray) names = g_ptr_array_new();

                for (guint k = 0; k < cases[i].n; k++) {
                        GuestContainer *c = g_new0(GuestContainer, 1);
                        *c = (GuestContainer){S("id"), names, S("image"), S("command"),
                                              k == cases[i].at ? huge : S("status")};
                        g_ptr_array_add(containers, c);
                }
                g_autoptr(JsonNode) node = read_line(ovirt_encode_containers(containers), "containers");
                g_assert_cmpuint(json_array_get_length(list_of(node, "list")), <=, cases[i].at);
        }
}

/* The longest line that may be, and one byte more. */
static void test_limit(void) {
        static const char around[] =
                "{\"__name__\":\"applications\",\"applications\":[\"ovirt-guest-agent-9\",\"\"]}";

        for (size_t extra = 0; extra <= 1; extra++) {
                g_autoptr(GPtrArray) packages = g_ptr_array_new();
                g_autofree char *filling = g_strnfill(OVIRT_LINE_OUT_MAX - strlen(around) + extra, 'x');

                g_ptr_array_add(packages, S("ovirt-guest-agent-9"));
                g_ptr_array_add(packages, filling);
                char *line = ovirt_encode_applications(packages);
                if (extra == 0)
                        g_assert_cmpuint(strlen(line) - 1, ==, OVIRT_LINE_OUT_MAX);
                g_autoptr(JsonNode) node = read_line(line, "applications");
                g_assert_cmpuint(json_array_get_length(list_of(node, "applications")), ==, 2 - extra);
        }
}

/* As many disks as the mapping takes, with the longest serials that the collector can yield. */
static void test_many_disks(void) {
        g_autoptr(GPtrArray) none = g_ptr_array_new(), disks = g_ptr_array_new_with_free_func(g_free);

        for (unsigned i = 0; i < 5000; i++) {
                struct {
                        GuestDisk disk;
                        char serial[256];
                } *d = g_malloc0(sizeof(*d));

                memset(d->serial, 0xFF, sizeof(d->serial) - 1);
                g_snprintf(d->serial, 5, "%04u", i);
                d->serial[4] = '-';
                d->disk = (GuestDisk){d->serial, S("/dev/vda")};
                g_ptr_array_add(disks, d);
        }
        g_autoptr(JsonNode) node = read_line(ovirt_encode_disks_usage(none, disks), "disks-usage");
        g_assert_cmpuint(
                json_object_get_size(json_object_get_object_member(json_node_get_object(node), "mapping")),
                ==, 1024);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/ovirt-encode/exact", test_exact);
        g_test_add_func("/ovirt-encode/heartbeat", test_heartbeat);
        g_test_add_func("/ovirt-encode/architecture", test_architecture);
        g_test_add_func("/ovirt-encode/filter-ranges", test_filter_ranges);
        g_test_add_func("/ovirt-encode/filter-bytes", test_filter_bytes);
        g_test_add_func("/ovirt-encode/echo", test_echo);
        g_test_add_func("/ovirt-encode/echo-growth", test_echo_growth);
        g_test_add_func("/ovirt-encode/ourselves", test_ourselves);
        g_test_add_func("/ovirt-encode/many-mounts", test_many_mounts);
        g_test_add_func("/ovirt-encode/alike", test_alike);
        g_test_add_func("/ovirt-encode/many-packages", test_many_packages);
        g_test_add_func("/ovirt-encode/huge-strings", test_huge_strings);
        g_test_add_func("/ovirt-encode/limit", test_limit);
        g_test_add_func("/ovirt-encode/many-disks", test_many_disks);
        return g_test_run();
}
