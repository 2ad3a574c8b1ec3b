/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/disks.h"
#include "util/read-file.h"
#include "util/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define MOUNTINFO_MAX (16U * 1024 * 1024)

/* --- which mounts to ask ----------------------------------------------------------------------------- */

/* A line of mountinfo. The strings point into it. */
typedef struct Entry {
        uint64_t id, parent, device;
        char *root, *path, *type;
        enum { UNKNOWN, PENDING, HIDDEN, REACHABLE } state;
} Entry;

/* Parses the line in place: "id parent major:minor root path options [optional...] - type source ...". */
static bool entry_parse(char *line, Entry *ret) {
        Entry e = {.state = UNKNOWN};
        char *save = NULL, *word, *words[6];
        uint64_t major, minor;
        const char *p;

        for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
                words[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
                if (!words[i])
                        return false;
        }
        if (parse_uint64(words[0], &e.id) < 0 || parse_uint64(words[1], &e.parent) < 0)
                return false;
        p = words[2];
        if (scan_uint64(&p, &major) < 0 || *p++ != ':' || parse_uint64(p, &minor) < 0 ||
            major > UINT32_MAX || minor > UINT32_MAX)
                return false;
        e.device = major << 32 | minor;
        e.root = words[3];
        e.path = words[4];
        do
                word = strtok_r(NULL, " ", &save);
        while (word && strcmp(word, "-") != 0);
        e.type = word ? strtok_r(NULL, " ", &save) : NULL;
        if (!e.type || *e.path != '/')
                return false;
        unescape_octal(e.path);
        unescape_octal(e.type);
        *ret = e;
        return true;
}

static guint place_hash(gconstpointer p) {
        const Entry *e = p;

        return g_str_hash(e->path) * 31 + (guint) e->parent;
}

static gboolean place_equal(gconstpointer a, gconstpointer b) {
        const Entry *x = a, *y = b;

        return x->parent == y->parent && strcmp(x->path, y->path) == 0;
}

/* The last mount that is mounted on mount @parent at @path, by the table of places. */
static Entry *mounted_at(GHashTable *places, uint64_t parent, char *path) {
        const Entry key = {.parent = parent, .path = path};

        return g_hash_table_lookup(places, &key);
}

/* Whether another mount on the same parent hides the way to @e: at a directory above it, or later at the
 * same. */
static bool is_behind_sibling(GHashTable *places, const Entry *e) {
        _cleanup_free_ char *above = g_strdup(e->path);

        if (mounted_at(places, e->parent, e->path) != e)
                return true;
        while (above[1]) {
                char *slash = strrchr(above, '/');
                const Entry *other;

                slash[slash == above] = '\0';
                other = mounted_at(places, e->parent, above);
                if (other && other != e)
                        return true;
        }
        return false;
}

/* Decides for @e and the mounts that it stands on whether a path leads there. */
static void resolve(Entry *e, GHashTable *ids, GHashTable *places, GPtrArray *chain) {
        bool reachable;

        g_ptr_array_set_size(chain, 0);
        for (; e && e->state == UNKNOWN; e = g_hash_table_lookup(ids, &e->parent)) {
                e->state = PENDING;
                g_ptr_array_add(chain, e);
        }
        /* No parent in the list: it is outside of our root. A pending one is a loop, which no kernel writes.
         */
        reachable = !e || e->state == REACHABLE;
        for (guint i = chain->len; i-- > 0;) {
                e = chain->pdata[i];
                reachable = reachable && !is_behind_sibling(places, e);
                e->state = reachable ? REACHABLE : HIDDEN;
        }
}

static void guest_mount_free(void *p) {
        GuestMount *m = p;

        g_free(m->path);
        g_free(m->type);
        g_free(m);
}

static gint compare_mounts(gconstpointer a, gconstpointer b) {
        const GuestMount *x = *(GuestMount *const *) a, *y = *(GuestMount *const *) b;
        size_t xn = strlen(x->path), yn = strlen(y->path);

        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        if ((xn == 1) != (yn == 1)) /* "/" */
                return xn == 1 ? -1 : 1;
        if (x->whole != y->whole)
                return x->whole ? -1 : 1;
        if (xn != yn)
                return xn < yn ? -1 : 1;
        return strcmp(x->path, y->path);
}

