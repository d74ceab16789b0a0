// The worker threads: spawned, told, asked, replaced when they die. Main thread; made by main.ts.
import { Worker } from 'node:worker_threads'
import type { Logger } from '../contract/ports.ts'
import type { Feed, FromWorker, Question, Report, ToWorker, WorkerBoot } from '../contract/protocol.ts'

/** What one worker is told, and what comes back. */
export interface WorkerHandle {
  readonly index: number
  readonly incarnation: number
  tell(message: ToWorker): void
  /** The next message of one of the kinds that `accept` takes; rejects with WorkerGone or when `timeoutMs` have passed. */
  hear<K extends Kind>(
    kinds: readonly K[],
    accept: (message: Heard<K>) => boolean,
    timeoutMs: number,
  ): Promise<Heard<K>>
}

type Kind = FromWorker['kind']
type Heard<K extends Kind> = Extract<FromWorker, { kind: K }>

/** The worker died before it answered. */
export class WorkerGone extends Error {}

export interface SupervisorEvents {
  onLog(stream: 'access' | 'system', lines: Uint8Array): void
  onReport(report: Report, worker: WorkerHandle): void
  /** A worker is there and wants its first config. Also after each replacement. A rejection ends the worker. */
  onUp(worker: WorkerHandle): Promise<void>
  /** blocked: it gave no sign of life and was ended. */
  onDown(worker: WorkerHandle, reason: string, cause: 'died' | 'blocked'): void
}

export interface Supervisor {
  /** Resolves once every worker is up and `onUp` has ended for it; rejects when one of them could not come up. */
  start(): Promise<void>
  /** Workers that are up, in index order. */
  workers(): readonly WorkerHandle[]
  feed(feed: Feed): void
  /** Asks every worker; those that die or do not answer within `timeoutMs` are left out. */
  ask(question: Question, timeoutMs: number): Promise<ReadonlyMap<number, unknown>>
  /** Asks the first worker; rejects when it fails, dies or does not answer within `timeoutMs`. */
  askOne(question: Question, timeoutMs: number): Promise<unknown>
  /** Drains all workers and ends them. */
  drain(timeoutMs: number): Promise<void>
}

interface Options {
  readonly count: number
  readonly entry: URL
  readonly boot: (index: number) => Omit<WorkerBoot, 'beats'>
  /** A worker whose event loop stands still for this long is ended and replaced; 0: none is. */
  readonly blockedMs: number
  /** Heap of a worker; one that needs more dies alone. 0: what Node.js allows. */
  readonly heapMb: number
  readonly events: SupervisorEvents
  readonly log: Logger
}

/** Respawn pauses grow to this, so that a worker that dies at once does not spin. */
const longestPauseMs = 5_000
/** A machine that has much to do starts threads slowly; waiting costs nothing, giving up the whole start. */
const upTimeoutMs = 120_000
/** So many looks without a beat in between make a worker blocked. */
const looks = 10

export function createSupervisor(options: Options): Supervisor {
  return new ThreadSupervisor(options)
}

class ThreadSupervisor implements Supervisor {
  readonly #options: Options
  readonly #up = new Map<number, Thread>()
  readonly #all = new Set<Thread>()
  #incarnations = 0
  #questions = 0
  #stopping = false
  #watch: NodeJS.Timeout | undefined

