/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/disks.h"
#include "test-namespace.h"
#include "test-tree.h"

#include <sys/mount.h>
#include <sys/statvfs.h>

static const char *const pseudo[] = {"proc", "sysfs", "tmpfs", "fuse.gvfs*", NULL};

/* One line of mountinfo. */
#define M(id, parent, dev, root, path, type)                                                                \
#id " " #parent " " dev " " root " " path " rw,relatime shared:1 master:2 - " type " /dev/x rw\n"

static void test_mounts(void) {
        static const struct {
                const char *what, *mountinfo, *expected;
        } cases[] = {
                {"nothing", "", ""},
                {"each file system by itself",
                 M(1, 0, "8:1", "/", "/", "ext4") M(2, 1, "8:2", "/", "/home", "xfs")
                         M(3, 1, "0:5", "/", "/run", "tmpfs"),
                 "/:ext4 /home:xfs"},
                {"no optional fields", "1 0 8:1 / / rw - ext4 /dev/x rw\n", "/:ext4"},
                {"pattern", M(1, 0, "0:9", "/", "/", "fuse.gvfsd-fuse"), ""},
                {"escapes", M(1, 0, "8:1", "/", "/mnt/a\\040b\\134", "fuse.x\\040y"), "/mnt/a b\\:fuse.x y"},
                {"bind mounts: the root of the file system first, then the shorter path",
                 M(1, 0, "8:1", "/", "/", "ext4") M(2, 1, "8:2", "/sub", "/b", "ext4")
                         M(3, 1, "8:2", "/", "/srv/data", "ext4") M(4, 1, "8:2", "/other", "/aa", "ext4"),
                 "/:ext4 /srv/data:ext4|/b|/aa"},
                {"btrfs subvolumes: / is what people know",
                 M(1, 0, "0:30", "/@", "/", "btrfs") M(2, 1, "0:30", "/@home", "/home", "btrfs")
                         M(3, 1, "0:30", "/", "/mnt/top", "btrfs"),
                 "/:btrfs|/mnt/top|/home"},
                {"stacked at one path",
                 M(1, 0, "8:1", "/", "/", "ext4") M(2, 1, "8:2", "/", "/m", "xfs")
                         M(3, 2, "8:3", "/", "/m", "ext3"),
                 "/:ext4 /m:ext3"},
                {"covered by a mount above it",
                 M(1, 0, "8:1", "/", "/", "ext4") M(2, 1, "8:2", "/", "/a/b", "xfs")
                         M(3, 2, "8:3", "/", "/a/b/c", "ext3") M(4, 1, "8:4", "/", "/a", "ext2"),
                 "/:ext4 /a:ext2"},
                {"the cover holds a mount at the covered path",
                 M(1, 0, "8:1", "/", "/", "ext4") M(2, 1, "8:2", "/", "/a/b", "xfs")
                         M(4, 1, "8:4", "/", "/a", "ext2") M(5, 4, "8:5", "/", "/a/b", "ext3"),
                 "/:ext4 /a:ext2 /a/b:ext3"},
                {"a new root over the old one",
                 M(1, 0, "0:1", "/", "/", "ramfs") M(2, 1, "8:9", "/", "/old", "xfs")
                         M(3, 1, "8:1", "/", "/", "ext4") M(4, 3, "8:2", "/", "/old", "ext3"),
                 "/:ext4 /old:ext3"},
                {"a cover of an ignored type covers all the same",
                 M(1, 0, "8:1", "/", "/", "ext4") M(2, 1, "8:2", "/", "/m", "xfs")
                         M(3, 2, "0:3", "/", "/m", "tmpfs"),
                 "/:ext4"},
                {"the bind mount stays visible where the other one is covered",
                 M(1, 0, "8:1", "/", "/", "ext4") M(2, 1, "8:2", "/", "/m", "xfs")
                         M(3, 1, "8:2", "/d", "/long/path", "xfs") M(4, 2, "8:3", "/", "/m", "ext3"),
                 "/:ext4 /long/path:xfs /m:ext3"},
                {"no prefix of a name",
                 M(1, 0, "8:1", "/", "/", "ext4") M(2, 1, "8:2", "/", "/ab", "xfs")
                         M(3, 1, "8:3", "/", "/a", "ext3"),
                 "/:ext4 /ab:xfs /a:ext3"},
                {"parents outside of our root",
                 M(7, 6, "8:1", "/c", "/", "ext4") M(9, 8, "8:2", "/", "/data", "xfs"), "/:ext4 /data:xfs"},
                {"loops, which no kernel writes",
                 M(1, 2, "8:1", "/", "/a", "ext4") M(2, 1, "8:2", "/", "/a/b", "xfs")
                         M(3, 3, "8:3", "/", "/c", "xfs"),
                 ""},
                {"broken lines cost themselves",
                 "\n1\n1 0 8:1 / /\n1 0 8:1 / / rw - \n1 0 8 / / rw - ext4 x rw\n1 0 8:x / / rw - ext4 x "
                 "rw\n"
                 "x 0 8:1 / / rw - ext4 x rw\n1 -1 8:1 / / rw - ext4 x rw\n1 0 8:1 / rel rw - ext4 x rw\n"
                 "1 0 99999999999:1 / / rw - ext4 x rw\n" M(2, 0, "8:2", "/", "/good",
                                                            "xfs") "3 0 8:3 / /cut rw",
                 "/good:xfs"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GPtrArray) mounts = guest_mounts_parse(cases[i].mountinfo, pseudo);
                g_autoptr(GString) s = g_string_new(NULL);
                uint64_t device = 0;

                for (guint k = 0; k < mounts->len; k++) {
                        const GuestMount *m = mounts->pdata[k];

                        if (k > 0 && m->device == device)
                                g_string_append_printf(s, "|%s", m->path);
                        else
                                g_string_append_printf(s, "%s%s:%s", k > 0 ? " " : "", m->path, m->type);
                        device = m->device;
                }
                g_test_message("%s", cases[i].what);
                /* The order of file systems is that of their device numbers, and not promised. */
                g_assert_cmpstr(s->str, ==, cases[i].expected);
        }
}

