// Runs the fuzzer on a thread of its own and watches it: a hang is a broken promise too, as are a dead thread and memory
// that only grows.
import { Worker } from 'node:worker_threads'

export interface RunOptions {
  /** Names of targets. */
  readonly targets: readonly string[]
  readonly seed: number
  /** Inputs in all. */
  readonly count: number
  readonly seconds: number
  /** An input that takes longer hangs. */
  readonly hangMs: number
  /** A thread that needs more memory than this dies. */
  readonly heapMb: number
}

export interface Row {
  readonly target: string
  readonly inputs: number
  readonly cpuMs: number
  readonly broken: number
}

export interface RunResult {
  readonly rows: readonly Row[]
  readonly inputs: number
  /** Of the live heap from the first rounds to the end. */
  readonly grownMb: number
}

export type FromRun =
  | { readonly kind: 'broken'; readonly text: string }
  | { readonly kind: 'done'; readonly result: RunResult }

/** What the thread works on: index of the target, seed, number of inputs so far. */
export const progressBytes = 12

/** Resolves once the run is over; rejects, with the target and the seed, when an input hangs or ends the thread. */
export function runWatched(
  options: RunOptions,
  onBroken: (text: string) => void,
  entry: URL,
): Promise<RunResult> {
  const progress = new Int32Array(new SharedArrayBuffer(progressBytes))
  const worker = new Worker(entry, {
    workerData: { options, progress },
    resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
  })
  const place = (): string => {
    const target = options.targets[Atomics.load(progress, 0)]
    return `npm run fuzz -- --target "${target}" --seed ${Atomics.load(progress, 1) >>> 0} --count 1`
  }
  return new Promise((resolve, reject) => {
    let seen = -1
    const watchdog = setInterval(() => {
      const count = Atomics.load(progress, 2)
      if (count > 0 && count === seen)
        fail(`An input takes longer than ${options.hangMs} ms. Have it again: ${place()}`)
      seen = count
    }, options.hangMs)
    const stop = (): void => {
      clearInterval(watchdog)
      void worker.terminate()
    }
    const fail = (text: string): void => {
      stop()
      reject(new Error(text))
    }
    worker.on('error', (error: unknown) =>
      fail(`${error instanceof Error ? error.stack : error}\nThe thread died. Have it again: ${place()}`),
    )
    worker.on('message', (message: FromRun) => {
      if (message.kind === 'broken') return onBroken(message.text)
      stop()
      resolve(message.result)
    })
  })
}
