// Our contract with RE2 (Debian's libre2): regular expressions in linear time and bounded memory.
//
// Nothing of RE2's own header shows here and no exception leaves: running out of memory is a failure like others.
// A pattern is immutable after creation; any number of threads may search with it at once.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

typedef struct CRE2Pattern CRE2Pattern;

typedef struct {
    bool is_case_insensitive;
    bool is_literal;
    bool dot_matches_newline;
    /// Bytes for the compiled program and its caches together; compiling fails when it does not fit.
    int64_t maximum_memory;
    /// Instructions of the compiled program; the slowest search takes one step for each of them and each byte.
    int32_t maximum_program_size;
} CRE2Options;

/// Why a pattern was refused.
typedef struct {
    /// RE2's words, cut to fit, with a NUL at the end.
    char reason[128];
    /// The part of the pattern RE2 points at, cut to fit; not terminated.
    char fragment[256];
    size_t fragment_length;
} CRE2Failure;

typedef enum __attribute__((enum_extensibility(closed))) {
    CRE2OutcomeFound,
    CRE2OutcomeNotFound,
    /// The processor time is used up.
    CRE2OutcomeExhausted,
    /// Out of memory while searching.
    CRE2OutcomeFailed,
} CRE2Outcome;

typedef struct {
    size_t start;
    size_t end;
} CRE2Range;

/// Compiles a pattern of `length` bytes of UTF-8; null when it is refused, and `failure` says why.
CRE2Pattern *_Nullable cre2_create(const uint8_t *_Nullable source, size_t length, CRE2Options options,
                                   CRE2Failure *failure);

void cre2_free(CRE2Pattern *pattern);

/// Whether the pattern matches anywhere in the text.
CRE2Outcome cre2_test(const CRE2Pattern *pattern, const uint8_t *_Nullable text, size_t length);

/// Finds the leftmost match that starts at `start` or later; what stands before `start` is context for `^` and `\b`.
///
/// A search looks `reach` bytes beyond the place where a match could start, so that finding one short match after
/// another never scans the whole text for each of them. Matches up to `reach` bytes long are always found; longer
/// ones may be found cut short, or not at all.
///
/// The processor time of this thread is taken from `nanoseconds_left`; below 0 the search ends as exhausted. It is
/// looked at between windows of twice the reach.
CRE2Outcome cre2_find(const CRE2Pattern *pattern, const uint8_t *_Nullable text, size_t length, size_t start,
                      size_t reach, int64_t *nanoseconds_left, CRE2Range *range);

#pragma clang assume_nonnull end

#ifdef __cplusplus
}
#endif
