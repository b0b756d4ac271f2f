// What the C files of this target share; not part of the contract.
#pragma once

#include <pthread.h>
#include <sys/socket.h>
#include <stdatomic.h>
#include <time.h>

#include "CHTTPServer.h"

struct MHD_Connection;
struct MHD_Daemon;

// The longest pause of the watcher while there are connections.
enum { CHS_PAUSE_MS = 100 };

// Where a connection is. Only its event loop moves it forward; the watcher may move HEAD, IDLE and BODY to LINGER,
// by compare-and-swap, and whoever loses that race must leave the request alone.
enum stage {
    STAGE_IDLE,     // between requests
    STAGE_HEAD,     // a head is expected or incomplete
    STAGE_CHECKED,  // the head is complete and good
    STAGE_BODY,     // the body is being received
    STAGE_BUSY,     // handler and answer
    STAGE_LINGER,   // answered or cut from outside; bytes are thrown away until the socket closes
};

struct chs_connection {
    chs_server *server;
    struct MHD_Connection *mhd;
    void *peer;
    unsigned loop;
    int fd;
    bool is_tcp;

    _Atomic int stage;
    _Atomic uint64_t deadline;  // milliseconds of the monotonic clock; 0: none

    // Used by the event loop alone.
    char *target;  // the raw target, copied before libmicrohttpd cuts it up
    size_t target_length, target_capacity;
    const char *target_at;  // where it was in libmicrohttpd's buffer
    chs_field *fields;
    size_t field_capacity;
    chs_head head;

    // Written by the event loop, read by the watcher.
    _Atomic uint32_t requests;

    // Used under the server's lock, once `shared` is set; before that the exchange belongs to the event loop.
    void *exchange;
    bool shared;
    bool suspended;
    uint64_t suspended_at, body_time_left;
    bool watched, peer_gone, told;
    bool closed;
    chs_connection *previous, *next;                      // all connections
    chs_connection *previous_suspended, *next_suspended;  // oldest first

    // Used by the watcher alone: has a keep-alive connection begun to send its next head, or ended?
    uint32_t probed_request;
    uint64_t probed_bytes, probe_at;
    bool probed_begun, seen_ended;
};

struct chs_server {
    chs_options options;
    chs_callbacks callbacks;
    void *context;

    pthread_mutex_t lock;
    chs_connection *first, *first_suspended, *last_suspended, *graveyard;
    chs_connection **arriving;  // by descriptor: accepted, but not yet started by its loop
    size_t arriving_capacity;
    size_t connection_count;
    bool refuses_suspension;
    _Atomic size_t suspended_count;

    int *listeners;
    size_t listener_count;
    _Atomic bool stops_accepting, accepting_stopped, stops;
    int epoll, wake;
    pthread_t watcher;
    uint64_t complained_at;  // the watcher's

    struct MHD_Daemon **loops;
    _Atomic unsigned *loop_load;
    unsigned loop_count;
};

static inline uint64_t chs_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline bool chs_move(chs_connection *c, int from, int to)
{
    return atomic_compare_exchange_strong(&c->stage, &from, to);
}

// CHTTPServer.c: libmicrohttpd's event loops.
bool chs_loops_start(chs_server *server);
void chs_loops_stop(chs_server *server);
bool chs_loop_adopt(chs_connection *connection, const struct sockaddr *address, socklen_t length);
void chs_loop_suspend(chs_connection *connection);
void chs_loop_resume(chs_connection *connection);

// Connections.c
bool chs_hand_over(chs_connection *connection, const struct sockaddr *address, socklen_t length);
chs_connection *chs_take_arriving(chs_server *server, int fd);  // under the lock
void chs_link(chs_connection *connection);                      // under the lock
void chs_unwatch(chs_connection *connection);                   // under the lock
void chs_bury(chs_connection *connection);
void chs_connection_free(chs_connection *connection);

// Watcher.c
void *chs_watch(void *server);
void chs_watcher_wake(chs_server *server);
void chs_close_listeners(chs_server *server);
void chs_dig(chs_server *server);

// Deadlines.c; under the lock. True: Swift must be told.
bool chs_is_late(chs_connection *connection, uint64_t now);
bool chs_has_left(chs_connection *connection, uint64_t now);

// RequestHygiene.c
chs_problem chs_check_fields(chs_head *head, bool is_http_1_0);
bool chs_is_token(const char *bytes, size_t count);
bool chs_is_field_value(const char *bytes, size_t count);
