/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* The timing of a mode: where in a line, and in a frame, the picture ends, the pulse is, and all ends. */
typedef struct CvtTiming {
        uint32_t clock; /* pixels a second */
        uint32_t hdisplay, hsync_start, hsync_end, htotal;
        uint32_t vdisplay, vsync_start, vsync_end, vtotal;
} CvtTiming;

/* 60 Hz, or less beyond a clock of 4 GHz, with reduced blanking: for monitors that no electrons fly in. */
void cvt_reduced(uint32_t width, uint32_t height, CvtTiming *ret);
