/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-collect.h"

#include <fcntl.h>
#include <string.h>

#include "guest-info/containers.h"
#include "guest-info/cpu.h"
#include "guest-info/disks.h"
#include "guest-info/hostname.h"
#include "guest-info/network.h"
#include "guest-info/os.h"
#include "guest-info/packages.h"
#include "guest-info/timezone.h"
#include "ovirt/ovirt-encode.h"

const char *const ovirt_report_names[_OVIRT_REPORT_MAX + 1] = {
        [OVIRT_SESSION_STARTUP] = "session-startup",
        [OVIRT_ACTIVE_USER] = "active-user",
        [OVIRT_APPLICATIONS] = "applications",
        [OVIRT_CONTAINERS] = "containers",
        [OVIRT_HOST_NAME] = "host-name",
        [OVIRT_OS_VERSION] = "os-version",
        [OVIRT_NETWORK_INTERFACES] = "network-interfaces",
        [OVIRT_DISKS_USAGE] = "disks-usage",
        [OVIRT_FQDN] = "fqdn",
        [OVIRT_TIMEZONE] = "timezone",
        [OVIRT_OS_INFO] = "os-info",
        [OVIRT_NUMBER_OF_CPUS] = "number-of-cpus",
};

/* Their servers are elsewhere, or are processes. */
static const char *const remote_fs[] = {
        "nfs*",     "cifs", "smb3", "ceph",  "glusterfs", "fuse",   "fuse.*", "9p",
        "virtiofs", "afs",  "gfs2", "ocfs2", "lustre",    "beegfs", "coda",   NULL,
};

#define VECTOR(list) ((const char *const *) (list))

static int collect_applications(const Config *config, int root_fd, unsigned flags, char **ret) {
        g_autoptr(GPtrArray) packages = NULL;
        int r;

        if (flags & OVIRT_COLLECT_FALLBACK)
                packages = g_ptr_array_new();
        else if (!(flags & OVIRT_COLLECT_MAY_BLOCK))
                return -EWOULDBLOCK;
        else {
                r = guest_packages_read(root_fd, VECTOR(config->applications_list), &packages);
                if (r < 0)
                        return r;
        }
        *ret = ovirt_encode_applications(packages);
        return 0;
}

static int collect_containers(const Config *config, int root_fd, unsigned flags, char **ret) {
        g_autoptr(GPtrArray) containers = NULL;
        bool engine = false;
        int r;

        for (size_t i = 0; guest_container_sockets[i] && !engine; i++)
                engine = faccessat(root_fd, guest_container_sockets[i], F_OK, 0) >= 0;
        if (!engine)
                containers = g_ptr_array_new();
        else if (!(flags & OVIRT_COLLECT_MAY_BLOCK))
                return -EWOULDBLOCK;
        else {
                r = guest_containers_read(root_fd, &containers);
                if (r < 0)
                        return r;
        }
        *ret = ovirt_encode_containers(containers);
        return 0;
}

static int collect_host_name(const Config *config, int root_fd, unsigned flags, char **ret) {
        _cleanup_free_ char *name = NULL;
        int r = guest_hostname_read(&name);

        if (r < 0)
                return r;
        *ret = ovirt_encode_text("host-name", "name", name);
        return 0;
}

static int collect_fqdn(const Config *config, int root_fd, unsigned flags, char **ret) {
        _cleanup_free_ char *name = NULL, *fqdn = NULL;
        int r = guest_hostname_read(&name);

        if (r < 0)
                return r;
        r = guest_fqdn_from_files(root_fd, name, &fqdn);
        if (r < 0 && !(flags & OVIRT_COLLECT_FALLBACK)) {
                if (!(flags & OVIRT_COLLECT_MAY_BLOCK))
                        return -EWOULDBLOCK;
                r = guest_fqdn_resolve(name, &fqdn);
                if (r == -EAGAIN)
                        return r; /* it does not answer: what was known stands */
        }
        /* Nobody knows a domain: the name alone, as the old agent said then. */
        *ret = ovirt_encode_text("fqdn", "fqdn", r < 0 ? name : fqdn);
        return 0;
}

