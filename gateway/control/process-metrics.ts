// The process' own figures under the names that every Prometheus client library uses. Main thread; read at each scrape.
// prom-client's default set is not taken: promtool finds fault with several of its names, and it cannot be stopped.
import { readdirSync, readFileSync } from 'node:fs'
import { Counter, Gauge, type Registry } from 'prom-client'

export function addProcessMetrics(registry: Registry): void {
  addCpu(registry)
  addGauge(registry, 'process_start_time_seconds', 'Start of the process in Unix time.', () => {
    return Math.round(Date.now() / 1000 - process.uptime())
  })
  addGauge(registry, 'process_resident_memory_bytes', 'Resident memory of the whole process.', () => {
    return process.memoryUsage.rss()
  })
  addGauge(registry, 'process_heap_bytes', 'V8 heap used by the main thread; workers have their own.', () => {
    return process.memoryUsage().heapUsed
  })
  // Both need /proc; without it (not Linux) there is no such metric.
  if (openDescriptors() === null) return
  addGauge(registry, 'process_open_fds', 'Open file descriptors.', () => openDescriptors() ?? Number.NaN)
  addGauge(registry, 'process_max_fds', 'Most file descriptors that may be open.', maxDescriptors)
}

function addCpu(registry: Registry): void {
  let reported = 0
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time of all threads.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage()
      const now = (user + system) / 1e6
      this.inc(Math.max(0, now - reported))
      reported = Math.max(reported, now)
    },
  })
}

function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

function openDescriptors(): number | null {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return null
  }
}

function maxDescriptors(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1]
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}