GPtrArray *guest_mounts_parse(const char *mountinfo, const char *const *ignored_types) {
        g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(g_free), chain = g_ptr_array_new();
        g_autoptr(GHashTable) ids = g_hash_table_new(g_int64_hash, g_int64_equal);
        g_autoptr(GHashTable) places = g_hash_table_new(place_hash, place_equal);
        _cleanup_free_ char *text = g_strdup(mountinfo);
        GPtrArray *mounts = g_ptr_array_new_with_free_func(guest_mount_free);
        char *line, *rest = text;

        while ((line = strsep(&rest, "\n"))) {
                Entry e;

                if (entry_parse(line, &e)) {
                        Entry *p = g_memdup2(&e, sizeof(e));
                        g_ptr_array_add(entries, p);
                        g_hash_table_replace(ids, &p->id, p);
                        g_hash_table_replace(places, p, p);
                }
        }

        for (guint i = 0; i < entries->len; i++) {
                Entry *e = entries->pdata[i];
                GuestMount *m;

                resolve(e, ids, places, chain);
                /* Reachable, but is something mounted right on top? */
                if (e->state != REACHABLE || mounted_at(places, e->id, e->path) ||
                    glob_match_any(ignored_types, e->type))
                        continue;
                m = g_new(GuestMount, 1);
                *m = (GuestMount){
                        .device = e->device,
                        .path = g_strdup(e->path),
                        .type = g_strdup(e->type),
                        .whole = strcmp(e->root, "/") == 0,
                };
                g_ptr_array_add(mounts, m);
        }
        g_ptr_array_sort(mounts, compare_mounts);
        return mounts;
}

/* --- asking them ------------------------------------------------------------------------------------- */

static void guest_filesystem_free(void *p) {
        GuestFilesystem *f = p;

        g_free(f->path);
        g_free(f->type);
        g_free(f);
}

static gint compare_filesystems(gconstpointer a, gconstpointer b) {
        const GuestFilesystem *x = *(GuestFilesystem *const *) a, *y = *(GuestFilesystem *const *) b;

        return strcmp(x->path, y->path);
}

static int ask_mount(int root_fd, const GuestMount *m, uint64_t *ret_total, uint64_t *ret_used) {
        _cleanup_close_ int fd = -EBADF;
        struct statvfs v;
        uint64_t total;
        struct stat st;

        /* O_PATH and no O_DIRECTORY: an automount point is not to be triggered. */
        fd = open_below(root_fd, m->path, O_PATH);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        if (fstatvfs(fd, &v) < 0)
                return -errno;
        if (v.f_bfree > v.f_blocks || __builtin_mul_overflow(v.f_blocks, v.f_frsize, &total) ||
            total > INT64_MAX)
                return -ERANGE;
        *ret_total = total;
        *ret_used = total - v.f_bfree * v.f_frsize;
        return 0;
}

