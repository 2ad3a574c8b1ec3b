/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/containers.h"
#include "util/json-get.h"
#include "util/read-file.h"
#include "util/text.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ANSWER_MAX (8U * 1024 * 1024)
#define TIMEOUT_USEC (5 * G_USEC_PER_SEC)

const char *const guest_container_sockets[] = {"run/docker.sock", "run/podman/podman.sock", NULL};

static void guest_container_free(void *p) {
        GuestContainer *c = p;

        g_free(c->id);
        g_ptr_array_unref(c->names);
        g_free(c->image);
        g_free(c->command);
        g_free(c->status);
        g_free(c);
}

/* --- HTTP -------------------------------------------------------------------------------------------- */

/* The value of the header line if it is called @name, which has the colon; NULL if not. */
static char *header_value(const char *line, size_t n, const char *name) {
        size_t name_n = strlen(name);

        if (n < name_n || g_ascii_strncasecmp(line, name, name_n) != 0)
                return NULL;
        return g_strstrip(g_strndup(line + name_n, n - name_n));
}

/* Puts the chunks of the body together in place. */
static int unchunk(char *body, size_t *n) {
        size_t in = 0, out = 0;

        for (;;) {
                size_t size = 0, digits = 0;
                char *end;

                for (; in < *n && g_ascii_isxdigit(body[in]) && digits < 8; in++, digits++)
                        size = size * 16 + (size_t) g_ascii_xdigit_value(body[in]);
                end = memchr(body + in, '\n', *n - in);
                /* What may stand between the size and the end of the line begins with ';'. */
                if (digits == 0 || !end || (body[in] != ';' && body[in] != '\r'))
                        return -EBADMSG;
                in = (size_t) (end + 1 - body);
                if (size == 0) {
                        *n = out;
                        return 0;
                }
                if (size > *n - in || *n - in - size < 2 || memcmp(body + in + size, "\r\n", 2) != 0)
                        return -EBADMSG;
                memmove(body + out, body + in, size);
                out += size;
                in += size + 2;
        }
}

/* The body of a whole answer with status 200. */
static int http_body(const char *answer, size_t n, char **ret, size_t *ret_n) {
        _cleanup_free_ char *head = NULL, *body = NULL;
        const char *end, *rest, *line;
        uint64_t length = UINT64_MAX;
        gboolean chunked = FALSE;
        size_t line_n, body_n;

        end = n > 0 ? memmem(answer, n, "\r\n\r\n", 4) : NULL;
        if (!end)
                return -EBADMSG;
        head = g_strndup(answer, (gsize) (end - answer));
        body_n = n - (size_t) (end + 4 - answer);

        rest = head;
        if (!next_line(&rest, &line, &line_n) || line_n < strlen("HTTP/1.x 200") ||
            memcmp(line, "HTTP/1.", strlen("HTTP/1.")) != 0 || memcmp(line + 8, " 200", 4) != 0 ||
            g_ascii_isdigit(line[12]))
                return -EBADMSG;
        while (next_line(&rest, &line, &line_n)) {
                _cleanup_free_ char *value = header_value(line, line_n, "Content-Length:"), *coding = NULL;

                if (value && parse_uint64(value, &length) < 0)
                        return -EBADMSG;
                coding = header_value(line, line_n, "Transfer-Encoding:");
                if (coding) {
                        if (g_ascii_strcasecmp(coding, "chunked") != 0)
                                return -EBADMSG;
                        chunked = TRUE;
                }
        }

        body = g_memdup2(end + 4, body_n);
        if (chunked) {
                int r = body ? unchunk(body, &body_n) : -EBADMSG;
                if (r < 0)
                        return r;
        } else if (length != UINT64_MAX) {
                if (length > body_n)
                        return -EBADMSG; /* cut */
                body_n = (size_t) length;
        }
        *ret = TAKE_PTR(body);
        *ret_n = body_n;
        return 0;
}

