/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From the name of a report to its line: the collector and the encoder that belong together. */

#include <stdbool.h>

#include "config.h"

typedef enum OvirtReport {
        OVIRT_SESSION_STARTUP,
        OVIRT_ACTIVE_USER,
        OVIRT_APPLICATIONS,
        OVIRT_CONTAINERS,
        OVIRT_HOST_NAME,
        OVIRT_OS_VERSION,
        OVIRT_NETWORK_INTERFACES,
        OVIRT_DISKS_USAGE,
        OVIRT_FQDN,
        OVIRT_TIMEZONE,
        OVIRT_OS_INFO,
        OVIRT_NUMBER_OF_CPUS,
        _OVIRT_REPORT_MAX,
} OvirtReport;

/* The "__name__" of each report, then NULL. */
extern const char *const ovirt_report_names[_OVIRT_REPORT_MAX + 1];

typedef enum OvirtCollectFlags {
        OVIRT_COLLECT_MAY_BLOCK = 1 << 0,
        /* Leave out file systems whose server may be dead. */
        OVIRT_COLLECT_LOCAL_ONLY = 1 << 1,
        /* What can be told although the guest does not: the name without a domain, our own package. */
        OVIRT_COLLECT_FALLBACK = 1 << 2,
} OvirtCollectFlags;

/* Makes the line of @report, of the system below @root_fd. -EWOULDBLOCK if it may take long and @flags does
 * not allow that; -ENODATA for what only a running agent knows (the active user); other negative errno if
 * the guest does not tell. */
int ovirt_collect(OvirtReport report, const Config *config, int root_fd, unsigned flags, char **ret);
