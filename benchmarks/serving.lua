-- Script for wrk: sends prepared requests in turn and prints a line of JSON at the end.
-- Each argument is a file: a line with the path, lines "name: value", an empty line, the body.

local requests = {}
local turn = 0

function init(files)
  for _, name in ipairs(files) do
    local file = assert(io.open(name, "rb"))
    local path = file:read("*l")
    local headers = {}
    for line in function() return file:read("*l") end do
      if line == "" then break end
      local field, value = line:match("^([^:]+): (.*)$")
      headers[field] = value
    end
    requests[#requests + 1] = wrk.format("POST", path, headers, file:read("*a"))
    file:close()
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
