-- PATCHes of one profile by several clients, each with another text and without a version, so that none is refused.
-- Run with a thread for each connection: then the time from a request to its answer is the client's own, and the counts of
-- them can be added up over several runs. (wrk's own percentiles guess at requests that were not sent during a stall.)
local ffi = require("ffi")
ffi.cdef [[
    struct timespec { long tv_sec; long tv_nsec; };
    int clock_gettime(int clock, struct timespec *time);
]]

local time = ffi.new("struct timespec")
local function now()
    ffi.C.clock_gettime(1, time)
    return tonumber(time.tv_sec) * 1e6 + tonumber(time.tv_nsec) / 1e3
end

local threads = {}
local number = 0
local began

function setup(thread)
    table.insert(threads, thread)
end

function init()
    wrk.headers["Content-Type"] = "application/json"
    -- How many answers took up to so many hundredths of a millisecond; global, for `done` to read.
    counts = {}
end

function request()
    number = number + 1
    local message = wrk.format("PATCH", nil, nil, string.format('{"display_name":"Change %d"}', number))
    began = now()
    return message
end

function response()
    local bucket = math.ceil((now() - began) / 10)
    counts[bucket] = (counts[bucket] or 0) + 1
end

dofile(os.getenv("BENCH_WRK") .. "/report.lua")
local report = done

function done(summary, latency, requests)
    local all = {}
    for _, thread in ipairs(threads) do
        for bucket, count in pairs(thread:get("counts")) do all[bucket] = (all[bucket] or 0) + count end
    end
    local parts = {}
    for bucket, count in pairs(all) do parts[#parts + 1] = string.format('"%d":%d', bucket * 10, count) end
    io.write("COUNTS {" .. table.concat(parts, ",") .. "}\n")
    report(summary, latency, requests)
end
