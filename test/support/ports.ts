// Ports for unit tests of plugins: a clock moved by hand, metrics that can be read, state in maps.
import type {
  CounterStore,
  DocumentHandle,
  DocumentSource,
  Labelled,
  MetricsPort,
  PluginPorts,
  RevocableToken,
  Subrequest,
  SubrequestAnswer,
} from '../../gateway/contract/ports.ts'
import { replayFiles } from '../../gateway/contract/recorded-files.ts'
import { createTestClock, type TestClock } from './clock.ts'

export interface TestPorts extends PluginPorts {
  readonly clock: TestClock
  /** Values by `name{a,b}`. */
  readonly recorded: Map<string, number>
  readonly lines: string[]
  readonly logged: { level: string; fields: Record<string, unknown>; message: string }[]
}

export function createTestPorts(over: Partial<PluginPorts> = {}): TestPorts {
  const recorded = new Map<string, number>()
  const lines: string[] = []
  const logged: TestPorts['logged'] = []
  const log = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void logged.push({ level, fields, message })
  const counters: CounterStore = {
    take: () => {
      throw new Error('this test gave no counter store')
    },
    peek: () => {
      throw new Error('this test gave no counter store')
    },
    reset: () => {},
  }
  return {
    id: 'test',
    slot: 0,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    metrics: createTestMetrics(recorded),
    counters,
    sharedCounters: null,
    documents: {
      open: () => {
        throw new Error('this test gave no documents')
      },
    },
    files: replayFiles(undefined),
    revocations: { isRevoked: (_: RevocableToken) => false },
    subrequest: {
      send: (_ex, _request: Subrequest): Promise<SubrequestAnswer> =>
        Promise.reject(new Error('this test gave no upstream')),
    },
    sharedCache: null,
    accessLog: (line) => void lines.push(line),
    recorded,
    lines,
    logged,
    ...over,
    clock: (over.clock as TestClock | undefined) ?? createTestClock(),
  }
}

function createTestMetrics(recorded: Map<string, number>): MetricsPort {
  const add = (key: string, by: number) => void recorded.set(key, (recorded.get(key) ?? 0) + by)
  const instrument = <Child>(name: string, child: (key: string) => Child): Labelled<Child> => ({
    labels: (...values) => child(`${name}{${values.join(',')}}`),
  })
  return {
    counter: (name) => instrument(name, (key) => ({ inc: (by = 1) => add(key, by) })),
    gauge: (name) => instrument(name, (key) => ({ set: (value: number) => void recorded.set(key, value) })),
    histogram: (name) => instrument(name, (key) => ({ observe: () => add(key, 1) })),
  }
}

/** A document that a test sets; `refreshes` counts what was asked. */
export function createTestDocument(text: string | null): DocumentHandle & {
  put(text: string): void
  refreshes: number
  onRefresh: (() => void) | null
  source?: DocumentSource
} {
  const listeners: (() => void)[] = []
  const document = {
    text,
    version: text === null ? 0 : 1,
    ready: Promise.resolve(),
    refreshes: 0,
    onRefresh: null as (() => void) | null,
    refresh: async () => {
      document.refreshes += 1
      document.onRefresh?.()
    },
    onChange: (callback: () => void) => void listeners.push(callback),
    close: () => {},
    put(next: string) {
      document.text = next
      document.version += 1
      for (const listener of listeners) listener()
    },
  }
  return document
}
