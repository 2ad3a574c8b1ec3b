/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The configuration file, read once at the start and constant from then on. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/cleanup.h"

typedef struct Config {
        /* [general]; rates in seconds */
        uint64_t heart_beat_rate;
        uint64_t report_user_rate;
        uint64_t report_num_cpu_rate;
        uint64_t report_application_rate;
        uint64_t report_disk_usage;
        char **applications_list; /* glob patterns */
        char **ignored_fs;        /* glob patterns */
        bool ignore_zero_size_fs;
        char **ignored_nics; /* glob patterns */
        /* [credentials] */
        uint64_t credentials_valid; /* seconds */
        char **credentials_domains; /* "ENGINE=GUEST", see credentials_map_domain() */
        bool credentials_unlock;    /* without the desktop's help */
        /* [hooks] */
        char *hooks_directory;
        /* [virtio] */
        char *device_prefix;
} Config;

/* Reads @path; NULL stands for the installed file, which may be missing. Says on the log, with file, line,
 * key and what would be right, why it returns -EINVAL; an unknown key is a warning. Other negative errno:
 * the file cannot be read (said as well). */
int config_load(const char *path, Config **ret);
Config *config_free(Config *c);
DEFINE_CLEANUP(Config, config_free)

/* Writes the effective configuration as a file that config_load() reads. */
void config_print(const Config *c, FILE *f);
