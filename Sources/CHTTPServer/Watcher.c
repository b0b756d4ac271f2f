// The watcher thread and the life of a server: accepts, keeps deadlines, sees clients leave, starts and stops.
//
// It sleeps in epoll. While there are connections it wakes every tenth of the shortest deadline (at most every 100 ms)
// and walks over them; a connection that has been suspended for 100 ms is watched for EPOLLRDHUP from then on, so that
// short suspensions cost no system call. FIN counts as leaving (as in nginx and Go): a client that closes only its own
// direction looks the same until something is written to it.

#define _GNU_SOURCE  // accept4

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

enum { DUE_AT_ONCE = 64, SUSPENDED_LONG_MS = 100, PAUSE_MS = 100 };

struct due {
    chs_connection *connection;
    void *exchange;
    bool is_gone;
};

void chs_watcher_wake(chs_server *server)
{
    const uint64_t one = 1;
    // Full means it is awake already.
    if (write(server->wake, &one, sizeof one) < 0) return;
}

// ---- accepting ----

static bool is_full(chs_server *server)
{
    pthread_mutex_lock(&server->lock);
    const bool full = server->connection_count >= server->options.maximum_connections;
    pthread_mutex_unlock(&server->lock);
    return full;
}

static void take(chs_server *server, int fd, const struct sockaddr_storage *address, socklen_t length)
{
    void *peer = server->callbacks.accepted(server->context, address);
    chs_connection *c = peer == NULL ? NULL : calloc(1, sizeof *c);
    if (c == NULL) {
        if (peer != NULL) server->callbacks.closed(server->context, peer);
        close(fd);
        return;
    }
    c->server = server;
    c->peer = peer;
    c->fd = fd;
    c->is_tcp = address->ss_family == AF_INET || address->ss_family == AF_INET6;
    atomic_store(&c->stage, STAGE_HEAD);
    atomic_store(&c->deadline, chs_now() + server->options.head_ms);
    for (unsigned i = 1; i < server->loop_count; i++)
        if (atomic_load(&server->loop_load[i]) < atomic_load(&server->loop_load[c->loop])) c->loop = i;
    if (!chs_hand_over(c, (const struct sockaddr *)address, length)) {
        server->callbacks.closed(server->context, peer);
        chs_connection_free(c);
    }
}

// False: the process has no descriptors or memory left; try again later.
static bool accept_all(chs_server *server, int listener)
{
    while (!is_full(server)) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        const int fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(server, fd, &address, length);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            char text[128];
            snprintf(text, sizeof text, "cannot accept connections: %s; trying again", strerror(errno));
            server->callbacks.log(server->context, true, text);
            return false;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINVAL || errno == EBADF) {
            return true;
        }
    }
    return true;
}

static void close_listeners(chs_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) close(server->listeners[i]);
    server->listener_count = 0;
}

// ---- deadlines ----

static uint64_t received_bytes(const chs_connection *c)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (!c->is_tcp || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
    return info.tcpi_bytes_received;
}