static const GuestFilesystem *find_filesystem(GPtrArray *filesystems, const char *path) {
        for (guint i = 0; i < filesystems->len; i++) {
                const GuestFilesystem *f = filesystems->pdata[i];
                if (strcmp(f->path, path) == 0)
                        return f;
        }
        return NULL;
}

static void test_sample(void) {
        _cleanup_close_ int root = sample_root("debian");
        g_autoptr(GPtrArray) filesystems = NULL;
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "guest-info", "debian", NULL);
        const GuestFilesystem *f;
        struct statvfs v;

        g_assert_cmpint(guest_filesystems_read(root, pseudo, true, &filesystems), ==, 0);
        g_assert_cmpuint(filesystems->len, ==, 2);
        f = filesystems->pdata[0];
        g_assert_cmpstr(f->path, ==, "/");
        g_assert_cmpstr(f->type, ==, "ext4");
        /* The numbers are those of the file system that the sample lies on. */
        g_assert_cmpint(statvfs(path, &v), ==, 0);
        g_assert_cmpuint(f->total, ==, (uint64_t) v.f_blocks * v.f_frsize);
        g_assert_cmpuint(f->used, >, 0);
        g_assert_cmpuint(f->used, <=, f->total);
        f = filesystems->pdata[1];
        g_assert_cmpstr(f->path, ==, "/boot");
}

static void test_not_there(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autoptr(GPtrArray) filesystems = NULL, disks = NULL;

        g_assert_cmpint(guest_filesystems_read(t.fd, pseudo, true, &filesystems), ==, -ENOENT);
        g_assert_cmpint(guest_disks_read(t.fd, &disks), ==, -ENOENT);

        /* The better mount is on a file, or gone: then the other one speaks for the file system. */
        tree_write(&t, "proc/self/mountinfo",
                   M(1, 0, "8:1", "/", "/file", "ext4") M(2, 0, "8:1", "/d", "/directory", "ext4")
                           M(3, 0, "8:2", "/", "/gone", "xfs") M(4, 0, "8:2", "/e", "/still/there", "xfs"));
        tree_write(&t, "file", "");
        tree_mkdir(&t, "directory");
        tree_mkdir(&t, "still/there");
        g_assert_cmpint(guest_filesystems_read(t.fd, pseudo, true, &filesystems), ==, 0);
        g_assert_cmpuint(filesystems->len, ==, 2);
        g_assert_nonnull(find_filesystem(filesystems, "/directory"));
        g_assert_nonnull(find_filesystem(filesystems, "/still/there"));
}

