// Our contract over libmicrohttpd: what the Swift floor above may know of it.
//
// A server owns one event-loop thread of libmicrohttpd per `threads` (each a daemon of its own without a listen
// socket) and one watcher thread, which accepts connections, deals them out to the least busy loop, keeps the
// deadlines libmicrohttpd does not have, and notices clients that leave while their connection is suspended.
// Nothing here allocates on behalf of the caller except responses; every handle is opaque.
//
// Threads: `begin`, `body`, `ready`, `completed`, `read` and `release_stream` are called on the connection's event
// loop and must not block; `accepted`, `late`, `gone` and `stopping` on the watcher or on the thread that stops;
// `closed` and `log` on any of them. No callback runs under a lock of this library, except `retain` (under ours)
// and `read`, `release_stream` (under libmicrohttpd's lock of that one response).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHS_SWIFT_NAME(name) __attribute__((swift_name(#name)))

#pragma clang assume_nonnull begin

typedef struct chs_server chs_server;
typedef struct chs_connection chs_connection;
typedef struct chs_response chs_response;

/// Why a request head is refused; CHS_FINE if it is not.
typedef enum __attribute__((enum_extensibility(closed))) chs_problem {
    CHS_FINE CHS_SWIFT_NAME(fine) = 0,
    CHS_BAD_METHOD CHS_SWIFT_NAME(badMethod),
    CHS_BAD_REQUEST_LINE CHS_SWIFT_NAME(badRequestLine),
    CHS_BAD_HEADER_NAME CHS_SWIFT_NAME(badHeaderName),
    CHS_BAD_HEADER_VALUE CHS_SWIFT_NAME(badHeaderValue),
    CHS_BAD_LINE_ENDING CHS_SWIFT_NAME(badLineEnding),
    CHS_DUPLICATE_CONTENT_LENGTH CHS_SWIFT_NAME(duplicateContentLength),
    CHS_BAD_CONTENT_LENGTH CHS_SWIFT_NAME(badContentLength),
    CHS_LENGTH_AND_CODING CHS_SWIFT_NAME(lengthAndCoding),
    CHS_BAD_TRANSFER_CODING CHS_SWIFT_NAME(badTransferCoding),
    CHS_MISSING_HOST CHS_SWIFT_NAME(missingHost),
    CHS_DUPLICATE_HOST CHS_SWIFT_NAME(duplicateHost),
    CHS_BAD_HOST CHS_SWIFT_NAME(badHost),
    CHS_BAD_EXPECT CHS_SWIFT_NAME(badExpect),
} chs_problem;

/// One header field: offsets into the head's block. Name and value are each followed by a NUL there.
typedef struct chs_field {
    uint32_t name, name_length, value, value_length;
} chs_field;

/// A request head. The pointers are good only during `begin`. With a problem only `problem` means anything.
typedef struct chs_head {
    chs_problem problem;
    const char *method;
    size_t method_length;
    const char *target;
    size_t target_length;
    const char *_Nullable block;
    size_t block_length;
    const chs_field *_Nullable fields;
    size_t field_count;
    int64_t content_length;  ///< -1: none
    bool chunked;
    bool expects_continue;
} chs_head;

/// What `begin` wants next.
typedef enum __attribute__((enum_extensibility(closed))) chs_next {
    CHS_RECEIVE CHS_SWIFT_NAME(receive),  ///< take the body, if there is one, then call `ready`
    CHS_ANSWER CHS_SWIFT_NAME(answer),   ///< call `ready` now; an announced body is never read and the connection closes
} chs_next;

