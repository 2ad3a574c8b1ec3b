/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "util/ini.h"
#include "util/log.h"
#include "util/read-file.h"

#define CONFIG_SIZE_MAX (1024 * 1024)

typedef enum KeyType {
        KEY_SECONDS,
        KEY_BOOL,
        KEY_LIST,
        KEY_PATH,
        KEY_DOMAINS,
} KeyType;

/* Every key, with its default. The numbers are the old agent's; its lists have grown by what has come since:
 * file systems without storage of their own, and what container engines put on a guest. */
static const struct Key {
        const char *section, *name;
        KeyType type;
        size_t offset;
        const char *value;
} keys[] = {
        {"general", "heart_beat_rate", KEY_SECONDS, offsetof(Config, heart_beat_rate), "5"},
        {"general", "report_user_rate", KEY_SECONDS, offsetof(Config, report_user_rate), "10"},
        {"general", "report_num_cpu_rate", KEY_SECONDS, offsetof(Config, report_num_cpu_rate), "60"},
        {"general", "report_application_rate", KEY_SECONDS, offsetof(Config, report_application_rate),
         "120"},
        {"general", "report_disk_usage", KEY_SECONDS, offsetof(Config, report_disk_usage), "300"},
        {"general", "applications_list", KEY_LIST, offsetof(Config, applications_list),
         "kernel ovirt-guest-agent ovirt-guest-agent-common xorg-x11-drv-qxl linux-image "
         "xserver-xorg-video-qxl xf86-video-qxl kernel-desktop kernel-default kernel-trace kernel-vanilla "
         "kernel-debug kernel-ec2 kernel-xen kernel-ppc64 kernel-core linux-image-[0-9]* cloud-init "
         "qemu-guest-agent spice-vdagent"},
        {"general", "ignored_fs", KEY_LIST, offsetof(Config, ignored_fs),
         "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs erofs "
         "fuse.gvfs-fuse-daemon fuse.gvfsd-fuse fuse.lxcfs fuse.portal fuse.snapfuse fusectl hugetlbfs "
         "mqueue "
         "nfsd nsfs overlay proc pstore ramfs rootfs rpc_pipefs securityfs selinuxfs squashfs sysfs tmpfs "
         "tracefs udev usbfs"},
        {"general", "ignore_zero_size_fs", KEY_BOOL, offsetof(Config, ignore_zero_size_fs), "true"},
        {"general", "ignored_nics", KEY_LIST, offsetof(Config, ignored_nics),
         "docker0 podman[0-9]* cni* virbr*-nic veth*"},
        {"credentials", "valid", KEY_SECONDS, offsetof(Config, credentials_valid), "30"},
        {"credentials", "domains", KEY_DOMAINS, offsetof(Config, credentials_domains), ""},
        {"credentials", "unlock", KEY_BOOL, offsetof(Config, credentials_unlock), "false"},
        {"hooks", "directory", KEY_PATH, offsetof(Config, hooks_directory), HOOKS_DIRECTORY},
        {"virtio", "device_prefix", KEY_PATH, offsetof(Config, device_prefix), "/dev/virtio-ports/"},
};

/* The old agent's logging set-up, in the same file: the journal needs none. */
static bool section_is_logging(const char *section) {
        return g_str_has_prefix(section, "logger") || g_str_has_prefix(section, "handler") ||
               g_str_has_prefix(section, "formatter");
}

static int set_seconds(uint64_t *field, const char *value) {
        char *end = NULL;
        int64_t n;

        errno = 0;
        n = g_ascii_strtoll(value, &end, 10);
        if (errno != 0 || end == value || *end != 0 || n > 86400)
                return -EINVAL;
        *field = (uint64_t) MAX(n, 1); /* the old agent: 0 and less meant every second */
        return 0;
}

static int set_bool(bool *field, const char *value) {
        static const char *const yes[] = {"true", "yes", "on", "1", NULL};
        static const char *const no[] = {"false", "no", "off", "0", NULL};
        _cleanup_free_ char *lower = g_ascii_strdown(value, -1);

        *field = g_strv_contains(yes, lower);
        return *field || g_strv_contains(no, lower) ? 0 : -EINVAL;
}

static int set_list(char ***field, const char *value) {
        g_auto(GStrv) words = g_strsplit_set(value, " \t\r\n", -1);
        GPtrArray *list = g_ptr_array_new();

        for (size_t i = 0; words[i]; i++)
                if (words[i][0] != 0)
                        g_ptr_array_add(list, g_strdup(words[i]));
        g_ptr_array_add(list, NULL);
        g_strfreev(*field);
        *field = (char **) g_ptr_array_free(list, false);
        return 0;
}