/* Real mounts, in a namespace of our own. */
static void test_real(void) {
        static const char *const no_types[] = {NULL};
        _cleanup_tree_ Tree t = tree_new();
        _cleanup_close_ int root = -EBADF;
        g_autofree char *space = tree_path(&t, "a b"), *under = tree_path(&t, "a b/under"),
                        *bind = tree_path(&t, "c"), *file = tree_path(&t, "file"),
                        *covered = tree_path(&t, "covered");
        g_autoptr(GPtrArray) filesystems = NULL, with_zero = NULL;
        const GuestFilesystem *f;

        tree_mkdir(&t, "a b");
        tree_mkdir(&t, "c");
        tree_mkdir(&t, "covered");
        tree_write(&t, "file", "");
        if (!enter_namespace(CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", space, "tmpfs", 0, "size=1m") < 0) {
                g_test_skip("no mount namespace for this user");
                return;
        }
        root = open("/", O_PATH | O_CLOEXEC); /* in the new namespace */
        g_assert_cmpint(mkdir(under, 0755), ==, 0);
        tree_write(&t, "a b/under/file", "0123456789");
        g_assert_cmpint(mount(under, bind, "", MS_BIND, NULL), ==, 0);
        {
                g_autofree char *inner = tree_path(&t, "a b/under/file");
                g_assert_cmpint(mount(inner, file, "", MS_BIND, NULL), ==, 0);
        }
        g_assert_cmpint(mount("tmpfs", covered, "tmpfs", 0, "size=2m"), ==, 0);
        g_assert_cmpint(mount("tmpfs", covered, "tmpfs", 0, "size=4m"), ==, 0);

        g_assert_cmpint(guest_filesystems_read(root, no_types, true, &filesystems), ==, 0);
        f = find_filesystem(filesystems, space);
        g_assert_nonnull(f);
        g_assert_cmpstr(f->type, ==, "tmpfs");
        g_assert_cmpuint(f->total, ==, 1024 * 1024);
        g_assert_cmpuint(f->used, >, 0);
        g_assert_cmpuint(f->used, <, 64 * 1024);
        g_assert_null(find_filesystem(filesystems, bind));
        g_assert_null(find_filesystem(filesystems, file));
        f = find_filesystem(filesystems, covered);
        g_assert_nonnull(f);
        g_assert_cmpuint(f->total, ==, 4 * 1024 * 1024);
        g_assert_null(find_filesystem(filesystems, "/proc"));

        g_assert_cmpint(guest_filesystems_read(root, no_types, false, &with_zero), ==, 0);
        g_assert_nonnull(find_filesystem(with_zero, "/proc"));
        for (guint i = 0; i < with_zero->len; i++) {
                f = with_zero->pdata[i];
                g_assert_cmpuint(f->used, <=, f->total);
        }

        g_assert_cmpint(umount2(covered, 0), ==, 0);
        g_assert_cmpint(umount2(covered, 0), ==, 0);
        g_assert_cmpint(umount2(file, 0), ==, 0);
        g_assert_cmpint(umount2(bind, 0), ==, 0);
        g_assert_cmpint(umount2(space, 0), ==, 0);
}

static void test_serials(void) {
        static const struct {
                const char *serial, *node;
        } expected[] = {
                {"0QEMU_QEMU_HARDDISK_f3a0", "/dev/dm-0"}, /* and /dev/sda: two ways to one disk */
                {"5d1f1c9e-6a35-4c3b-9", "/dev/vda"},
                {"P400_1", "/dev/cciss/c0d0"},
                {"QEMU_DVD-ROM_QM00003", "/dev/sr0"},
                {"S4GENX0N", "/dev/nvme0n1"},
                {"ab_cd", "/dev/sdb"},
                {"second_disk", "/dev/vdb"},
        };
        _cleanup_close_ int root = sample_root("debian");
        g_autoptr(GPtrArray) disks = NULL;

        g_assert_cmpint(guest_disks_read(root, &disks), ==, 0);
        for (guint i = 0; i < disks->len; i++) {
                const GuestDisk *d = disks->pdata[i];

                g_assert_cmpuint(i, <, G_N_ELEMENTS(expected));
                g_assert_cmpstr(d->serial, ==, expected[i].serial);
                g_assert_cmpstr(d->node, ==, expected[i].node);
        }
        g_assert_cmpuint(disks->len, ==, G_N_ELEMENTS(expected));
}

static void test_serial_texts(void) {
        static const struct {
                const char *text, *serial;
        } databases[] = {
                {"E:ID_SERIAL=x\n", "x"},
                {"E:ID_SERIAL=x", "x"},
                {"E:ID_SERIAL_SHORT=y\nE:ID_SERIAL=x y\n", "x y"},
                {"E:ID_SERIAL=\n", NULL},
                {"ID_SERIAL=x\n", NULL},
                {"E:XID_SERIAL=x\n", NULL},
                {"", NULL},
        };
        static const struct {
                const char *data;
                size_t n;
                const char *serial;
        } pages[] = {
                {"\0\x80\0\x04wxyz", 8, "wxyz"},
                {"\0\x80\0\x04  y ", 8, "y"},
                {"\0\x80\0\x04wxyzmore", 12, "wxyz"},
                {"\0\x80\0\x04wxy", 7, NULL}, /* cut */
                {"\0\x83\0\x04wxyz", 8, NULL},
                {"\0\x80\xff\xffwxyz", 8, NULL},
                {"\0\x80\0\x04    ", 8, NULL},
                {"\0\x80\0\0", 4, NULL},
                {"\0\x80\0", 3, NULL},
                {"", 0, NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(databases); i++) {
                g_autofree char *serial = guest_udev_serial_parse(databases[i].text);
                g_assert_cmpstr(serial, ==, databases[i].serial);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
                g_autofree uint8_t *data = g_memdup2(pages[i].data, pages[i].n);
                g_autofree char *serial = guest_vpd_serial_parse(data, pages[i].n);
                g_assert_cmpstr(serial, ==, pages[i].serial);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/disks/mounts", test_mounts);
        g_test_add_func("/disks/sample", test_sample);
        g_test_add_func("/disks/not-there", test_not_there);
        g_test_add_func("/disks/serials", test_serials);
        g_test_add_func("/disks/serial-texts", test_serial_texts);
        g_test_add_func("/disks/real", test_real); /* last: it changes our namespace */
        return g_test_run();
}