  constructor(options: Options) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { blockedMs } = this.#options
    if (blockedMs > 0) this.#watch = setInterval(() => this.#endBlocked(), blockedMs / looks).unref()
    await Promise.all(Array.from({ length: this.#options.count }, (_, index) => this.#spawn(index)))
  }

  workers(): readonly WorkerHandle[] {
    return [...this.#up.values()].sort((a, b) => a.index - b.index)
  }

  feed(feed: Feed): void {
    for (const thread of this.#all) thread.tell({ kind: 'feed', feed })
  }

  async ask(question: Question, timeoutMs: number): Promise<ReadonlyMap<number, unknown>> {
    const answers = new Map<number, unknown>()
    await Promise.all(
      this.workers().map(async (worker) => {
        const id = this.#questions++
        const answer = worker.hear(['answer'], (message) => message.id === id, timeoutMs)
        worker.tell({ kind: 'ask', id, question })
        try {
          const { value, error } = await answer
          if (error === null) answers.set(worker.index, value)
          else
            this.#options.log.warn(
              { worker: worker.index, question: question.topic, error },
              'a worker could not answer',
            )
        } catch {
          // Dead or blocked: its silence is the answer.
        }
      }),
    )
    return answers
  }

  async askOne(question: Question, timeoutMs: number): Promise<unknown> {
    const [worker] = this.workers()
    if (worker === undefined) throw new Error('no worker is up')
    const id = this.#questions++
    const answer = worker.hear(['answer'], (message) => message.id === id, timeoutMs)
    worker.tell({ kind: 'ask', id, question })
    const { value, error } = await answer
    if (error !== null) throw new Error(error)
    return value
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#stopping = true
    clearInterval(this.#watch)
    await Promise.all(
      this.workers().map(async (worker) => {
        const drained = worker.hear(['drained'], () => true, timeoutMs + 2_000)
        worker.tell({ kind: 'drain', timeoutMs })
        await drained.catch(() => {})
      }),
    )
    await Promise.all([...this.#all].map((thread) => thread.end()))
  }

  async #spawn(index: number): Promise<void> {
    const { events } = this.#options
    const thread = new Thread(index, this.#incarnations++, this.#options)
    this.#all.add(thread)
    thread.listen((message) => this.#onMessage(thread, message))
    const gone = thread.gone.then((reason) => this.#onGone(thread, reason))
    try {
      await thread.hear(['ready'], () => true, upTimeoutMs)
      // Listed before it has its config: a publish that runs meanwhile must not pass it over.
      this.#up.set(index, thread)
      await events.onUp(thread)
      thread.settled = true
    } catch (error) {
      await thread.end()
      await gone
      throw error
    }
  }

  /** Counted in looks of our own, not in time: when all of the process stood still, nobody is blocked. */
  #endBlocked(): void {
    for (const thread of this.#up.values()) {
      if (!thread.settled || thread.looksWithoutBeat() < looks) continue
      const { blockedMs, log } = this.#options
      log.error({ worker: thread.index, blockedMs }, 'a worker gave no sign of life and is ended')
      thread.blocked = true
      void thread.end()
    }
  }

  #onMessage(thread: Thread, message: FromWorker): void {
    if (message.kind === 'log') this.#options.events.onLog(message.stream, message.lines)
    else if (message.kind === 'report') this.#options.events.onReport(message.report, thread)
  }

  #onGone(thread: Thread, reason: string): void {
    this.#all.delete(thread)
    if (this.#up.get(thread.index) === thread) this.#up.delete(thread.index)
    this.#options.events.onDown(thread, reason, thread.blocked ? 'blocked' : 'died')
    // One that never settled is the business of whoever spawned it.
    if (this.#stopping || !thread.settled) return
    this.#options.log.error({ worker: thread.index, reason }, 'a worker died; it is being replaced')
    this.#replace(thread.index, 0)
  }

  #replace(index: number, pauseMs: number): void {
    setTimeout(() => {
      if (this.#stopping) return
      this.#spawn(index).catch((error) => {
        this.#options.log.error({ worker: index, err: error }, 'a worker could not be replaced; trying again')
        this.#replace(index, Math.min(longestPauseMs, pauseMs * 2 + 100))
      })
    }, pauseMs)
  }
}

type Listener = (message: FromWorker) => void

class Thread implements WorkerHandle {
  readonly index: number
  readonly incarnation: number
  /** True once it has taken its first config. */
  settled = false
  /** True once it was ended because it gave no sign of life. */
  blocked = false
  /** Resolves with the reason once the thread is no more. */
  readonly gone: Promise<string>
  readonly #worker: Worker
  readonly #listeners = new Set<Listener>()
  readonly #mourners = new Set<(reason: string) => void>()
  /** Why the thread is no more; null while it lives. */
  #death: string | null = null
  readonly #beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  #lastBeat = 0
  #looks = 0

  constructor(index: number, incarnation: number, { entry, boot, heapMb }: Options) {
    this.index = index
    this.incarnation = incarnation
    const workerData: WorkerBoot = { ...boot(index), beats: this.#beats.buffer }
    // With a limit of its own a thread is ended at it; without, memory of the whole process may run out first.
    const resourceLimits = heapMb === 0 ? {} : { maxOldGenerationSizeMb: heapMb }
    this.#worker = new Worker(entry, { workerData, resourceLimits, name: `aegis-worker-${index}` })
    this.#worker.on('message', (message: FromWorker) => {
      for (const listener of this.#listeners) listener(message)
    })
    let failure = ''
    this.#worker.on('error', (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
    })
    this.gone = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        const reason = failure || `exit code ${code}`
        this.#death = reason
        for (const mourner of this.#mourners) mourner(reason)
        resolve(reason)
      })
    })
  }

  /** How often this was asked since the last sign of life. */
  looksWithoutBeat(): number {
    const beat = Atomics.load(this.#beats, 0)
    this.#looks = beat === this.#lastBeat ? this.#looks + 1 : 0
    this.#lastBeat = beat
    return this.#looks
  }

  listen(listener: Listener): void {
    this.#listeners.add(listener)
  }

  tell(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  hear<K extends Kind>(
    kinds: readonly K[],
    accept: (message: Heard<K>) => boolean,
    timeoutMs: number,
  ): Promise<Heard<K>> {
    const toGone = (reason: string) => new WorkerGone(`worker ${this.index} died: ${reason}`)
    // Nothing more is heard of the dead, not even their death.
    if (this.#death !== null) return Promise.reject(toGone(this.#death))
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer)
        this.#listeners.delete(listener)
        this.#mourners.delete(mourner)
      }
      const listener: Listener = (message) => {
        if (!kinds.includes(message.kind as K) || !accept(message as Heard<K>)) return
        stop()
        resolve(message as Heard<K>)
      }
      const mourner = (reason: string): void => {
        stop()
        reject(toGone(reason))
      }
      const timer = setTimeout(() => {
        stop()
        reject(new Error(`worker ${this.index} did not answer within ${timeoutMs} ms`))
      }, timeoutMs)
      this.#listeners.add(listener)
      this.#mourners.add(mourner)
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
