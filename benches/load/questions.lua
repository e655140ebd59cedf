-- Posts a question that was never asked before, so that no cache flatters anybody.
local thread = 0
function setup(it)
  it:set("id", thread)
  thread = thread + 1
end

-- A name of letters: a number would make it a question for the calculator.
local function name(number)
  return (string.gsub(tostring(number), "%d", function(digit) return string.char(97 + digit) end))
end

-- More headers, as arguments: "Name: value".
local headers = { ["Content-Type"] = "application/json" }
function init(arguments)
  for _, header in ipairs(arguments) do
    local name, value = string.match(header, "^([^:]+): *(.*)$")
    if name then headers[name] = value end
  end
end

local asked = 0
function request()
  asked = asked + 1
  local body = string.format('{"content":"hello from visitor %s %s"}', name(id), name(asked))
  return wrk.format("POST", "/orchestrate", headers, body)
end

function done(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("figures %f %f %f %d\n",
    summary.requests / summary.duration * 1e6,
    latency:percentile(50.0) / 1e3, latency:percentile(99.0) / 1e3, failed))
end
