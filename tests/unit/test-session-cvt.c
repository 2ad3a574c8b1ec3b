/* SPDX-License-Identifier: Apache-2.0 */
#include "cvt.h"

#include <glib.h>

/* The frequencies are those of VESA's table of reduced-blanking modes. */
static void test_reduced(void) {
        static const struct {
                uint32_t width, height, htotal, vtotal, clock;
        } cases[] = {
                {1280, 800, 1440, 823, 71000000},    {1920, 1080, 2080, 1111, 138500000},
                {1920, 1200, 2080, 1235, 154000000}, {1680, 1050, 1840, 1080, 119000000},
                {1400, 1050, 1560, 1080, 101000000}, {64, 64, 224, 83, 750000},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                CvtTiming t;

                cvt_reduced(cases[i].width, cases[i].height, &t);
                g_assert_cmpuint(t.htotal, ==, cases[i].htotal);
                g_assert_cmpuint(t.vtotal, ==, cases[i].vtotal);
                g_assert_cmpuint(t.clock, ==, cases[i].clock);
                g_assert_cmpuint(t.hsync_start - t.hdisplay, ==, 48);
                g_assert_cmpuint(t.hsync_end - t.hsync_start, ==, 32);
                g_assert_cmpuint(t.vsync_start - t.vdisplay, ==, 3);
        }
}

static void test_any_size(void) {
        for (uint32_t width = 1; width < 65536; width += 4369)
                for (uint32_t height = 1; height < 65536; height += 4369) {
                        CvtTiming t;
                        double rate;

                        cvt_reduced(width, height, &t);
                        rate = (double) t.clock / t.htotal / t.vtotal;
                        g_assert_cmpuint(t.hdisplay, <, t.hsync_start);
                        g_assert_cmpuint(t.hsync_end, <, t.htotal);
                        g_assert_cmpuint(t.vdisplay, <, t.vsync_start);
                        g_assert_cmpuint(t.vsync_end, <, t.vtotal);
                        g_assert_true(rate < 61);
                        if (width > 1000 && height > 1000 && t.clock < 4294750000)
                                g_assert_true(rate > 59);
                }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/cvt/reduced", test_reduced);
        g_test_add_func("/cvt/any-size", test_any_size);
        return g_test_run();
}