typedef struct chs_callbacks {
    /// A client has connected (`address` is a sockaddr): an owned pointer to what is to be known of it, or NULL to close it at once.
    void *_Nullable (*_Nonnull accepted)(void *context, const void *address);
    /// The connection is gone; takes the pointer of `accepted` back.
    void (*_Nonnull closed)(void *context, void *peer);
    /// A head is complete: an owned pointer to the exchange.
    void *_Nonnull (*_Nonnull begin)(void *context, chs_connection *connection, void *peer, const chs_head *head, chs_next *next);
    /// Bytes of the body, all of which are taken.
    void (*_Nonnull body)(void *exchange, const uint8_t *bytes, size_t count);
    /// The request is complete, or was resumed: answer, suspend, or return false to cut the connection.
    bool (*_Nonnull ready)(void *exchange);
    /// The request is over; takes the pointer of `begin` back. `sent`: the answer was handed to the kernel entirely.
    void (*_Nonnull completed)(void *exchange, bool sent);
    /// One more owner of the exchange; must not lock or call anything.
    void *_Nonnull (*_Nonnull retain)(void *exchange);
    /// A deadline has passed; the connection is cut after this, `chs_connection_last_words` may be called before.
    /// The exchange is owned (NULL while the head is incomplete).
    void (*_Nonnull late)(void *context, void *_Nullable exchange, chs_connection *connection);
    /// The client has closed its side while the connection is suspended. The exchange is owned.
    void (*_Nonnull gone)(void *exchange);
    /// The server stops: the exchange must end now. The exchange is owned.
    void (*_Nonnull stopping)(void *exchange);
    /// Fills the buffer from a stream: the count, 0 after having suspended, CHS_END or CHS_CUT.
    ptrdiff_t (*_Nonnull read)(void *stream, uint8_t *buffer, size_t capacity);
    /// Takes the pointer given to `chs_response_streaming` back.
    void (*_Nonnull release_stream)(void *stream);
    /// `matters`: an operator should know; otherwise it is about one connection.
    void (*_Nonnull log)(void *context, bool matters, const char *text);
} chs_callbacks;

enum { CHS_END = -1, CHS_CUT = -2 };

typedef struct chs_options {
    unsigned threads;
    unsigned maximum_connections;
    uint32_t head_ms, body_ms, idle_ms, linger_ms;
} chs_options;

/// The version of libmicrohttpd in this process, such as "0.9.75".
const char *chs_library_version(void);

/// Starts the threads, or returns NULL and says why in `error`. Takes the listen sockets over (also on failure); they
/// must be non-blocking. `context` must outlive the server.
chs_server *_Nullable chs_server_start(const chs_options *options, const chs_callbacks *callbacks, void *context,
                                       const int *listeners, size_t listener_count, char *error, size_t error_size);
/// Accepts what is in the queues, then closes the listen sockets. Returns when that is done.
void chs_server_stop_accepting(chs_server *server);
/// Connections that have a request under way.
size_t chs_server_active(chs_server *server);
/// Connections altogether.
size_t chs_server_connections(chs_server *server);
/// Calls `stopping` for every exchange that has a body, is or was suspended.
void chs_server_end_exchanges(chs_server *server);
/// From now on nothing is suspended any more. What is suspended now must still be ended.
void chs_server_refuse_suspension(chs_server *server);
/// Stops all threads and frees the server. Call from a plain thread, after the two calls above. False: a connection
/// was not resumed within five seconds; then nothing is stopped, because libmicrohttpd would abort the process.
bool chs_server_stop(chs_server *server);

/// Takes the connection off its loop. Only inside `body`, `ready` and `read` of it. False: the server stops.
bool chs_connection_suspend(chs_connection *connection);
/// Puts it back; `ready`, `body` or `read` is called again. Once per suspension, from any thread.
void chs_connection_resume(chs_connection *connection);
/// Replaces the deadline of the body by one that many milliseconds from now. Only while the body is received.
void chs_connection_set_deadline(chs_connection *connection, uint32_t milliseconds);
/// Sends bytes past libmicrohttpd, which has no way to answer in the middle of a body, and closes our direction. The
/// rest is read and thrown away until the client closes or `linger_ms` have passed. Only inside `body` and `late`.
void chs_connection_last_words(chs_connection *connection, const void *bytes, size_t count);
/// Queues the answer and drops the response. Only inside `ready`. False: not possible, cut the connection.
bool chs_connection_answer(chs_connection *connection, unsigned status, chs_response *response);

/// A response with a copy of the bytes.
chs_response *_Nullable chs_response_copying(const void *_Nullable bytes, size_t count);
/// A response that uses the bytes where they are, until it calls `release(owner)`.
chs_response *_Nullable chs_response_keeping(const void *bytes, size_t count, void *owner,
                                             void (*_Nonnull release)(void *_Nullable owner));
/// A response of unknown length, for this connection only, that calls `read` with `stream`, and `release_stream` at the
/// end.
chs_response *_Nullable chs_response_streaming(const chs_connection *connection, void *stream);
/// Adds a header field. False if name or value are not legal in HTTP, or libmicrohttpd owns the field.
bool chs_response_add(chs_response *response, const char *name, size_t name_length, const char *value,
                      size_t value_length);
/// Drops a response that was not queued.
void chs_response_drop(chs_response *response);

#pragma clang assume_nonnull end
