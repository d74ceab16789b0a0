// Faults of Redis. What must hold: limits by the counters of each gateway, decisions of rbac by asking, revocations by what
// is known, nobody waits.
import { execFileSync } from 'node:child_process'
import { type RedisOptions, startRedis } from '../services/redis.ts'
import { createAdmin } from '../support/admin.ts'
import { waitUntil } from '../support/gateway.ts'
import type { Fault } from './fault.ts'
import { type RedisScene, type RedisSceneOptions, startRedisScene } from './redis-scene.ts'

/** Once in Redis and once in each of two gateways; once more where Redis has forgotten. */
const remembered = 3
const forgotten = 4

function fault(
  name: string,
  options: RedisSceneOptions,
  acts: Pick<Fault<RedisScene>, 'break' | 'mend'>,
): Fault<RedisScene> {
  return { name, start: () => startRedisScene(options), ...acts }
}

export const redisFaults: readonly Fault<RedisScene>[] = [
  fault(
    'Redis down at start',
    { redisAtStart: false, tightTimes: remembered },
    { break: async () => {}, mend: restart },
  ),
  fault('Redis killed', { tightTimes: forgotten }, { break: kill, mend: restart }),
  fault(
    'Redis stopped (SIGSTOP)',
    { tightTimes: remembered },
    {
      break: async (scene) => {
        scene.redis?.freeze()
        await noticed(scene)
      },
      mend: async ({ redis }) => redis?.thaw(),
    },
  ),
  fault(
    'Redis 2 s slow',
    { tightTimes: remembered },
    {
      break: async (scene) => {
        scene.line.delayMs = 1_000
        await noticed(scene)
      },
      mend: async ({ line }) => {
        line.delayMs = 0
      },
    },
  ),
  fault(
    'Redis unreachable, no reset',
    { tightTimes: remembered },
    {
      break: async (scene) => {
        scene.line.silent = true
        await noticed(scene)
      },
      mend: async ({ line }) => {
        line.silent = false
      },
    },
  ),
  fault('Redis flapping', { tightTimes: forgotten + 4 }, { break: flap, mend: restart }),
  fault(
    'Redis restarted empty',
    { tightTimes: forgotten },
    {
      break: async (scene) => {
        await kill(scene)
        await restart(scene)
      },
      mend: async () => {},
    },
  ),
  fault(
    'Redis a read-only replica',
    { tightTimes: remembered },
    say('REPLICAOF', ['127.0.0.1', '1'], ['NO', 'ONE']),
  ),
  fault(
    'Redis out of memory',
    { tightTimes: remembered },
    say('CONFIG', ['SET', 'maxmemory', '1'], ['SET', 'maxmemory', '0']),
  ),
  fault('Redis loading', { tightTimes: remembered + 1 }, { break: startLoading, mend: loaded }),
]

async function kill(scene: RedisScene): Promise<void> {
  await scene.redis?.stop()
  scene.redis = null
}

async function restart(scene: RedisScene, options: RedisOptions = {}): Promise<void> {
  scene.redis = await startRedis({ port: scene.redisPort, ...options })
}

async function flap(scene: RedisScene): Promise<void> {
  for (let times = 0; times < 4; times++) {
    await kill(scene)
    await restart(scene)
    await waitUntil(async () => (await states(scene)).some((state) => state === 'up'))
  }
  await kill(scene)
}

function say(
  command: string,
  breaking: string[],
  mending: string[],
): Pick<Fault<RedisScene>, 'break' | 'mend'> {
  return {
    break: async (scene) => {
      await scene.redis?.say(command, ...breaking)
      await noticed(scene)
    },
    mend: async ({ redis }) => void (await redis?.say(command, ...mending)),
  }
}

/** A Redis that needs seconds to read its file, and answers LOADING meanwhile. */
async function startLoading(scene: RedisScene): Promise<void> {
  const { redis, redisPort } = scene
  if (redis === null) return
  const fill = "for i = 1, 400 do redis.call('SET', 'filler:' .. i, string.rep('x', 1000)) end"
  await redis.say('EVAL', fill, '0')
  await redis.say('SAVE')
  await redis.kill()
  const settings = ['--key-load-delay', '8000', '--loading-process-events-interval-bytes', '1024']
  scene.redis = await startRedis({
    port: redisPort,
    dir: redis.dir,
    settings,
    readyLine: /Server initialized/,
  })
}

async function loaded({ redisPort }: RedisScene): Promise<void> {
  const info = () =>
    execFileSync('redis-cli', ['-p', `${redisPort}`, 'INFO', 'persistence'], { encoding: 'utf8' })
  await waitUntil(() => info().includes('loading:0'), 30_000)
}

/** Both gateways say that Redis is down: then the load meets the fault and not its beginning. */
async function noticed(scene: RedisScene): Promise<void> {
  await waitUntil(async () => (await states(scene)).every((state) => state === 'down'))
}

function states({ gateways }: RedisScene): Promise<string[]> {
  const read = async (admin: ReturnType<typeof createAdmin>) =>
    (await admin('GET', '/admin/status')).body.state.redis.state as string
  return Promise.all(gateways.map((gateway) => read(createAdmin(gateway))))
}
