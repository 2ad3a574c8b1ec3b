/* SPDX-License-Identifier: Apache-2.0 */
#include "cvt.h"

/* VESA's Coordinated Video Timings, reduced blanking: what is not picture is the same for every size. */
#define FRAME_USEC (1e6 / 60)
#define VERTICAL_BLANK_USEC 460.0
#define VERTICAL_BLANK_LINES_MIN 19
#define CLOCK_STEP 250000
/* The most that 32 bits hold: very large pictures come more slowly. */
#define CLOCK_MAX (UINT32_MAX - UINT32_MAX % CLOCK_STEP)

void cvt_reduced(uint32_t width, uint32_t height, CvtTiming *ret) {
        double line_usec = (FRAME_USEC - VERTICAL_BLANK_USEC) / height;
        double clock;
        uint32_t blank = (uint32_t) (VERTICAL_BLANK_USEC / line_usec) + 1;

        *ret = (CvtTiming){
                .hdisplay = width,
                .hsync_start = width + 48,
                .hsync_end = width + 80,
                .htotal = width + 160,
                .vdisplay = height,
                .vsync_start = height + 3,
                .vsync_end = height + 13,
                .vtotal = height + (blank < VERTICAL_BLANK_LINES_MIN ? VERTICAL_BLANK_LINES_MIN : blank),
        };
        clock = ret->htotal * (1e6 / line_usec);
        ret->clock = clock >= CLOCK_MAX ? CLOCK_MAX : (uint32_t) (clock / CLOCK_STEP) * CLOCK_STEP;
}
