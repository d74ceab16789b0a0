// The load of a bench without wrk, in a process of its own: N connections, each with one request under way at a time.
import { Pool } from 'undici'
import type { Load, LoadResult } from './load.ts'

const load = JSON.parse(process.argv[2] ?? '{}') as Load
process.stdout.write(JSON.stringify(await run(load)))

async function run({ url, headers, connections, seconds }: Load): Promise<LoadResult> {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections, pipelining: 1 })
  const end = performance.now() + seconds * 1000
  let requests = 0
  let failures = 0
  const one = async (): Promise<void> => {
    while (performance.now() < end) {
      try {
        const { statusCode, body } = await pool.request({ path: pathname, method: 'GET', headers })
        await body.dump()
        requests += 1
        if (statusCode < 200 || statusCode > 299) failures += 1
      } catch {
        failures += 1
      }
    }
  }
  await Promise.all(Array.from({ length: connections }, one))
  await pool.close()
  return { requests, failures }
}
