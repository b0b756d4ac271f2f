-- PATCHes of one profile by several clients, each with another text and without a version, so that none is refused.
dofile(os.getenv("BENCH_WRK") .. "/report.lua")

local number = 0

function init()
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    number = number + 1
    return wrk.format("PATCH", nil, nil, string.format('{"display_name":"Change %d"}', number))
end