/* Reads until the other end closes, or the deadline. */
static int exchange(int fd, uint64_t timeout_usec, const char *request, GByteArray *answer) {
        int64_t deadline = g_get_monotonic_time() + (int64_t) timeout_usec;
        size_t left = strlen(request);

        for (;;) {
                struct pollfd p = {.fd = fd, .events = left > 0 ? POLLOUT : POLLIN};
                int64_t wait = deadline - g_get_monotonic_time();
                uint8_t buffer[16384];
                ssize_t n;

                if (wait <= 0)
                        return -ETIME;
                if (poll(&p, 1, (int) (wait / 1000 + 1)) < 0 && errno != EINTR)
                        return -errno;
                if (left > 0) {
                        n = send(fd, request, left, MSG_DONTWAIT | MSG_NOSIGNAL);
                        if (n > 0) {
                                request += n;
                                left -= (size_t) n;
                        }
                } else {
                        n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                        if (n == 0)
                                return 0;
                        if (n > 0) {
                                if ((size_t) n > ANSWER_MAX - answer->len)
                                        return -EFBIG;
                                g_byte_array_append(answer, buffer, (guint) n);
                        }
                }
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
}

/* --- JSON -------------------------------------------------------------------------------------------- */

static char *string_member(JsonObject *o, const char *name) {
        const char *s;

        return g_strdup(json_get_string(o, name, &s) == JSON_VALUE ? s : "");
}

/* The container that @node describes; NULL if it has no id. */
static GuestContainer *container_from_json(JsonNode *node) {
        JsonObject *o = json_node_as_object(node);
        GuestContainer *c;
        JsonArray *names;
        const char *id;

        if (!o || json_get_string(o, "Id", &id) != JSON_VALUE || !*id)
                return NULL;
        c = g_new(GuestContainer, 1);
        *c = (GuestContainer){
                .id = g_strdup(id),
                .names = g_ptr_array_new_with_free_func(g_free),
                .image = string_member(o, "Image"),
                .command = string_member(o, "Command"),
                .status = string_member(o, "Status"),
        };
        names = json_node_as_array(json_object_get_member(o, "Names"));
        for (guint i = 0; names && i < json_array_get_length(names); i++) {
                const char *name = json_node_as_string(json_array_get_element(names, i));
                if (name)
                        g_ptr_array_add(c->names, g_strdup(name));
        }
        return c;
}

int guest_containers_parse(const char *answer, size_t n, GPtrArray **ret) {
        GPtrArray *containers;
        _cleanup_free_ char *body = NULL;
        g_autoptr(JsonNode) node = NULL;
        JsonArray *list;
        size_t body_n;
        int r;

        r = http_body(answer, n, &body, &body_n);
        if (r < 0)
                return r;
        r = json_parse(body ? body : "", body_n, &node);
        if (r < 0)
                return r;
        list = json_node_as_array(node);
        if (!list)
                return -EBADMSG;

        containers = g_ptr_array_new_with_free_func(guest_container_free);
        for (guint i = 0; i < json_array_get_length(list); i++) {
                GuestContainer *c = container_from_json(json_array_get_element(list, i));
                if (c)
                        g_ptr_array_add(containers, c);
        }
        *ret = containers;
        return 0;
}

/* --- engines ----------------------------------------------------------------------------------------- */

int guest_containers_ask(int fd, uint64_t timeout_usec, GPtrArray **ret) {
        /* Version 1.0, so that the answer ends with the connection. */
        static const char request[] = "GET /containers/json?all=true HTTP/1.0\r\n\r\n";
        g_autoptr(GByteArray) answer = g_byte_array_new();
        int r;

        r = exchange(fd, timeout_usec, request, answer);
        if (r < 0)
                return r;
        return guest_containers_parse((const char *) answer->data, answer->len, ret);
}

static int connect_below(int root_fd, const char *path) {
        _cleanup_close_ int place = -EBADF, fd = -EBADF;
        struct sockaddr_un sa = {.sun_family = AF_UNIX};

        place = open_below(root_fd, path, O_PATH);
        if (place < 0)
                return place;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        (void) snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d", place);
        if (connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static gint compare_containers(gconstpointer a, gconstpointer b) {
        const GuestContainer *x = *(GuestContainer *const *) a, *y = *(GuestContainer *const *) b;

        return strcmp(x->id, y->id);
}

int guest_containers_read(int root_fd, GPtrArray **ret) {
        g_autoptr(GPtrArray) containers = g_ptr_array_new_with_free_func(guest_container_free);
        unsigned good = 0, bad = 0;

        for (size_t i = 0; guest_container_sockets[i]; i++) {
                _cleanup_close_ int fd = connect_below(root_fd, guest_container_sockets[i]);
                GPtrArray *more;

                /* A stopped engine may leave its socket behind. */
                if (fd == -ENOENT || fd == -ENOTDIR || fd == -ECONNREFUSED)
                        continue;
                if (fd < 0 || guest_containers_ask(fd, TIMEOUT_USEC, &more) < 0) {
                        bad++;
                        continue;
                }
                good++;
                g_ptr_array_extend_and_steal(containers, more);
        }
        if (bad > 0 && good == 0)
                return -EIO;

        g_ptr_array_sort(containers, compare_containers);
        /* Podman may answer on Docker's socket as well. */
        for (guint i = 1; i < containers->len;) {
                const GuestContainer *c = containers->pdata[i], *previous = containers->pdata[i - 1];

                if (strcmp(c->id, previous->id) == 0)
                        g_ptr_array_remove_index(containers, i);
                else
                        i++;
        }
        *ret = g_steal_pointer(&containers);
        return 0;
}
