// What breaks around the gateway, and in it. Redis and Consul excuse nothing; an upstream excuses its own route; a worker
// that dies takes its own requests along.
import { startRedis } from '../services/redis.ts'
import { ask } from '../support/ask.ts'
import { type Act, eventually, type Stage } from './act.ts'
import { pause } from './client.ts'
import { fillConsul, hostOf, statusOf, type World } from './world.ts'

export const troubles: readonly Act[] = [
  { name: 'Redis is killed, and back empty', run: restartRedis },
  { name: 'Redis stands still', run: freezeRedis },
  { name: 'Consul is killed, and back empty', run: restartConsul },
  { name: 'an upstream flaps', run: flap },
  { name: 'all of an upstream is gone', run: loseUpstream },
]

/** Always the worker of index 1: the other one shows what a long life does. */
export const workerDeath: Act = { name: 'a worker dies', run: killWorker }

async function restartRedis({ world }: Stage): Promise<void> {
  const { port } = world.shared.redis
  await world.shared.redis.stop()
  await eventually(async () => (await redisState(world)) === 'down')
  world.shared.redis = await startRedis({ port })
  await eventually(async () => (await redisState(world)) === 'up')
}

async function freezeRedis({ world }: Stage): Promise<void> {
  world.shared.redis.freeze()
  try {
    await eventually(async () => (await redisState(world)) === 'down')
  } finally {
    world.shared.redis.thaw()
  }
  await eventually(async () => (await redisState(world)) === 'up')
}

async function restartConsul({ world }: Stage): Promise<void> {
  await world.consul.kill()
  await eventually(async () => !(await statusOf(world)).state.consul.up)
  await world.consul.restart()
  await fillConsul(world)
  await eventually(async () => (await statusOf(world)).state.consul.up)
}

async function flap({ world, traffic }: Stage): Promise<void> {
  await excusing(traffic, new Set(['flaky upstream']), async () => {
    for (let times = 0; times < 3; times++) {
      await world.flaky[0].shut()
      await pause(200)
      await world.flaky[0].open()
      await pause(200)
    }
    await eventually(() => servesFlaky(world))
  })
}

async function loseUpstream({ world, traffic }: Stage): Promise<void> {
  await excusing(traffic, new Set(['flaky upstream']), async () => {
    await Promise.all(world.flaky.map((backend) => backend.shut()))
    await pause(1_000)
    await Promise.all(world.flaky.map((backend) => backend.open()))
    // The breaker of each worker may be open: it closes after three good probes.
    await eventually(() => servesFlaky(world))
  })
}

async function servesFlaky({ gateway }: World): Promise<boolean> {
  const host = hostOf('tenant-0')
  const asked = Array.from({ length: 8 }, () => ask(gateway.port, '/flaky/small', { host }))
  return (await Promise.all(asked)).every(({ status }) => status === 200)
}

async function killWorker({ world, traffic }: Stage): Promise<void> {
  const { gateway } = world
  const deaths = () =>
    gateway.logs().filter(({ msg }) => msg === 'a worker died; it is being replaced').length
  const before = deaths()
  await excusing(traffic, 'all', async () => {
    await eventually(async () => {
      const headers = { 'x-kill-worker': '1' }
      await ask(gateway.port, '/open/small', { host: hostOf('tenant-0'), headers }).catch(() => {})
      return deaths() > before
    })
    await eventually(async () => {
      const workers = (await statusOf(world)).workers as { version: number }[]
      return workers.length === 2 && workers.every(({ version }) => version > 0)
    })
    // Its clients find out at their next request.
    await pause(500)
  })
}

/** What was lost in the meantime, by those kinds, is not the gateway's fault. */
async function excusing(
  traffic: Stage['traffic'],
  kinds: Stage['traffic']['excused'],
  run: () => Promise<void>,
): Promise<void> {
  traffic.excused = kinds
  try {
    await run()
  } finally {
    traffic.excused = new Set()
  }
}

const redisState = async (world: World): Promise<string> => (await statusOf(world)).state.redis.state
