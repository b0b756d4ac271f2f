// The connections of a server and their life beside libmicrohttpd: the list, suspension, last words, burial.
//
// A connection is made by the watcher when it accepts, and freed by the watcher after its loop has closed it: so the
// watcher may hold a pointer across the lock. `suspended_count` goes down only after libmicrohttpd has been told to
// resume: when it is zero and nothing can be suspended any more, stopping is safe.

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

void chs_connection_free(chs_connection *c)
{
    free(c->target);
    free(c->fields);
    free(c);
}

// Gives an accepted connection to its loop; on failure the descriptor is closed and everything undone.
bool chs_hand_over(chs_connection *c, const struct sockaddr *address, socklen_t length)
{
    chs_server *server = c->server;
    const size_t slot = (size_t)c->fd;
    pthread_mutex_lock(&server->lock);
    if (slot >= server->arriving_capacity) {
        const size_t capacity = slot + 256;
        chs_connection **grown = realloc(server->arriving, capacity * sizeof *grown);
        if (grown == NULL) {
            pthread_mutex_unlock(&server->lock);
            close(c->fd);
            return false;
        }
        for (size_t i = server->arriving_capacity; i < capacity; i++) grown[i] = NULL;
        server->arriving = grown;
        server->arriving_capacity = capacity;
    }
    // A loop without memory drops a connection without telling us; then its descriptor comes again.
    chs_connection *lost = server->arriving[slot];
    server->arriving[slot] = c;
    server->connection_count += lost == NULL ? 1 : 0;
    pthread_mutex_unlock(&server->lock);
    if (lost != NULL) {
        atomic_fetch_sub(&server->loop_load[lost->loop], 1);
        server->callbacks.closed(server->context, lost->peer);
        chs_connection_free(lost);
    }
    atomic_fetch_add(&server->loop_load[c->loop], 1);
    if (chs_loop_adopt(c, address, length)) return true;

    pthread_mutex_lock(&server->lock);
    server->arriving[slot] = NULL;
    server->connection_count--;
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_sub(&server->loop_load[c->loop], 1);
    return false;
}

chs_connection *chs_take_arriving(chs_server *server, int fd)
{
    const size_t slot = (size_t)fd;
    if (slot >= server->arriving_capacity) return NULL;
    chs_connection *c = server->arriving[slot];
    server->arriving[slot] = NULL;
    return c;
}

void chs_link(chs_connection *c)
{
    c->next = c->server->first;
    if (c->next != NULL) c->next->previous = c;
    c->server->first = c;
}

void chs_bury(chs_connection *c)
{
    chs_server *server = c->server;
    pthread_mutex_lock(&server->lock);
    chs_unwatch(c);
    c->closed = true;
    if (c->previous != NULL) c->previous->next = c->next;
    if (c->next != NULL) c->next->previous = c->previous;
    if (server->first == c) server->first = c->next;
    const bool was_full = server->connection_count == server->options.maximum_connections;
    server->connection_count--;
    void *peer = c->peer;
    atomic_fetch_sub(&server->loop_load[c->loop], 1);
    c->next = server->graveyard;
    server->graveyard = c;
    pthread_mutex_unlock(&server->lock);
    server->callbacks.closed(server->context, peer);
    if (was_full) chs_watcher_wake(server);
}

void chs_unwatch(chs_connection *c)
{
    if (!c->watched) return;
    c->watched = false;
    epoll_ctl(c->server->epoll, EPOLL_CTL_DEL, c->fd, NULL);
}

// ---- suspension ----

bool chs_connection_suspend(chs_connection *c)
{
    chs_server *server = c->server;
    pthread_mutex_lock(&server->lock);
    if (server->refuses_suspension) {
        pthread_mutex_unlock(&server->lock);
        return false;
    }
    c->shared = true;
    c->suspended = true;
    c->suspended_at = chs_now();
    if (atomic_load(&c->stage) == STAGE_BODY) {
        // The handler does not read: that is not the client's time.
        const uint64_t deadline = atomic_exchange(&c->deadline, 0);
        c->body_time_left = deadline > c->suspended_at ? deadline - c->suspended_at : 1;
    }
    c->next_suspended = NULL;
    c->previous_suspended = server->last_suspended;
    if (c->previous_suspended != NULL) c->previous_suspended->next_suspended = c;
    else server->first_suspended = c;
    server->last_suspended = c;
    atomic_fetch_add(&server->suspended_count, 1);
    chs_loop_suspend(c);
    pthread_mutex_unlock(&server->lock);
    return true;
}

void chs_connection_resume(chs_connection *c)
{
    chs_server *server = c->server;
    pthread_mutex_lock(&server->lock);
    c->suspended = false;
    if (c->previous_suspended != NULL) c->previous_suspended->next_suspended = c->next_suspended;
    else server->first_suspended = c->next_suspended;
    if (c->next_suspended != NULL) c->next_suspended->previous_suspended = c->previous_suspended;
    else server->last_suspended = c->previous_suspended;
    if (atomic_load(&c->stage) == STAGE_BODY) atomic_store(&c->deadline, chs_now() + c->body_time_left);
    pthread_mutex_unlock(&server->lock);
    // The connection lives until libmicrohttpd has resumed it; after this line it may be gone.
    chs_loop_resume(c);
    atomic_fetch_sub(&server->suspended_count, 1);
}

// ---- deadlines and last words ----

void chs_connection_set_deadline(chs_connection *c, uint32_t milliseconds)
{
    pthread_mutex_lock(&c->server->lock);
    // While it is suspended no deadline runs.
    if (c->suspended) c->body_time_left = milliseconds;
    else atomic_store(&c->deadline, chs_now() + milliseconds);
    pthread_mutex_unlock(&c->server->lock);
}

void chs_connection_last_words(chs_connection *c, const void *bytes, size_t count)
{
    chs_server *server = c->server;
    chs_move(c, STAGE_BODY, STAGE_LINGER);
    pthread_mutex_lock(&server->lock);
    if (!c->closed && atomic_load(&c->stage) == STAGE_LINGER) {
        // Small, into an empty buffer: it fits or the client is beyond help.
        const ssize_t sent = send(c->fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(c->fd, sent == (ssize_t)count ? SHUT_WR : SHUT_RDWR);
        atomic_store(&c->deadline, chs_now() + server->options.linger_ms);
    }
    pthread_mutex_unlock(&server->lock);
}
