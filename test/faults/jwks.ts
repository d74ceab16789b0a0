// Faults of an issuer's keys. What must hold: the last good keys stay, no token is believed that they do not prove, a key
// that is published is believed at once, one that is withdrawn soon no more.
import { waitUntil } from '../support/gateway.ts'
import { type Fault, recoveryLimitMs } from './fault.ts'
import { type JwksScene, type JwksSceneOptions, startJwksScene } from './jwks-scene.ts'
import { createSigningKey, type KeyServerMode } from './key-server.ts'

function fault(name: string, how: KeyServerMode, options: JwksSceneOptions = {}): Fault<JwksScene> {
  return {
    name,
    start: () => startJwksScene(options),
    async break(scene) {
      await scene.keys.become(how)
      await attempts(scene, 4)
    },
    mend: comeBack,
  }
}

export const jwksFaults: readonly Fault<JwksScene>[] = [
  {
    // The plugin's own times: fetched every ten minutes while all is well.
    ...fault('JWKS: away at start', '503', { first: '503', jwks: {} }),
    // By then a doubling pause would be long.
    break: (scene) => attempts(scene, 10),
  },
  fault('JWKS: refuses', 'refuses'),
  fault('JWKS: answers 503', '503'),
  fault('JWKS: hangs', 'hangs', {
    jwks: { refreshSeconds: 1, cooldownSeconds: 1, timeoutMs: 500, waitMs: 500 },
  }),
  fault('JWKS: slow', 'late'),
  {
    ...fault('JWKS: garbage', 'garbage', { jwks: { refreshSeconds: 1, cooldownSeconds: 0 } }),
    async break(scene) {
      await scene.keys.become('garbage')
      await attempts(scene, 2 * scene.garbage)
    },
  },
  rotating('JWKS: rotating', 'well', { strangers: false }),
  // A fetch that is under way when a key is published may bring the keys of before.
  rotating('JWKS: rotating, slow', 'late', { strangers: false }),
  rotating('JWKS: rotating, published ahead of use, among unknown keys', 'well', {}),
]

/** The server of keys was asked so often more, by whichever gateway. */
async function attempts({ keys }: JwksScene, more: number): Promise<void> {
  // What refuses sees nobody.
  const before = keys.asked
  const end = performance.now() + 2_000
  await waitUntil(
    () => keys.asked >= before + more || (before === keys.asked && performance.now() > end),
    60_000,
  )
}

/** Comes back with another key: that it is followed again shows by it. */
async function comeBack({ keys, expect }: JwksScene): Promise<void> {
  const next = createSigningKey('after')
  keys.published = [...keys.published, next]
  await keys.become('well')
  expect(next)
}

function rotating(name: string, how: KeyServerMode, options: JwksSceneOptions): Fault<JwksScene> {
  const ahead = options.strangers !== false
  return {
    ...fault(name, how, options),
    async break(scene) {
      const { keys } = scene
      await keys.become(how)
      for (let round = 1; round <= 5; round++) {
        const before = keys.published
        const next = createSigningKey(`key-${round}`)
        keys.published = [...before, next]
        if (ahead) await waitUntil(() => scene.isIn(next), recoveryLimitMs)
        await scene.use(next)
        await attempts(scene, 2)
        keys.published = [next]
        await waitUntil(async () => {
          for (const old of before) if (!(await scene.isOut(old))) return false
          return true
        }, recoveryLimitMs)
        // Tokens of keys that are out ask for new ones too; the next key comes when that is forgotten.
        await new Promise((resolve) => setTimeout(resolve, 1_100))
      }
    },
    mend: async ({ keys }) => keys.become('well'),
  }
}
