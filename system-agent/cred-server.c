/* SPDX-License-Identifier: Apache-2.0 */
#include "cred-server.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cred-wire.h"
#include "util/log.h"
#include "util/secret.h"

/* So many clients are let in in that time: a flood of them leaves time for the rest. */
#define ACCEPT_INTERVAL_USEC UINT64_C(50000)
#define ACCEPT_BURST 200
/* Who waits to be let in is let in after as many others, at most. */
#define BACKLOG 128

/* In secret memory. */
typedef struct Offer {
        char token[CRED_TOKEN_LENGTH + 1];
        uint8_t reply[CRED_REPLY_MAX];
        int n;
} Offer;

typedef struct Client {
        CredServer *server;
        int fd;
        pid_t pid;
        bool was_wrong; /* and waits to hear it */
        sd_event_source *io_source, *timer_source;
        uint8_t request[CRED_REQUEST_SIZE + 1]; /* one byte more says that it was too much */
        size_t n;
} Client;

struct CredServer {
        sd_event *event;
        char *path;
        int fd;
        sd_event_source *accept_source, *offer_source;
        Offer *offer;
        unsigned n_wrong; /* tokens since the offer began */
        GQueue clients;   /* the oldest first */
        void (*ended)(void *userdata);
        void *userdata;
        RateLimit refused_limit, wrong_limit;
};

/* --- the offer ---------------------------------------------------------------------------------------- */

static void forget(CredServer *s) {
        s->offer_source = sd_event_source_disable_unref(s->offer_source);
        s->offer = secret_free(s->offer, sizeof(Offer));
}

static void end(CredServer *s) {
        if (s->n_wrong > 0)
                log_warning("Wrong tokens that were tried while credentials were offered: %u", s->n_wrong);
        forget(s);
        s->ended(s->userdata);
}

bool cred_server_is_offering(const CredServer *s) {
        return s->offer;
}

void cred_server_withdraw(CredServer *s) {
        if (s->offer)
                end(s);
}

static int on_expired(sd_event_source *source, uint64_t usec, void *userdata) {
        log_info("Nobody has fetched the credentials in time: they are dropped");
        end(userdata);
        return 0;
}

static int make_token(char ret[static CRED_TOKEN_LENGTH + 1]) {
        uint8_t random[CRED_TOKEN_LENGTH / 2];

        if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t) sizeof(random))
                return -EAGAIN;
        for (size_t i = 0; i < sizeof(random); i++)
                (void) snprintf(ret + 2 * i, 3, "%02x", random[i]);
        explicit_bzero(random, sizeof(random));
        return 0;
}

int cred_server_offer(CredServer *s, const Credentials *c, uint64_t usec, const char **ret_token) {
        const CredReply fetched = {.status = CRED_OK, .user = c->user, .password = c->password};
        int r;

        cred_server_withdraw(s);
        s->n_wrong = 0;
        s->offer = secret_new(sizeof(Offer));
        r = s->offer->n = cred_reply_encode(&fetched, s->offer->reply);
        if (r >= 0)
                r = make_token(s->offer->token);
        if (r >= 0) /* a machine that sleeps is not offered for longer */
                r = sd_event_add_time_relative(s->event, &s->offer_source, CLOCK_BOOTTIME, usec, 0,
                                               on_expired, s);
        if (r < 0) {
                forget(s);
                return r;
        }
        *ret_token = s->offer->token;
        return 0;
}

/* Takes as long for any token. */
static bool is_token(const Offer *o, const char *token) {
        unsigned difference = 0;

        for (size_t i = 0; i < CRED_TOKEN_LENGTH; i++)
                difference |= (unsigned char) o->token[i] ^ (unsigned char) token[i];
        return difference == 0;
}

/* --- clients ------------------------------------------------------------------------------------------ */

static void client_free(Client *c) {
        (void) g_queue_remove(&c->server->clients, c);
        (void) sd_event_source_disable_unref(c->io_source);
        (void) sd_event_source_disable_unref(c->timer_source);
        (void) safe_close(c->fd);
        explicit_bzero(c->request, sizeof(c->request));
        g_free(c);
}

