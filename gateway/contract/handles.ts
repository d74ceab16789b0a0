// What keeps a thread's event loop alive, by kind: a leak of timers or sockets shows here before it shows in memory. Any
// thread. Timers that were unreferenced are not in it.
export type HandleKind = 'socket' | 'timer' | 'other'
export type HandleCounts = Readonly<Record<HandleKind, number>>

const kinds: Readonly<Record<string, HandleKind>> = {
  TCPSocketWrap: 'socket',
  TLSWrap: 'socket',
  PipeWrap: 'socket',
  Timeout: 'timer',
  Immediate: 'timer',
}

/** Some 5 ms with 18,000 sockets, so it is read when an operator asks for the status, not at each scrape. */
export function countHandles(): HandleCounts {
  const counts = { socket: 0, timer: 0, other: 0 }
  for (const name of process.getActiveResourcesInfo()) counts[kinds[name] ?? 'other'] += 1
  return counts
}