// libmicrohttpd misses a FIN that arrives together with data: its epoll is edge-triggered, and a read that did not fill
// the buffer counts as the last (0.9.75). Nothing to read and the end seen means that nothing will come.
static bool has_ended(const chs_connection *c)
{
    char byte;
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

// Twice in a row, so that what libmicrohttpd has just read is not cut off from its answer. Makes libmicrohttpd see it.
static bool close_if_ended(chs_connection *c)
{
    const bool ended = has_ended(c);
    if (ended && c->seen_ended) shutdown(c->fd, SHUT_RDWR);
    c->seen_ended = ended;
    return false;
}

// Under the lock. A keep-alive connection may have been left, or drip the first line of its next request, of which
// libmicrohttpd says nothing before it is complete; but the kernel counts bytes. True: it drips and must be told.
static bool check_idle(chs_connection *c, uint64_t now)
{
    const uint32_t requests = atomic_load_explicit(&c->requests, memory_order_relaxed);
    const bool is_known = c->probe_at != 0 && c->probed_request == requests;
    if (is_known && now < c->probe_at) return c->seen_ended ? close_if_ended(c) : false;
    const uint64_t bytes = received_bytes(c);
    const bool drips = is_known && bytes > c->probed_bytes;
    c->probed_request = requests;
    c->probed_bytes = bytes;
    c->probe_at = now + c->server->options.head_ms;
    c->seen_ended = has_ended(c);
    return drips && chs_move(c, STAGE_IDLE, STAGE_LINGER);
}

// Under the lock. True: the connection is late and must be told.
static bool check_deadline(chs_connection *c, uint64_t now)
{
    const int stage = atomic_load(&c->stage);
    const uint64_t deadline = atomic_load(&c->deadline);
    const bool is_past = deadline != 0 && now >= deadline;
    switch (stage) {
    case STAGE_IDLE:
        if (is_past && chs_move(c, STAGE_IDLE, STAGE_LINGER)) shutdown(c->fd, SHUT_RDWR);
        // Busy connections are between two requests at this moment too, but never for long.
        else if (deadline < now + c->server->options.idle_ms - PAUSE_MS) return check_idle(c, now);
        return false;
    case STAGE_HEAD:
        if (!is_past) return close_if_ended(c);
        if (!chs_move(c, STAGE_HEAD, STAGE_LINGER)) return false;
        // Who has said nothing gets no answer.
        if (c->is_tcp && received_bytes(c) == 0) {
            shutdown(c->fd, SHUT_RDWR);
            return false;
        }
        return true;
    case STAGE_BODY:
        if (!is_past) return c->suspended ? false : close_if_ended(c);
        return c->shared && chs_move(c, STAGE_BODY, STAGE_LINGER);
    case STAGE_LINGER:
        if (is_past) {
            shutdown(c->fd, SHUT_RDWR);
            atomic_store(&c->deadline, 0);
        }
        return false;
    default: return false;
    }
}

// Under the lock. True: the client has left and the exchange must be told.
static bool check_suspended(chs_connection *c, uint64_t now)
{
    if (!c->watched && !c->peer_gone && now - c->suspended_at >= SUSPENDED_LONG_MS) {
        struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c};
        c->watched = epoll_ctl(c->server->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
    }
    if (!c->peer_gone || c->told || c->exchange == NULL) return false;
    c->told = true;
    return true;
}

static void walk(chs_server *server)
{
    struct due due[DUE_AT_ONCE];
    size_t count;
    do {
        count = 0;
        const uint64_t now = chs_now();
        pthread_mutex_lock(&server->lock);
        for (chs_connection *c = server->first_suspended; c != NULL && count < DUE_AT_ONCE; c = c->next_suspended)
            if (check_suspended(c, now))
                due[count++] = (struct due){c, server->callbacks.retain(c->exchange), true};
        for (chs_connection *c = server->first; c != NULL && count < DUE_AT_ONCE; c = c->next)
            if (check_deadline(c, now)) {
                void *exchange = c->shared && c->exchange != NULL ? server->callbacks.retain(c->exchange) : NULL;
                due[count++] = (struct due){c, exchange, false};
            }
        pthread_mutex_unlock(&server->lock);
        for (size_t i = 0; i < count; i++) {
            if (due[i].is_gone) server->callbacks.gone(due[i].exchange);
            else server->callbacks.late(server->context, due[i].exchange, due[i].connection);
        }
    } while (count == DUE_AT_ONCE);
}

// ---- the thread ----

static int interval(const chs_server *server)
{
    uint32_t shortest = server->options.head_ms;
    if (server->options.body_ms < shortest) shortest = server->options.body_ms;
    if (server->options.idle_ms < shortest) shortest = server->options.idle_ms;
    if (server->options.linger_ms < shortest) shortest = server->options.linger_ms;
    const uint32_t tenth = shortest / 10;
    return tenth < 5 ? 5 : tenth > PAUSE_MS ? PAUSE_MS : (int)tenth;
}

static void dig(chs_server *server)
{
    pthread_mutex_lock(&server->lock);
    chs_connection *c = server->graveyard;
    server->graveyard = NULL;
    pthread_mutex_unlock(&server->lock);
    while (c != NULL) {
        chs_connection *next = c->next;
        chs_connection_free(c);
        c = next;
    }
}

static void set_listening(chs_server *server, bool on)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->listeners[i]};
        epoll_ctl(server->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, server->listeners[i], &event);
    }
}

static bool is_listener(const chs_server *server, const void *pointer)
{
    return pointer >= (const void *)server->listeners &&
           pointer < (const void *)(server->listeners + server->listener_count);
}

static void *run(void *argument)
{
    chs_server *server = argument;
    const int pause = interval(server);
    bool is_listening = false;
    uint64_t listen_again = 0;
    while (!atomic_load(&server->stops)) {
        dig(server);
        if (atomic_load(&server->stops_accepting) && server->listener_count > 0) {
            for (size_t i = 0; i < server->listener_count; i++) accept_all(server, server->listeners[i]);
            close_listeners(server);
            is_listening = false;
        }
        if (server->listener_count == 0) atomic_store(&server->accepting_stopped, true);
        const bool wants_listening = chs_now() >= listen_again && !is_full(server);
        if (is_listening != wants_listening) {
            set_listening(server, wants_listening);
            is_listening = wants_listening;
        }
        pthread_mutex_lock(&server->lock);
        const bool is_empty = server->connection_count == 0 && server->graveyard == NULL && is_listening;
        pthread_mutex_unlock(&server->lock);

        struct epoll_event events[64];
        const int count = epoll_wait(server->epoll, events, 64, is_empty ? -1 : pause);
        for (int i = 0; i < count; i++) {
            void *pointer = events[i].data.ptr;
            if (pointer == &server->wake) {
                uint64_t times;
                // Non-blocking; empty means somebody else read it.
                if (read(server->wake, &times, sizeof times) < 0) continue;
            } else if (is_listener(server, pointer)) {
                if (!accept_all(server, *(int *)pointer)) listen_again = chs_now() + PAUSE_MS;
            } else {
                pthread_mutex_lock(&server->lock);
                ((chs_connection *)pointer)->peer_gone = ((chs_connection *)pointer)->watched;
                pthread_mutex_unlock(&server->lock);
            }
        }
        walk(server);
    }
    return NULL;
}

