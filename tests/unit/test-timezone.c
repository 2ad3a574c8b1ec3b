/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/timezone.h"
#include "test-tree.h"

#include <time.h>

static int offset_at(const char *file, int64_t now) {
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "guest-info", "zoneinfo", file, NULL),
                        *data = NULL;
        g_autoptr(GError) error = NULL;
        int minutes = 4711;
        size_t n;

        g_file_get_contents(path, &data, &n, &error);
        g_assert_no_error(error);
        g_assert_cmpint(guest_timezone_parse((const uint8_t *) data, n, now, &minutes), ==, 0);
        return minutes;
}

static void test_known(void) {
        const int64_t winter = 1768478400 /* 2026-01-15 */, summer = 1784116800 /* 2026-07-15 */;

        g_assert_cmpint(offset_at("UTC.fat", winter), ==, 0);
        g_assert_cmpint(offset_at("Kolkata.slim", winter), ==, 330);
        g_assert_cmpint(offset_at("Prague.fat", winter), ==, 60);
        g_assert_cmpint(offset_at("Prague.fat", summer), ==, 120);
        g_assert_cmpint(offset_at("Prague.v1", summer), ==, 120);
        g_assert_cmpint(offset_at("New_York.slim", summer), ==, -240);
        g_assert_cmpint(offset_at("Dublin.slim", winter), ==, 0);
        g_assert_cmpint(offset_at("Dublin.slim", summer), ==, 60);
        g_assert_cmpint(offset_at("Lord_Howe.slim", winter), ==, 660);
        g_assert_cmpint(offset_at("Lord_Howe.slim", summer), ==, 630);
        /* The last second of summer time in 2026, and the one after it. */
        g_assert_cmpint(offset_at("Prague.slim", 1792889999), ==, 120);
        g_assert_cmpint(offset_at("Prague.slim", 1792890000), ==, 60);
}

/* The C library reads the same files. */
static void test_as_libc(void) {
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "guest-info", "zoneinfo", NULL);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        unsigned files = 0;
        const char *name;

        g_assert_nonnull(dir);
        while ((name = g_dir_read_name(dir))) {
                g_autofree char *tz = g_strdup_printf(":%s/%s", path, name),
                                *file = g_build_filename(path, name, NULL);
                g_autofree char *data = NULL;
                size_t n;

                g_assert_true(g_file_get_contents(file, &data, &n, NULL));
                g_setenv("TZ", tz, TRUE);
                tzset();
                /* A version 1 file ends in 2037. */
                for (time_t now = 0; now < (g_str_has_suffix(name, ".v1") ? INT32_MAX : 4200000000);
                     now += 200003) {
                        int minutes = 4711;
                        struct tm tm;

                        g_assert_nonnull(localtime_r(&now, &tm));
                        g_assert_cmpint(guest_timezone_parse((const uint8_t *) data, n, now, &minutes), ==,
                                        0);
                        g_assert_cmpint(minutes, ==, tm.tm_gmtoff / 60);
                }
                files++;
        }
        g_unsetenv("TZ");
        g_assert_cmpuint(files, >=, 10);
}

/* A version 2 file with no transition, one type of 30 minutes, and this footer. */
static int parse_with_footer(const char *footer, size_t footer_n, int64_t now, int *ret) {
        static const uint8_t header[44] = {'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 4};
        static const uint8_t types[] = {0, 0, 0x07, 0x08, 0, 0, 'A', 'B', 'C', 0};
        g_autoptr(GByteArray) data = g_byte_array_new();

        for (unsigned i = 0; i < 2; i++) {
                g_byte_array_append(data, header, sizeof(header));
                g_byte_array_append(data, types, sizeof(types));
        }
        g_byte_array_append(data, (const uint8_t *) footer, (guint) footer_n);
        return guest_timezone_parse(data->data, data->len, now, ret);
}

static void test_footers(void) {
        static const struct {
                const char *rules;
                int r, minutes;
        } cases[] = {
                {"", 0, 30},
                {"UTC0", 0, 0},
                {"<-03>3", 0, -180},
                {"<+0530>-5:30", 0, 330},
                {"CET-1CEST,M3.5.0,M10.5.0/3", 0, 120},
                {"AAA-1BBB-3,J1,J365", 0, 180},
                {"AAA-1BBB,0,365/24", 0, 120},
                {"AAA-1BBB,J200,J365", 0, 60}, /* the 196th day */
                {"AAA-1BBB,J196,J365", 0, 120},
                {"XX0", -EBADMSG, 0},
                {"<+>0", -EBADMSG, 0},
                {"<+01", -EBADMSG, 0},
                {"UTC", -EBADMSG, 0},
                {"UTC25", -EBADMSG, 0},
                {"UTC0:60", -EBADMSG, 0},
                {"UTC0x", -EBADMSG, 0},
                {"CET-1CEST", -EBADMSG, 0}, /* when? */
                {"CET-1CEST,M3.5.0", -EBADMSG, 0},
                {"CET-1CEST,M13.5.0,M10.5.0", -EBADMSG, 0},
                {"CET-1CEST,M3.6.0,M10.5.0", -EBADMSG, 0},
                {"CET-1CEST,M3.5.7,M10.5.0", -EBADMSG, 0},
                {"CET-1CEST,M3.5.0/168,M10.5.0", -EBADMSG, 0},
                {"CET-1CEST,J0,J366", -EBADMSG, 0},
                {"CET-1CEST,M3.5.0,M10.5.0/3,", -EBADMSG, 0},
        };
        static const struct {
                const char *footer;
                size_t n;
        } broken[] = {{"", 0}, {"UTC0\n", 5}, {"\nUTC0", 5}, {"\nUTC0\0\n", 7}, {"\n", 1}};
        int minutes = 4711;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *footer = g_strdup_printf("\n%s\n", cases[i].rules);

                minutes = 4711;
                g_assert_cmpint(parse_with_footer(footer, strlen(footer), 1784116800, &minutes), ==,
                                cases[i].r);
                g_assert_cmpint(minutes, ==, cases[i].r < 0 ? 4711 : cases[i].minutes);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(broken); i++)
                g_assert_cmpint(parse_with_footer(broken[i].footer, broken[i].n, 0, &minutes), ==, -EBADMSG);
        g_assert_cmpint(parse_with_footer("\nUTC0\n", 6, -1, &minutes), ==, -ERANGE);
        g_assert_cmpint(parse_with_footer("\nUTC0\n", 6, INT64_MAX, &minutes), ==, -ERANGE);
}

