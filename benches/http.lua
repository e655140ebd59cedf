-- Posts a question that was never asked before, so that no cache flatters anybody.
local thread = 0
function setup(it)
  it:set("id", thread)
  thread = thread + 1
end

local asked = 0
function request()
  asked = asked + 1
  local body = string.format('{"content":"hello from visitor %d-%d"}', id, asked)
  return wrk.format("POST", "/orchestrate", { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("figures %f %f %f %d\n",
    summary.requests / summary.duration * 1e6,
    latency:percentile(50.0) / 1e3, latency:percentile(99.0) / 1e3, failed))
end
