// Faults of the config files. What must hold: the last good config serves every request, also over a restart; what is
// whole again is used within a second or so, and nobody notices.
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ConfigScene, putInPlace, startConfigScene } from './config-scene.ts'
import type { Fault } from './fault.ts'

function fault(name: string, spoil: (dir: string, scene: ConfigScene) => Promise<void>): Fault<ConfigScene> {
  return {
    name: `config: ${name}`,
    start: () => startConfigScene(),
    async break(scene) {
      await scene.inEach((dir) => spoil(dir, scene))
      await scene.noticed()
    },
    mend: ({ repair }) => repair(),
  }
}

const unusable = JSON.stringify({
  upstreams: {},
  routes: [{ id: 'api', paths: ['/api/*'], upstream: 'ghost', auth: 'none' }],
})

export const configFaults: readonly Fault<ConfigScene>[] = [
  fault('half-written', (dir, { nextRoutes }) => {
    const text = nextRoutes()
    return writeFile(join(dir, 'routes.json'), text.slice(0, text.length / 2))
  }),
  fault('empty', (dir) => writeFile(join(dir, 'routes.json'), '')),
  fault('invalid', (dir) => putInPlace(dir, 'routes.json', unusable)),
  fault('gone', async (dir) => {
    await rm(join(dir, 'routes.json'))
    await rm(join(dir, 'plugins.json'))
  }),
  // Permissions do not stop root: a folder in place of the file does, and a link that leads to itself.
  fault('unreadable', async (dir) => {
    await rm(join(dir, 'routes.json'))
    await mkdir(join(dir, 'routes.json'))
    await rm(join(dir, 'plugins.json'))
    await symlink('plugins.json', join(dir, 'plugins.json'))
  }),
  {
    ...fault('invalid at start', async () => {}),
    start: () => startConfigScene((dir) => putInPlace(dir, 'routes.json', unusable)),
    break: async () => {},
  },
  swapped(1_000),
]

/** Good and bad in turn, each read by both gateways before the next. */
export function swapped(times: number): Fault<ConfigScene> {
  return {
    ...fault(`swapped ${times.toLocaleString('en')} times, good and bad in turn`, async () => {}),
    async break(scene) {
      for (let time = 0; time < times; time++) {
        const good = time % 2 === 0
        const text = good ? scene.nextRoutes() : unusable
        await scene.inEach((dir) => putInPlace(dir, 'routes.json', text))
        const taken = await scene.reload()
        if (!taken.every((one) => one === good)) throw new Error(`swap ${time}: ${taken.join(', ')}`)
        if (!(await scene.serveNewest())) throw new Error(`swap ${time}: another config is served`)
      }
    },
  }
}
