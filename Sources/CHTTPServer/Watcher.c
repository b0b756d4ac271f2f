// The watcher thread: accepts, walks over the connections, frees those that are buried.
//
// It sleeps in epoll. While there are connections it wakes every tenth of the shortest deadline (at most every 100 ms)
// and asks of each whether it is late or left (Deadlines.c); Swift is told outside of the lock. Only this thread frees
// connections, so the pointers it has collected stay good until it is through with them.

#define _GNU_SOURCE  // accept4

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "internal.h"

enum { DUE_AT_ONCE = 64, COMPLAIN_AGAIN_MS = 10000 };

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

static void complain(chs_server *server, int number)
{
    if (server->complained_at != 0 && chs_now() - server->complained_at < COMPLAIN_AGAIN_MS) return;
    server->complained_at = chs_now();
    char text[160];
    snprintf(text, sizeof text, "cannot accept connections: %s; trying again, other clients wait", strerror(number));
    server->callbacks.log(server->context, true, text);
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
            complain(server, errno);
            return false;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINVAL || errno == EBADF) {
            return true;
        }
    }
    return true;
}

void chs_close_listeners(chs_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) close(server->listeners[i]);
    server->listener_count = 0;
}

// ---- late and left ----

static void walk(chs_server *server)
{
    struct due due[DUE_AT_ONCE];
    size_t count;
    do {
        count = 0;
        const uint64_t now = chs_now();
        pthread_mutex_lock(&server->lock);
        for (chs_connection *c = server->first_suspended; c != NULL && count < DUE_AT_ONCE; c = c->next_suspended)
            if (chs_has_left(c, now))
                due[count++] = (struct due){c, server->callbacks.retain(c->exchange), true};
        for (chs_connection *c = server->first; c != NULL && count < DUE_AT_ONCE; c = c->next)
            if (chs_is_late(c, now)) {
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
    return tenth < 5 ? 5 : tenth > CHS_PAUSE_MS ? CHS_PAUSE_MS : (int)tenth;
}

void chs_dig(chs_server *server)
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

void *chs_watch(void *argument)
{
    chs_server *server = argument;
    const int pause = interval(server);
    bool is_listening = false;
    uint64_t listen_again = 0;
    while (!atomic_load(&server->stops)) {
        chs_dig(server);
        if (atomic_load(&server->stops_accepting) && server->listener_count > 0) {
            for (size_t i = 0; i < server->listener_count; i++) accept_all(server, server->listeners[i]);
            chs_close_listeners(server);
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
                if (!accept_all(server, *(int *)pointer)) listen_again = chs_now() + CHS_PAUSE_MS;
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