/* A file that ends too early says the same as the whole one, or nothing. */
static void test_cut(void) {
        static const char *const files[] = {"Prague.fat", "Dublin.slim", "Prague.v1"};

        for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
                g_autofree char *path =
                        g_test_build_filename(G_TEST_DIST, "guest-info", "zoneinfo", files[i], NULL);
                g_autofree char *data = NULL;
                size_t n;

                g_assert_true(g_file_get_contents(path, &data, &n, NULL));
                for (size_t k = 0; k < n; k++) {
                        g_autofree uint8_t *part = g_memdup2(data, k);
                        int minutes = 4711, r = guest_timezone_parse(part, k, 1784116800, &minutes);

                        if (r == 0)
                                g_assert_cmpint(minutes, ==, offset_at(files[i], 1784116800));
                        else
                                g_assert_cmpint(r, ==, -EBADMSG);
                        /* Within the data proper there is nothing to say. */
                        g_assert_false(r == 0 && k < n / 2);
                }
        }
}

static void assert_timezone(int root, const char *zone, int minutes) {
        _cleanup_(guest_timezone_freep) GuestTimezone *z = NULL;

        g_assert_cmpint(guest_timezone_read(root, &z), ==, 0);
        g_assert_cmpstr(z->zone, ==, zone);
        g_assert_cmpint(z->offset_minutes, ==, minutes);
}

static void test_samples(void) {
        _cleanup_close_ int debian = sample_root("debian"), fedora = sample_root("fedora"),
                            arch = sample_root("arch");

        assert_timezone(debian, "America/Argentina/Buenos_Aires", -180);
        assert_timezone(fedora, "Europe/Dublin", offset_at("Dublin.slim", time(NULL)));
        assert_timezone(arch, "", 0);
}

static void test_names(void) {
        static const struct {
                const char *target, *zone;
        } links[] = {
                {"/none/usr/share/zoneinfo/Europe/Prague", "Europe/Prague"},
                {"../none/usr/share/zoneinfo/Etc/UTC", "Etc/UTC"},
                {"/none/zoneinfo/posix/UTC", "UTC"},
                {"/none/zoneinfo/right/Etc/GMT+5", "Etc/GMT+5"},
                /* These are no names: the next source is asked. */
                {"/none/zoneinfo/", "From/Timezone"},
                {"/none/zoneinfo/../x", "From/Timezone"},
                {"/none/zoneinfo//x", "From/Timezone"},
                {"/none/zoneinfo/a b", "From/Timezone"},
                {"/none/elsewhere", "From/Timezone"},
        };
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *localtime = tree_path(&t, "etc/localtime");

        tree_write(&t, "etc/timezone", "# set by hand\n\nFrom/Timezone \n");
        for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
                tree_link(&t, "etc/localtime", links[i].target);
                assert_timezone(t.fd, links[i].zone, 0);
        }
        g_assert_cmpint(unlink(localtime), ==, 0);
        assert_timezone(t.fd, "From/Timezone", 0);
        tree_write(&t, "etc/sysconfig/clock", "UTC=true\nZONE=\"America/New York\"\n");
        assert_timezone(t.fd, "From/Timezone", 0);
        tree_write(&t, "etc/timezone", "\n");
        assert_timezone(t.fd, "America/New_York", 0);
        tree_write(&t, "etc/sysconfig/clock", "ZONE=\"open\n");
        assert_timezone(t.fd, "", 0);
}

static void test_broken_file(void) {
        _cleanup_tree_ Tree t = tree_new();
        GuestTimezone *z = NULL;

        tree_write(&t, "etc/localtime", "TZif2 and then no more");
        g_assert_cmpint(guest_timezone_read(t.fd, &z), ==, -EBADMSG);
        g_assert_null(z);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/timezone/known", test_known);
        g_test_add_func("/timezone/as-libc", test_as_libc);
        g_test_add_func("/timezone/footers", test_footers);
        g_test_add_func("/timezone/cut", test_cut);
        g_test_add_func("/timezone/samples", test_samples);
        g_test_add_func("/timezone/names", test_names);
        g_test_add_func("/timezone/broken-file", test_broken_file);
        return g_test_run();
}