/* An empty socket takes the longest reply at once; who reads nothing keeps nobody waiting. */
static bool reply(const Client *c, const uint8_t *data, int n) {
        return send(c->fd, data, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

static void reply_status(const Client *c, CredStatus status) {
        uint8_t buffer[CRED_REPLY_MAX] = {};

        if (!reply(c, buffer, cred_reply_encode(&(CredReply){.status = status}, buffer)))
                log_debug("Process %d does not take its reply", (int) c->pid);
}

static void reply_credentials(const Client *c) {
        if (reply(c, c->server->offer->reply, c->server->offer->n))
                log_info("Process %d has fetched the credentials", (int) c->pid);
        else
                log_warning("Process %d has left without the credentials: they are dropped", (int) c->pid);
        end(c->server);
}

static int on_wrong_time(sd_event_source *source, uint64_t usec, void *userdata) {
        reply_status(userdata, CRED_WRONG);
        client_free(userdata);
        return 0;
}

static int on_request_time(sd_event_source *source, uint64_t usec, void *userdata) {
        client_free(userdata);
        return 0;
}

static int set_time(Client *c, uint64_t usec, sd_event_time_handler_t handler) {
        c->timer_source = sd_event_source_disable_unref(c->timer_source);
        return sd_event_add_time_relative(c->server->event, &c->timer_source, CLOCK_MONOTONIC, usec, 0,
                                          handler, c);
}

/* Lets who guesses wait, and nobody else: the offer stands. */
static void refuse_token(Client *c) {
        CredServer *s = c->server;
        unsigned suppressed;

        s->n_wrong++;
        if (rate_limit(&s->wrong_limit, &suppressed))
                log_warning("Process %d has a wrong token (%u more before)", (int) c->pid, suppressed);
        c->was_wrong = true;
        c->io_source = sd_event_source_disable_unref(c->io_source);
        if (set_time(c, CRED_WRONG_USEC, on_wrong_time) < 0)
                client_free(c);
}

/* Reads what there is, and answers a whole request. May free the client. */
static void client_read(Client *c) {
        ssize_t n = read(c->fd, c->request + c->n, sizeof(c->request) - c->n);
        const char *token;
        int r;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                client_free(c);
                return;
        }
        c->n += (size_t) n;
        r = cred_request_decode(c->request, c->n, &token);
        if (r == 0)
                return;
        if (r > 0 && c->server->offer && !is_token(c->server->offer, token)) {
                refuse_token(c);
                return;
        }
        if (r > 0 && c->server->offer)
                reply_credentials(c);
        else if (r > 0)
                reply_status(c, CRED_NOTHING);
        client_free(c);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        client_read(userdata);
        return 0;
}

/* Who has had a wrong token first, then who has said nothing for longest. */
static void make_room(CredServer *s) {
        Client *victim = g_queue_peek_head(&s->clients);

        if (s->clients.length < CRED_CLIENTS_MAX)
                return;
        for (GList *l = s->clients.head; l && !victim->was_wrong; l = l->next)
                if (((Client *) l->data)->was_wrong)
                        victim = l->data;
        client_free(victim);
}

static void add_client(CredServer *s, int fd, pid_t pid) {
        Client *c = g_new0(Client, 1);

        make_room(s);
        c->server = s;
        c->fd = fd;
        c->pid = pid;
        g_queue_push_tail(&s->clients, c);
        if (sd_event_add_io(s->event, &c->io_source, fd, EPOLLIN, on_io, c) < 0 ||
            set_time(c, CRED_REQUEST_USEC, on_request_time) < 0) {
                client_free(c);
                return;
        }
        client_read(c);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        /* cppcheck-suppress nullPointer */
        _cleanup_close_ int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct ucred peer = {.uid = (uid_t) -1};
        socklen_t size = sizeof(peer);
        CredServer *s = userdata;
        unsigned suppressed;

        if (client < 0)
                return 0;
        /* We are root. The directory lets nobody else in; somebody may have opened it up. */
        if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid()) {
                if (rate_limit(&s->refused_limit, &suppressed))
                        log_warning("Process %d of user %u is not root's, and gets no credentials (%u more "
                                    "before)",
                                    (int) peer.pid, (unsigned) peer.uid, suppressed);
                return 0;
        }
        add_client(s, TAKE_FD(client), peer.pid);
        return 0;
}

/* --- the socket --------------------------------------------------------------------------------------- */

static int open_socket(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;

        if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        /* One that was killed left its own. */
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        /* Nobody can connect before listen(): the mode is early enough. */
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || chmod(path, 0600) < 0 ||
            listen(fd, BACKLOG) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int cred_server_new(CredServer **ret, sd_event *event, const char *path, void (*ended)(void *userdata),
                    void *userdata) {
        _cleanup_(cred_server_freep) CredServer *s = g_new0(CredServer, 1);
        int r;

        g_queue_init(&s->clients);
        s->event = sd_event_ref(event);
        s->ended = ended;
        s->userdata = userdata;
        s->refused_limit = s->wrong_limit = (RateLimit){.interval_usec = 60 * UINT64_C(1000000), .burst = 5};
        s->fd = open_socket(path);
        if (s->fd < 0)
                return s->fd;
        s->path = g_strdup(path);
        r = sd_event_add_io(event, &s->accept_source, s->fd, EPOLLIN, on_client, s);
        if (r < 0)
                return r;
        r = sd_event_source_set_ratelimit(s->accept_source, ACCEPT_INTERVAL_USEC, ACCEPT_BURST);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

CredServer *cred_server_free(CredServer *s) {
        Client *c;

        if (!s)
                return NULL;
        while ((c = g_queue_peek_head(&s->clients)))
                client_free(c);
        forget(s);
        (void) sd_event_source_disable_unref(s->accept_source);
        (void) safe_close(s->fd);
        if (s->path)
                (void) unlink(s->path);
        g_free(s->path);
        sd_event_unref(s->event);
        g_free(s);
        return NULL;
}