static int set_path(char **field, const char *value) {
        if (value[0] != '/')
                return -EINVAL;
        g_free(*field);
        *field = g_strdup(value);
        return 0;
}

/* One "=", something before it, and no "@" that would come beside the one that stays. */
static bool is_domain_entry(const char *word) {
        const char *separator = strchr(word, '=');

        return separator && separator > word && !strpbrk(separator + 1, "=@");
}

static int set_domains(char ***field, const char *value) {
        (void) set_list(field, value);
        for (char **word = *field; *word; word++)
                if (!is_domain_entry(*word))
                        return -EINVAL;
        return 0;
}

static int key_set(const struct Key *k, Config *c, const char *value) {
        void *field = (char *) c + k->offset;

        switch (k->type) {
        case KEY_SECONDS:
                return set_seconds(field, value);
        case KEY_BOOL:
                return set_bool(field, value);
        case KEY_LIST:
                return set_list(field, value);
        case KEY_PATH:
                return set_path(field, value);
        case KEY_DOMAINS:
                return set_domains(field, value);
        }
        g_assert_not_reached();
}

static const char *const expected[] = {
        [KEY_SECONDS] = "a whole number of seconds, at most 86400",
        [KEY_BOOL] = "true or false",
        [KEY_LIST] = "a list of words",
        [KEY_PATH] = "an absolute path",
        [KEY_DOMAINS] = "a list of entries ENGINE=GUEST or ENGINE=",
};

typedef struct Loading {
        Config *config;
        const char *path;
} Loading;

static int on_entry(const char *section, const char *name, const char *value, unsigned line,
                    void *userdata) {
        Loading *l = userdata;

        if (section_is_logging(section))
                return 0;
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                const struct Key *k = &keys[i];

                if (!g_str_equal(k->section, section) || !g_str_equal(k->name, name))
                        continue;
                if (key_set(k, l->config, value) >= 0)
                        return 0;

                _cleanup_free_ char *shown = g_strdelimit(g_strdup(value), "\n", ' ');
                log_error("%s:%u: %s = %s: expected %s", l->path, line, name, shown, expected[k->type]);
                return -EINVAL;
        }
        log_warning("%s:%u: unknown key \"%s\" in section [%s]", l->path, line, name, section);
        return 0;
}

static int read_config(const char *path, char **ret, size_t *ret_n) {
        _cleanup_close_ int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *absolute = g_canonicalize_filename(path, NULL);

        return root_fd < 0 ? -errno : read_file(root_fd, absolute, CONFIG_SIZE_MAX, ret, ret_n);
}

int config_load(const char *path, Config **ret) {
        _cleanup_(config_freep) Config *c = g_new0(Config, 1);
        Loading loading = {.config = c, .path = path ?: CONFIG_FILE};
        _cleanup_free_ char *text = NULL;
        const char *reason;
        unsigned line;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
                (void) key_set(&keys[i], c, keys[i].value);

        r = read_config(loading.path, &text, &n);
        if (r < 0 && (path || r != -ENOENT))
                return log_error_errno(r, "Cannot read the configuration file %s: %m", loading.path);
        if (r >= 0) {
                r = ini_parse(text, n, on_entry, &loading, &line, &reason);
                if (r == -EBADMSG) {
                        log_error("%s:%u: %s", loading.path, line, reason);
                        r = -EINVAL;
                }
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

Config *config_free(Config *c) {
        if (!c)
                return NULL;
        g_strfreev(c->applications_list);
        g_strfreev(c->ignored_fs);
        g_strfreev(c->ignored_nics);
        g_strfreev(c->credentials_domains);
        g_free(c->hooks_directory);
        g_free(c->device_prefix);
        g_free(c);
        return NULL;
}

static char *key_get(const struct Key *k, const Config *c) {
        const void *field = (const char *) c + k->offset;

        switch (k->type) {
        case KEY_SECONDS:
                return g_strdup_printf("%" PRIu64, *(const uint64_t *) field);
        case KEY_BOOL:
                return g_strdup(*(const bool *) field ? "true" : "false");
        case KEY_LIST:
        case KEY_DOMAINS:
                return g_strjoinv(" ", *(char **const *) field);
        case KEY_PATH:
                return g_strdup(*(char *const *) field);
        }
        g_assert_not_reached();
}

void config_print(const Config *c, FILE *f) {
        const char *section = "";

        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                _cleanup_free_ char *value = key_get(&keys[i], c);

                if (!g_str_equal(section, keys[i].section)) {
                        fprintf(f, "%s[%s]\n", i > 0 ? "\n" : "", keys[i].section);
                        section = keys[i].section;
                }
                fprintf(f, "%s = %s\n", keys[i].name, value);
        }
}
