/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What each fuzz-NAME.c defines, as libFuzzer wants it: does something with @n hostile bytes, returns 0. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
