// `npm run soak [-- --minutes 30 --seed 1 --folder bench/results]`: the figures as text, all of them as JSON, the curves as SVG.
// Ends with 1 when something was lost, wrong, or not flat.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { inUnit } from './curves.ts'
import { toPicture } from './picture.ts'
import { type SoakReport, soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string', default: fileURLToPath(new URL('../../bench/results', import.meta.url)) },
  },
})
// What was started goes with this process; a signal alone would leave it behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const report = await soak({
  minutes: Number(values.minutes),
  seed: Number(values.seed),
  say: (line) => void process.stderr.write(`${line}\n`),
})
const date = new Date().toISOString().slice(0, 16)
const caption = `${date} UTC, ${values.minutes} minutes, seed ${values.seed}, Node.js ${process.version}; grey: warm-up, not judged`
await mkdir(values.folder, { recursive: true })
await writeFile(join(values.folder, 'soak.json'), `${JSON.stringify({ date, ...report }, null, 1)}\n`)
await writeFile(
  join(values.folder, 'soak.svg'),
  toPicture(report.samples, { caption, warmMs: report.warmMs }),
)
console.log(toText(report))
console.log(`\n${join(values.folder, 'soak.json')} and .svg`)
if (report.problems.length > 0) process.exitCode = 1

function toText({ counts, acts, curves, problems }: SoakReport): string {
  const requests = Object.entries(counts).map(([kind, { asked, ok, excused, lost, wrong }]) =>
    row(kind, `${asked} asked, ${ok} ok, ${excused} excused, ${lost} lost, ${wrong} wrong`),
  )
  const done = Object.entries(acts).map(([name, times]) => row(name, `${times} times`))
  const judged = curves.map(({ name, unit, flat, first, last, growth, allowed }) => {
    const [from, to, by, most] = [first, last, growth, allowed].map((value) => inUnit(value, unit))
    return row(name, `${flat ? 'flat' : 'NOT FLAT'}: ${from} to ${to}, slope ${by} over all, ${most} allowed`)
  })
  const end = problems.length === 0 ? ['passed'] : ['FAILED', ...problems]
  return [...requests, '', ...done, '', ...judged, '', ...end].join('\n')
}

function row(head: string, text: string): string {
  return `${head.padEnd(46)}  ${text}`
}
