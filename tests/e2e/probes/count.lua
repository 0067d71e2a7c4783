-- How often it ran, from state: what goes on, goes on counting.
return {
  every = 0.5, timeout = 2,
  run = function(device, out, state)
    state.n = (state.n or 0) + 1
    assert(device:get "1.3.6.1.2.1.1.3.0")
    out:gauge("n", state.n)
  end,
}
