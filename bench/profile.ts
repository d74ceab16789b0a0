// `node bench/profile.ts [--gateway aegis-no-plugins] [--http2] [--seconds 8] [--top 40]`: where the worker's time goes under small GETs.
// Writes the profile to bench/results too (open it in a browser's developer tools).
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { aegisFullChain, aegisNoPlugins } from './gateways/aegis.ts'
import { measureHttp2 } from './load/h2load.ts'
import { measureRequests } from './load/requests.ts'
import { byFile, byFunction, type CpuProfile, type Line, topLines } from './profile/top.ts'
import type { Turn } from './scenario.ts'
import { paths, startUpstream } from './upstream.ts'

const { values } = parseArgs({
  options: {
    gateway: { type: 'string', default: 'aegis-full-chain' },
    http2: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '8' },
    top: { type: 'string', default: '40' },
  },
})
const results = fileURLToPath(new URL('results', import.meta.url))
const warmUpSeconds = 4
const directory = await mkdtemp(join(tmpdir(), 'aegis-profile-'))
const nodeFlags = ['--import', fileURLToPath(new URL('profile/preload.ts', import.meta.url))]
const options = { nodeFlags, http2: values.http2 }
const gateways = [aegisFullChain(options), aegisNoPlugins(options)]
const measure = (turn: Turn) =>
  values.http2 ? measureHttp2(turn) : measureRequests(turn, { path: paths.small })
const gateway = gateways.find(({ name }) => name === values.gateway)
if (gateway === undefined)
  throw new Error(
    `--gateway is one of ${gateways.map(({ name }) => name).join(', ')}; found "${values.gateway}".`,
  )

process.env.BENCH_PROFILE_DIRECTORY = directory
const upstream = await startUpstream(join(directory, 'upstream'))
try {
  const running = await gateway.start(upstream, directory)
  try {
    const turn = { running, upstream, directory, number: 0, warmUp: false }
    await measure({ ...turn, seconds: warmUpSeconds })
    process.kill(running.pid, 'SIGUSR2')
    await measure({ ...turn, seconds: 3 })
    const { cost, perSecond } = await measure({ ...turn, seconds: Number(values.seconds) })
    process.kill(running.pid, 'SIGUSR2')
    console.log(
      `${gateway.name}: ${cost.toFixed(1)} us/request, ${perSecond.toFixed(0)} req/s, while sampled`,
    )
    await report()
  } finally {
    await running.stop()
  }
} finally {
  await upstream.stop()
  await rm(directory, { recursive: true, force: true })
}

async function report(): Promise<void> {
  const file = await untilWritten()
  const kept = join(results, `${values.gateway}.cpuprofile`)
  await mkdir(results, { recursive: true })
  await copyFile(file, kept)
  const profile = JSON.parse(await readFile(file, 'utf8')) as CpuProfile
  console.log(`\nself   total  function (share of the worker's busy time)`)
  print(topLines(profile, Number(values.top), byFunction))
  console.log('\nself   total  file')
  print(topLines(profile, Number(values.top), byFile))
  console.log(`\n${kept}`)
}

function print(lines: readonly Line[]): void {
  const percent = (share: number): string => `${(share * 100).toFixed(1)}%`.padStart(5)
  for (const { name, self, total } of lines) console.log(`${percent(self)}  ${percent(total)}  ${name}`)
}

async function untilWritten(): Promise<string> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await wait(100)) {
    const name = (await readdir(directory)).find((one) => /^worker-\d+\.cpuprofile$/.test(one))
    if (name === undefined) continue
    return join(directory, name)
  }
  throw new Error('the worker wrote no profile within 20 s')
}