// ---- the server ----

static void destroy(chs_server *server)
{
    close_listeners(server);
    if (server->epoll >= 0) close(server->epoll);
    if (server->wake >= 0) close(server->wake);
    dig(server);
    pthread_mutex_destroy(&server->lock);
    free(server->listeners);
    free(server->arriving);
    free(server->loops);
    free(server->loop_load);
    free(server);
}

chs_server *chs_server_start(const chs_options *options, const chs_callbacks *callbacks, void *context,
                             const int *listeners, size_t listener_count, char *error, size_t error_size)
{
    chs_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        for (size_t i = 0; i < listener_count; i++) close(listeners[i]);
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    server->options = *options;
    server->callbacks = *callbacks;
    server->context = context;
    pthread_mutex_init(&server->lock, NULL);
    server->listeners = malloc(listener_count * sizeof *server->listeners);
    server->loops = calloc(options->threads, sizeof *server->loops);
    server->loop_load = calloc(options->threads, sizeof *server->loop_load);
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->listeners != NULL) {
        memcpy(server->listeners, listeners, listener_count * sizeof *listeners);
        server->listener_count = listener_count;
    } else {
        for (size_t i = 0; i < listener_count; i++) close(listeners[i]);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->wake};
    if (server->listeners == NULL || server->loops == NULL || server->loop_load == NULL || server->epoll < 0 ||
        server->wake < 0 || epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->wake, &event) != 0) {
        snprintf(error, error_size, "cannot set up the server: %s", strerror(errno));
        destroy(server);
        return NULL;
    }
    const bool has_loops = chs_loops_start(server);
    const int failure = has_loops ? pthread_create(&server->watcher, NULL, run, server) : 0;
    if (!has_loops || failure != 0) {
        snprintf(error, error_size, "cannot start the server's threads: %s", strerror(has_loops ? failure : errno));
        chs_loops_stop(server);
        destroy(server);
        return NULL;
    }
    return server;
}

void chs_server_stop_accepting(chs_server *server)
{
    atomic_store(&server->stops_accepting, true);
    while (!atomic_load(&server->accepting_stopped)) {
        chs_watcher_wake(server);
        usleep(1000);
    }
}

size_t chs_server_active(chs_server *server)
{
    size_t active = 0;
    pthread_mutex_lock(&server->lock);
    for (chs_connection *c = server->first; c != NULL; c = c->next) {
        const int stage = atomic_load(&c->stage);
        active += stage == STAGE_CHECKED || stage == STAGE_BODY || stage == STAGE_BUSY || stage == STAGE_LINGER;
    }
    pthread_mutex_unlock(&server->lock);
    return active;
}

size_t chs_server_connections(chs_server *server)
{
    pthread_mutex_lock(&server->lock);
    const size_t count = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

void chs_server_refuse_suspension(chs_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->refuses_suspension = true;
    pthread_mutex_unlock(&server->lock);
}

void chs_server_end_exchanges(chs_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t count = 0;
    for (chs_connection *c = server->first; c != NULL; c = c->next) count += c->shared && c->exchange != NULL;
    void **exchanges = calloc(count + 1, sizeof *exchanges);
    if (exchanges != NULL) {
        count = 0;
        for (chs_connection *c = server->first; c != NULL; c = c->next)
            if (c->shared && c->exchange != NULL) exchanges[count++] = server->callbacks.retain(c->exchange);
    }
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; exchanges != NULL && i < count; i++) server->callbacks.stopping(exchanges[i]);
    free(exchanges);
}

bool chs_server_stop(chs_server *server)
{
    chs_server_stop_accepting(server);
    for (int i = 0; atomic_load(&server->suspended_count) != 0; i++) {
        if (i == 5000) return false;
        usleep(1000);
    }
    // The watcher first: it gives connections to the loops.
    atomic_store(&server->stops, true);
    chs_watcher_wake(server);
    pthread_join(server->watcher, NULL);
    chs_loops_stop(server);
    destroy(server);
    return true;
}
