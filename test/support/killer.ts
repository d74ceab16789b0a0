// An operator's plugin with a defect: a request with `x-kill: yes` takes its worker down.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Admin, workersOf } from './admin.ts'
import { ask } from './ask.ts'
import { type TestGateway, waitUntil } from './gateway.ts'

const source = `
import { Type } from '${import.meta.resolve('typebox')}'
export default {
  name: 'kill',
  schema: Type.Object({}, { additionalProperties: false }),
  onFailure: 'deny',
  create: () => ({
    onRequest(ex) {
      if (ex.header('x-kill') === 'yes') setTimeout(() => { throw new Error('killed by a test') })
      return undefined
    },
  }),
}
`

export const killerEntry = { id: 'kill', plugin: './kill.ts' }

export function writeKiller(configDir: string): Promise<void> {
  return writeFile(join(configDir, 'kill.ts'), source)
}

/** Resolves once the dead worker was replaced. `path` must lead through the plugin. */
export async function killWorker(gateway: TestGateway, admin: Admin, path: string): Promise<void> {
  const deaths = () =>
    gateway.logs().filter(({ msg }) => msg === 'a worker died; it is being replaced').length
  const before = deaths()
  const running = await workersOf(admin)
  await ask(gateway.port, path, { headers: { 'x-kill': 'yes' } }).catch(() => {})
  await waitUntil(() => deaths() > before)
  // One that is back but has no config yet says that it runs version 0.
  const versions = async () => (await workersOf(admin)).filter(({ version }) => version > 0)
  await waitUntil(async () => (await versions()).length === running.length)
}
