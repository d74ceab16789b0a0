// What gateways tell each other at once: purges and revocations. Main thread; loaded only where Redis is configured.
//
// Messages go over pub/sub, which forgets who is not listening. So each has a number, counted by Redis: whoever was away, or
// finds a number missing, knows that something was missed and starts afresh from what is kept (`onMissed`). A Redis that
// came back empty or older has another id or a smaller number, which is the same.
import { randomUUID } from 'node:crypto'
import type { Clock, Logger, MetricsPort } from '../../contract/ports.ts'
import type { RedisConfig } from '../../contract/snapshot.ts'
import { openConnection, type RedisClient } from './connection.ts'
import { createRedisLink, type RedisLink } from './link.ts'
import { createScript } from './script.ts'

export interface News {
  /** For what is kept in Redis beside the news; not for requests: it waits longer. */
  readonly link: RedisLink
  /** Resolves once Redis has it; the teller does not hear it. Rejects with RedisUnavailable. */
  tell(topic: string, message: unknown): Promise<void>
  close(): void
}

export interface NewsOptions {
  readonly config: RedisConfig
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MetricsPort
  onMessage(topic: string, message: unknown): void
  /** Also once at the start. */
  onMissed(): void
  /** Twice a second while Redis answers: for what could not be done before. */
  onTick(): void
}

/** The admin API waits for this; requests never do. */
const timeoutMs = 1_000
const pollMs = 500

const tellScript = createScript(`
local id = redis.call('HGET', KEYS[1], 'id')
if not id then
  id = ARGV[1]
  redis.call('HSET', KEYS[1], 'id', id)
end
local number = redis.call('HINCRBY', KEYS[1], 'number', 1)
redis.call('PUBLISH', ARGV[2], cjson.encode({ id = id, number = number, teller = ARGV[3], topic = ARGV[4], text = ARGV[5] }))
return { id, number }
`)

interface Position {
  readonly id: string | null
  readonly number: number
}

export function createNews(options: NewsOptions): News {
  return new NewsLine(options)
}

class NewsLine implements News {
  readonly link: RedisLink
  readonly #options: NewsOptions
  readonly #subscriber: RedisClient
  readonly #me = randomUUID()
  readonly #key: string
  readonly #channel: string
  #known: Position | null = null
  #cancel: (() => void) | null = null
  #polling = false
  /** Our number when a poll first saw a greater one. */
  #behindAt: number | null = null

  constructor(options: NewsOptions) {
    const { config, clock, log, metrics } = options
    this.#options = options
    this.#key = `${config.keyPrefix}{news}`
    this.#channel = `${config.keyPrefix}news`
    this.link = createRedisLink({ config, clock, log, metrics, timeoutMs, thread: 'control' })
    this.#subscriber = openConnection(config, { pipelined: false, onError: () => {} })
    this.#subscriber.on('ready', () => this.#listen())
    this.#subscriber.on('message', (_: string, text: string) => this.#hear(text))
    this.link.onReady(() => void this.#poll())
    this.#wait()
  }

  async tell(topic: string, message: unknown): Promise<void> {
    const args = [randomUUID(), this.#channel, this.#me, topic, JSON.stringify(message)]
    await this.link.run('news', (client) => tellScript.run(client, [this.#key], args))
  }

  close(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#subscriber.disconnect()
    this.link.close()
  }

  /** After each connection: what was told before this is found out by the number. */
  #listen(): void {
    this.#subscriber.subscribe(this.#channel).then(
      () => {
        this.#known = null
        void this.#poll()
      },
      () => {},
    )
  }

  #hear(text: string): void {
    const { id, number, teller, topic, text: message } = JSON.parse(text)
    const known = this.#known
    if (known === null) return
    if (known.id === id && number <= known.number) return
    const missed = known.id !== null && (known.id !== id || number !== known.number + 1)
    this.#known = { id, number }
    if (missed) this.#options.onMissed()
    else if (teller !== this.#me) this.#options.onMessage(topic, JSON.parse(message))
  }

  #wait(): void {
    this.#cancel = this.#options.clock.after(pollMs, () => {
      this.#wait()
      void this.#poll()
    })
  }

  async #poll(): Promise<void> {
    if (this.#polling || this.link.refusal() !== null) return
    this.#polling = true
    const before = this.#known
    try {
      const [id = null, number] = await this.link.run('news', (client) =>
        client.hmget(this.#key, 'id', 'number'),
      )
      this.#compare(before, { id, number: Number(number ?? 0) })
      this.#options.onTick()
    } catch {
      // The link has counted it; the next poll is soon.
    } finally {
      this.#polling = false
    }
  }

  /** `before`: what was known when Redis was asked. */
  #compare(before: Position | null, found: Position): void {
    const known = this.#known
    const goesOn = before !== null && known !== null && known.id === found.id && found.number >= before.number
    if (goesOn && found.number <= known.number) return
    if (goesOn && this.#behindAt !== known.number) {
      // Seen for the first time: the message may still be on its way, until the next poll.
      this.#behindAt = known.number
      return
    }
    // A subscription that missed something is not to be trusted, however alive it looks.
    if (goesOn) this.#subscriber.disconnect(true)
    this.#behindAt = null
    this.#known = found
    this.#options.onMissed()
  }
}
