-- Guarded PATCHes of one profile by one client, each with the version that the answer before it gave.
-- Arguments: the profile's current version. One thread and one connection only.
dofile(os.getenv("BENCH_WRK") .. "/report.lua")

local version

function init(arguments)
    version = tonumber(arguments[1])
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    local body = string.format('{"display_name":"Change %d","expected_version":%d}', version, version)
    return wrk.format("PATCH", nil, nil, body)
end

function response(status)
    if status == 200 then version = version + 1 end
end
