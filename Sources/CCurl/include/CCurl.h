// The transport's contract with libcurl: one event loop (epoll + libcurl's socket interface) and the
// transfers running on it. libcurl's own header stays inside CCurl.c, because its setters are variadic
// and do not import into Swift.
//
// Threads: everything here belongs to the one thread that runs the loop, except ccurl_loop_wake, which
// any thread may call. Callbacks run on that thread, inside ccurl_loop_dispatch or ccurl_transfer_resume; only
// `done` may start or cancel transfers, the others must not call back into this file.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct ccurl_loop ccurl_loop;
typedef struct ccurl_transfer ccurl_transfer;

/// What a receiver wants after a head or a piece of body.
typedef enum __attribute__((enum_extensibility(closed))) CurlFlow {
    CurlFlowMore = 0,
    CurlFlowPause = 1,  ///< the bytes were taken; deliver no more until ccurl_transfer_resume
    CurlFlowAbort = 2,  ///< close the connection; `done` follows with CurlOutcomeAborted
} CurlFlow;

/// How a transfer ended, as far as libcurl's many codes differ for us.
typedef enum __attribute__((enum_extensibility(closed))) CurlOutcome {
    CurlOutcomeComplete = 0,
    CurlOutcomeResolve,
    CurlOutcomeConnect,
    CurlOutcomeConnectTimeout,
    CurlOutcomeReset,
    CurlOutcomeTruncated,
    CurlOutcomeTLS,
    CurlOutcomeBadURL,
    CurlOutcomeHeadTooLarge,
    CurlOutcomeAborted,
    CurlOutcomeOther,
} CurlOutcome;

typedef struct {
    /// The final response head (1xx skipped): `block` is "Name: value\r\n" lines without the status line
    /// and without the empty line; valid during the call only.
    CurlFlow (*head)(void *context, int status, const uint8_t *_Nullable block, size_t length);
    CurlFlow (*body)(void *context, const uint8_t *bytes, size_t length);
    /// Exactly once per started transfer that was not cancelled. `text` is valid during the call only.
    /// The transfer handle is gone when this is called.
    void (*done)(void *context, CurlOutcome outcome, int code, const char *text);
} ccurl_callbacks __attribute__((swift_name("CurlCallbacks")));

typedef struct {
    long maximum_idle_connections;
    /// 0: no limit.
    long maximum_connections_per_host;
    size_t maximum_head_bytes;
    /// NULL: no proxy, whatever the environment says.
    const char *_Nullable proxy;
    /// NULL: the system's trusted certificates.
    const char *_Nullable ca_file;
} ccurl_options __attribute__((swift_name("CurlOptions")));

typedef struct {
    const char *method;
    const char *url;
    /// Where to connect to in place of the URL's host and port; NULL: there.
    const char *_Nullable unix_socket;
    /// NUL-terminated header lines one after another ("Name: value\0"); copied.
    const uint8_t *_Nullable header_lines;
    size_t header_bytes;
    /// Not copied: must stay valid until `done` or cancellation.
    const uint8_t *_Nullable body;
    size_t body_length;
    long connect_timeout_ms;
} ccurl_request __attribute__((swift_name("CurlRequest")));

/// NULL when the system refuses descriptors or memory.
ccurl_loop *_Nullable ccurl_loop_create(const ccurl_options *options, const ccurl_callbacks *callbacks);

/// Closes the idle connections; afterwards only ccurl_loop_wake and ccurl_loop_destroy may be called. No transfer
/// may be running.
void ccurl_loop_close(ccurl_loop *loop);

/// Any thread, once nobody can call ccurl_loop_wake any more.
void ccurl_loop_destroy(ccurl_loop *loop);

/// Called first by the loop's thread: names it (15 characters) and blocks all signals there, so that they are
/// handled elsewhere and a TLS write to a closed connection raises no SIGPIPE.
void ccurl_enter_thread(const char *name);

/// Makes a sleeping ccurl_loop_wait return. Any thread.
void ccurl_loop_wake(ccurl_loop *loop);

/// Waits up to `timeout_ms` (-1: for ever) for something to happen, and does nothing about it yet: between
/// waiting and dispatching the owner can say that it is awake, so that nobody wakes it needlessly.
void ccurl_loop_wait(ccurl_loop *loop, int timeout_ms);

/// Handles what the last wait found and what is due: all the callbacks run in here.
void ccurl_loop_dispatch(ccurl_loop *loop);

/// Starts a transfer; NULL (and `*outcome`) if it cannot even be begun. `context` is handed to the callbacks.
ccurl_transfer *_Nullable ccurl_transfer_start(
    ccurl_loop *loop, const ccurl_request *request, void *context, CurlOutcome *outcome);

/// Ends a transfer at once and closes its connection; `done` is not called.
void ccurl_transfer_cancel(ccurl_transfer *transfer);

/// Undoes CurlFlowPause; held bytes are delivered during the call, and `done` may be called in it.
void ccurl_transfer_resume(ccurl_transfer *transfer);

/// "libcurl/7.88.1 OpenSSL/…", static.
const char *ccurl_version(void);

/// Milliseconds of the monotonic clock.
int64_t ccurl_now_ms(void);

#pragma clang assume_nonnull end
