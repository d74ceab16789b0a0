// Faults of Consul. What must hold: endpoints and config stay what they were, and are followed again afterwards.

import type { FrontMode } from './consul-front.ts'
import { type ConsulScene, startConsulScene } from './consul-scene.ts'
import type { Fault } from './fault.ts'

export const consulFaults: readonly Fault<ConsulScene>[] = [
  {
    name: 'Consul down at start',
    start: () => startConsulScene({ awayAtStart: true }),
    break: async () => {},
    mend: remember,
  },
  {
    name: 'Consul killed, restarted empty',
    start: startConsulScene,
    async break({ consul, noticed }) {
      await consul.kill()
      await noticed()
      await consul.restart()
    },
    mend: ({ fill }) => fill(),
  },
  {
    name: 'Consul killed',
    start: startConsulScene,
    async break({ consul, noticed }) {
      await consul.kill()
      await noticed()
    },
    mend: remember,
  },
  {
    name: 'Consul stopped (SIGSTOP)',
    start: startConsulScene,
    break: async ({ consul }) => void consul.process.kill('SIGSTOP'),
    mend: async ({ consul }) => void consul.process.kill('SIGCONT'),
  },
  lie('Consul answers 500', '500'),
  lie('Consul hanging', 'hang'),
  lie('Consul empty', 'empty'),
  // Nothing to notice: what it says is true, only its index is not.
  { ...lie('Consul going back in index', 'back'), break: async ({ front }) => front.setMode('back') },
]

function lie(name: string, mode: FrontMode): Fault<ConsulScene> {
  return {
    name,
    start: startConsulScene,
    async break({ front, noticed }) {
      front.setMode(mode)
      await noticed()
    },
    mend: async ({ front }) => front.setMode('pass'),
  }
}

/** A Consul without disk has forgotten everything: it is told again before the gateways are asked to have recovered. */
async function remember({ consul, fill }: ConsulScene): Promise<void> {
  await consul.restart()
  await fill()
}