static int collect_network(const Config *config, int root_fd, unsigned flags, char **ret) {
        g_autoptr(GPtrArray) interfaces = NULL;
        int r = guest_network_read(VECTOR(config->ignored_nics), &interfaces);

        if (r < 0)
                return r;
        *ret = ovirt_encode_network_interfaces(interfaces);
        return 0;
}

static int collect_disks(const Config *config, int root_fd, unsigned flags, char **ret) {
        g_autoptr(GPtrArray) ignored = g_ptr_array_new(), filesystems = NULL, disks = NULL;
        int r;

        if (!(flags & OVIRT_COLLECT_MAY_BLOCK))
                return -EWOULDBLOCK;
        for (char **type = config->ignored_fs; *type; type++)
                g_ptr_array_add(ignored, *type);
        for (const char *const *type = remote_fs; *type && flags & OVIRT_COLLECT_LOCAL_ONLY; type++)
                g_ptr_array_add(ignored, (char *) *type);
        g_ptr_array_add(ignored, NULL);

        r = guest_filesystems_read(root_fd, VECTOR(ignored->pdata), config->ignore_zero_size_fs,
                                   &filesystems);
        if (r < 0)
                return r;
        /* A mapping that is not known is an empty one. */
        if (guest_disks_read(root_fd, &disks) < 0)
                disks = g_ptr_array_new();
        *ret = ovirt_encode_disks_usage(filesystems, disks);
        return 0;
}

static int collect_timezone(const Config *config, int root_fd, unsigned flags, char **ret) {
        _cleanup_(guest_timezone_freep) GuestTimezone *tz = NULL;
        int r = guest_timezone_read(root_fd, &tz);

        if (r < 0)
                return r;
        *ret = ovirt_encode_timezone(tz);
        return 0;
}

static int collect_os_version(const Config *config, int root_fd, unsigned flags, char **ret) {
        _cleanup_(guest_os_freep) GuestOs *os = NULL;
        int r = guest_os_read(root_fd, &os);

        if (r < 0)
                return r;
        *ret = ovirt_encode_text("os-version", "version", os->kernel);
        return 0;
}

static int collect_os_info(const Config *config, int root_fd, unsigned flags, char **ret) {
        _cleanup_(guest_os_freep) GuestOs *os = NULL;
        int r = guest_os_read(root_fd, &os);

        if (r < 0)
                return r;
        *ret = ovirt_encode_os_info(os);
        return 0;
}

static int collect_number_of_cpus(const Config *config, int root_fd, unsigned flags, char **ret) {
        unsigned count;
        int r = guest_cpus_online(root_fd, &count);

        if (r < 0)
                return r;
        *ret = ovirt_encode_number_of_cpus(count);
        return 0;
}

static int collect_session_startup(const Config *config, int root_fd, unsigned flags, char **ret) {
        *ret = ovirt_encode_event("session-startup");
        return 0;
}

int ovirt_collect(OvirtReport report, const Config *config, int root_fd, unsigned flags, char **ret) {
        static int (*const collectors[_OVIRT_REPORT_MAX])(const Config *, int, unsigned, char **) = {
                [OVIRT_SESSION_STARTUP] = collect_session_startup,
                [OVIRT_APPLICATIONS] = collect_applications,
                [OVIRT_CONTAINERS] = collect_containers,
                [OVIRT_HOST_NAME] = collect_host_name,
                [OVIRT_OS_VERSION] = collect_os_version,
                [OVIRT_NETWORK_INTERFACES] = collect_network,
                [OVIRT_DISKS_USAGE] = collect_disks,
                [OVIRT_FQDN] = collect_fqdn,
                [OVIRT_TIMEZONE] = collect_timezone,
                [OVIRT_OS_INFO] = collect_os_info,
                [OVIRT_NUMBER_OF_CPUS] = collect_number_of_cpus,
        };

        return collectors[report] ? collectors[report](config, root_fd, flags, ret) : -ENODATA;
}
