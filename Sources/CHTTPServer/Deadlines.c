// Who is late and who has left: what libmicrohttpd does not see. All under the server's lock, on the watcher thread.
//
// libmicrohttpd counts inactivity only, so a client that drips bytes would live for ever; and it does not look at a
// suspended connection at all. A connection that has been suspended for 100 ms is watched for EPOLLRDHUP from then on,
// so that short suspensions cost no system call. FIN counts as leaving (as in nginx and Go): a client that closes only
// its own direction looks the same until something is written to it.

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include "internal.h"

enum { SUSPENDED_LONG_MS = 100 };

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
// libmicrohttpd says nothing before it is complete; but the kernel counts bytes. What is seen for the first time may have
// just begun, so it has until the next look. True: it drips and must be told.
static bool check_idle(chs_connection *c, uint64_t now)
{
    const uint32_t requests = atomic_load_explicit(&c->requests, memory_order_relaxed);
    const bool is_known = c->probe_at != 0 && c->probed_request == requests;
    if (is_known && now < c->probe_at) return c->seen_ended ? close_if_ended(c) : false;
    const uint64_t bytes = received_bytes(c);
    const bool drips = is_known && c->probed_begun;
    c->probed_begun = is_known && bytes > c->probed_bytes;
    c->probed_request = requests;
    c->probed_bytes = bytes;
    c->probe_at = now + c->server->options.head_ms;
    c->seen_ended = has_ended(c);
    return drips && chs_move(c, STAGE_IDLE, STAGE_LINGER);
}

// Under the lock. True: the connection is late and must be told.
bool chs_is_late(chs_connection *c, uint64_t now)
{
    const int stage = atomic_load(&c->stage);
    const uint64_t deadline = atomic_load(&c->deadline);
    const bool is_past = deadline != 0 && now >= deadline;
    switch (stage) {
    case STAGE_IDLE:
        if (is_past && chs_move(c, STAGE_IDLE, STAGE_LINGER)) shutdown(c->fd, SHUT_RDWR);
        // Busy connections are between two requests at this moment too, but never for long.
        else if (deadline < now + c->server->options.idle_ms - CHS_PAUSE_MS) return check_idle(c, now);
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
bool chs_has_left(chs_connection *c, uint64_t now)
{
    if (!c->watched && !c->peer_gone && now - c->suspended_at >= SUSPENDED_LONG_MS) {
        struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c};
        c->watched = epoll_ctl(c->server->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
    }
    if (!c->peer_gone || c->told || c->exchange == NULL) return false;
    c->told = true;
    return true;
}
