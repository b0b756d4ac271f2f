// A server's life: starting its threads, counting and ending what is under way, stopping.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

static void destroy(chs_server *server)
{
    chs_close_listeners(server);
    if (server->epoll >= 0) close(server->epoll);
    if (server->wake >= 0) close(server->wake);
    chs_dig(server);
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
    const int failure = has_loops ? pthread_create(&server->watcher, NULL, chs_watch, server) : 0;
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
