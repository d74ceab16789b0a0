// An operator's plugin that ends the worker it runs in, in the way that a request asks for, and tells which worker served.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const deaths = ['exit', 'throw', 'reject', 'block', 'heap'] as const
export type Death = (typeof deaths)[number]

export const deathHeader = 'x-die'
export const workerHeader = 'x-worker'
export const fatalEntry = { id: 'fatal', plugin: './fatal.ts' }

const source = `
import { threadId } from 'node:worker_threads'
import { Type } from '${import.meta.resolve('typebox')}'
const acts = {
  exit: () => process.exit(7),
  throw: () => setTimeout(() => { throw new Error('thrown by a test') }),
  reject: () => void Promise.reject(new Error('rejected by a test')),
  block: () => { for (;;); },
  heap: () => { for (const eaten = [];;) eaten.push(new Array(10_000).fill(eaten.length + 0.5)) },
}
export default {
  name: 'fatal',
  schema: Type.Object({}, { additionalProperties: false }),
  onFailure: 'deny',
  create: () => ({
    onRequest(ex) { acts[ex.header('${deathHeader}')]?.() },
    onResponse(ex) { ex.setResponseHeader('${workerHeader}', String(threadId)) },
  }),
}
`

export function writeFatalPlugin(configDir: string): Promise<void> {
  return writeFile(join(configDir, 'fatal.ts'), source)
}
