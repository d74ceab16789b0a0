// Runs one row: load, break, load, mend, and how long it takes until all is as before.
import { type Fault, type Row, recoveryLimitMs, type Scene } from './fault.ts'
import { startLoad } from './steady-load.ts'

export interface RunOptions {
  /** Answers awaited before the fault, during it, and after it. */
  readonly answers: number
}

export async function runFault<S extends Scene>(fault: Fault<S>, { answers }: RunOptions): Promise<Row> {
  const scene = await fault.start()
  const load = startLoad(scene)
  try {
    await load.answers(answers)
    load.phase = 'broken'
    await fault.break(scene)
    await load.answers(answers)
    await fault.mend(scene)
    const mendedAt = performance.now()
    const recovered = await until(() => scene.recovered(), recoveryLimitMs)
    const recoveryMs = recovered ? Math.round(performance.now() - mendedAt) : null
    load.phase = 'mended'
    await load.answers(answers)
    await load.stop()
    const problems = [...(await scene.problems()), ...load.examples]
    return { name: fault.name, ...load.counts, recoveryMs, problems }
  } finally {
    await load.stop()
    await scene.stop()
  }
}

async function until(probe: () => Promise<boolean>, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs
  while (performance.now() < end) {
    // A probe that gets no answer must not hold the row up.
    if (await Promise.race([probe().catch(() => false), falseAfter(end - performance.now())])) return true
    await falseAfter(20)
  }
  return false
}

function falseAfter(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms).unref()
  })
}