int guest_filesystems_read(int root_fd, const char *const *ignored_types, bool ignore_zero_size,
                           GPtrArray **ret) {
        g_autoptr(GPtrArray) filesystems = g_ptr_array_new_with_free_func(guest_filesystem_free),
                             mounts = NULL;
        _cleanup_free_ char *mountinfo = NULL;
        const GuestMount *answered = NULL;
        int r;

        r = read_file(root_fd, "proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo, NULL);
        if (r < 0)
                return r;
        mounts = guest_mounts_parse(mountinfo, ignored_types);

        for (guint i = 0; i < mounts->len; i++) {
                const GuestMount *m = mounts->pdata[i];
                uint64_t total, used;
                GuestFilesystem *f;

                if ((answered && answered->device == m->device) || ask_mount(root_fd, m, &total, &used) < 0)
                        continue;
                answered = m;
                if (total == 0 && ignore_zero_size)
                        continue;
                f = g_new(GuestFilesystem, 1);
                *f = (GuestFilesystem){
                        .path = g_strdup(m->path),
                        .type = g_strdup(m->type),
                        .total = total,
                        .used = used,
                };
                g_ptr_array_add(filesystems, f);
        }
        g_ptr_array_sort(filesystems, compare_filesystems);
        *ret = g_steal_pointer(&filesystems);
        return 0;
}

/* --- disks ------------------------------------------------------------------------------------------- */

static void guest_disk_free(void *p) {
        GuestDisk *d = p;

        g_free(d->serial);
        g_free(d->node);
        g_free(d);
}

static gint compare_disks(gconstpointer a, gconstpointer b) {
        const GuestDisk *x = *(GuestDisk *const *) a, *y = *(GuestDisk *const *) b;
        int r = strcmp(x->serial, y->serial);

        return r != 0 ? r : strcmp(x->node, y->node);
}

char *guest_udev_serial_parse(const char *text) {
        static const char key[] = "E:ID_SERIAL=";
        const char *line;
        size_t n;

        while (next_line(&text, &line, &n))
                if (n > strlen(key) && memcmp(line, key, strlen(key)) == 0)
                        return g_strndup(line + strlen(key), n - strlen(key));
        return NULL;
}

/* As udev makes an ID_SERIAL of what a device says: trimmed, an underscore for blanks. NULL if nothing is
 * left. */
static char *tidy_serial(const char *s, size_t n) {
        _cleanup_free_ char *text = g_strstrip(g_strndup(s, n));
        GString *tidy = g_string_new(NULL);

        for (const char *p = text; *p; p++)
                if (!g_ascii_isspace(*p))
                        g_string_append_c(tidy, *p);
                else if (!g_ascii_isspace(p[1]))
                        g_string_append_c(tidy, '_');
        return g_string_free(tidy, tidy->len == 0);
}

char *guest_vpd_serial_parse(const uint8_t *data, size_t n) {
        size_t length;

        if (n < 4 || data[1] != 0x80)
                return NULL;
        length = (size_t) data[2] << 8 | data[3];
        if (length > n - 4)
                return NULL;
        return tidy_serial((const char *) data + 4, length);
}

/* The serial number of sys/block/@name. */
static char *disk_serial(int root_fd, const char *name) {
        static const char *const attributes[] = {"serial", "device/serial"};
        _cleanup_free_ char *dev_path = g_strdup_printf("sys/block/%s/dev", name), *dev = NULL,
                            *db_path = NULL, *db = NULL, *vpd_path = NULL, *vpd = NULL;
        size_t n;

        if (read_file(root_fd, dev_path, 64, &dev, NULL) >= 0) {
                char *serial;

                db_path = g_strdup_printf("run/udev/data/b%s", g_strchomp(dev));
                if (read_file(root_fd, db_path, 64 * 1024, &db, NULL) >= 0 &&
                    (serial = guest_udev_serial_parse(db)))
                        return serial;
        }

        for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
                _cleanup_free_ char *path = g_strdup_printf("sys/block/%s/%s", name, attributes[i]),
                                    *text = NULL;
                char *serial;

                /* The file of an attribute claims to be of the size of a page. */
                if (read_file(root_fd, path, 64 * 1024, &text, NULL) >= 0 &&
                    (serial = tidy_serial(text, strlen(text))))
                        return serial;
        }

        vpd_path = g_strdup_printf("sys/block/%s/device/vpd_pg80", name);
        if (read_file(root_fd, vpd_path, 64 * 1024, &vpd, &n) < 0)
                return NULL;
        return guest_vpd_serial_parse((const uint8_t *) vpd, n);
}

int guest_disks_read(int root_fd, GPtrArray **ret) {
        g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(guest_disk_free);
        struct dirent *de;
        DIR *dir;
        int fd;

        fd = open_below(root_fd, "sys/block", O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return fd;
        dir = fdopendir(fd);
        if (!dir) {
                safe_close(fd);
                return -errno;
        }
        while ((de = readdir(dir))) {
                GuestDisk *d;
                char *serial;

                if (*de->d_name == '.')
                        continue;
                serial = disk_serial(root_fd, de->d_name);
                if (!serial)
                        continue;
                d = g_new(GuestDisk, 1);
                *d = (GuestDisk){
                        .serial = serial,
                        /* The kernel writes '!' for the '/' of "/dev/cciss/c0d0". */
                        .node = g_strdelimit(g_strconcat("/dev/", de->d_name, NULL), "!", '/'),
                };
                g_ptr_array_add(disks, d);
        }
        closedir(dir);

        g_ptr_array_sort(disks, compare_disks);
        /* Several paths to one disk have one serial: the first stays. */
        for (guint i = 1; i < disks->len;) {
                const GuestDisk *d = disks->pdata[i], *previous = disks->pdata[i - 1];

                if (strcmp(d->serial, previous->serial) == 0)
                        g_ptr_array_remove_index(disks, i);
                else
                        i++;
        }
        *ret = g_steal_pointer(&disks);
        return 0;
}
