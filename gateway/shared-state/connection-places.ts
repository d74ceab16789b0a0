// Places for connections of clients, counted exactly over all workers and listeners in fixed memory. Any thread: the buffer is
// made once by gateway/start.ts, which also frees what a dead worker held; each worker takes and leaves places.
//
// One lock for all of it: a place is taken per connection, not per request, and is held for a microsecond or two. Every worker
// counts in a column of its own, so that what died with it can be told from the rest.
import { randomFillSync } from 'node:crypto'
import type { ConnectionPlaces } from '../contract/ports.ts'
import { hashKey, hashSeedWords } from './keyed-hash.ts'
import { StripeLocks } from './stripe-lock.ts'

export interface PlaceLimits {
  readonly workers: number
  /** 0: no limit. */
  readonly connections: number
  /** 0: no limit, and no table of addresses. */
  readonly connectionsPerIp: number
}

/** Addresses are looked for in one set of so many slots; its hash is keyed, so that nobody can aim at one. */
const setSlots = 16
const tagWords = 4
const leastSlots = 1 << 10
/** Where no limit says how many there can be. */
const usualConnections = 1 << 16
const mostSlots = 1 << 20
const header = { lock: 0, workers: 1, connections: 2, perIp: 3, slots: 4, seed: 5 } as const
const headerWords = header.seed + hashSeedWords

/** Twice as many slots as there can be connections: then less than 1 set in 200 is ever full (Poisson, mean 8). */
export function createPlacesBuffer({
  workers,
  connections,
  connectionsPerIp,
}: PlaceLimits): SharedArrayBuffer {
  const wanted = connectionsPerIp === 0 ? 0 : 2 * (connections || usualConnections)
  const slots =
    wanted === 0 ? 0 : Math.min(mostSlots, Math.max(leastSlots, 2 ** Math.ceil(Math.log2(wanted))))
  const words = headerWords + workers + slots * (tagWords + workers)
  const buffer = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT)
  const all = new Int32Array(buffer)
  all.set([0, workers, connections, connectionsPerIp, slots])
  const seed = new Int32Array(hashSeedWords)
  randomFillSync(seed)
  all.set(seed, header.seed)
  return buffer
}

/** `worker`: from 0; no two threads that live have the same. */
export function createConnectionPlaces(buffer: SharedArrayBuffer, worker: number): ConnectionPlaces {
  return new SharedPlaces(buffer, worker)
}

/** All that a dead worker held is free again. Before another one takes its number. */
export function freePlaces(buffer: SharedArrayBuffer, worker: number): void {
  const places = new SharedPlaces(buffer, new Int32Array(buffer)[header.workers] as number)
  places.free(worker)
}

class SharedPlaces implements ConnectionPlaces {
  readonly #words: Int32Array
  readonly #seed: Int32Array
  readonly #worker: number
  readonly #workers: number
  readonly #slots: number
  readonly #lock: StripeLocks
  readonly #stripes = new Int32Array([header.lock])
  readonly #tag = new Int32Array(tagWords)

  constructor(buffer: SharedArrayBuffer, worker: number) {
    this.#words = new Int32Array(buffer)
    this.#seed = this.#words.slice(header.seed, header.seed + hashSeedWords)
    this.#worker = worker
    this.#workers = this.#words[header.workers] as number
    this.#slots = this.#words[header.slots] as number
    this.#lock = new StripeLocks(this.#words, worker + 1, () => {})
  }

  take(address: string): 'taken' | 'full' | 'full-for-address' {
    if (this.#slots > 0) hashKey(address, this.#seed, this.#tag)
    return this.#locked(() => {
      const { connections, perIp } = header
      const most = this.#words[connections] as number
      if (most > 0 && this.#sum(headerWords) >= most) return 'full'
      const slot = this.#slots === 0 ? -1 : this.#claim()
      if (slot >= 0) {
        if (this.#sum(slot + tagWords) >= (this.#words[perIp] as number)) return 'full-for-address'
        this.#add(slot + tagWords, 1)
      }
      this.#add(headerWords, 1)
      return 'taken'
    })
  }

  leave(address: string): void {
    if (this.#slots > 0) hashKey(address, this.#seed, this.#tag)
    this.#locked(() => {
      this.#add(headerWords, -1)
      const slot = this.#slots === 0 ? -1 : this.#find()
      if (slot >= 0) this.#add(slot + tagWords, -1)
    })
  }

  free(worker: number): void {
    this.#locked(() => {
      const width = tagWords + this.#workers
      this.#words[headerWords + worker] = 0
      for (let slot = 0; slot < this.#slots; slot++)
        this.#words[headerWords + this.#workers + slot * width + tagWords + worker] = 0
    })
  }

  #locked<T>(work: () => T): T {
    this.#lock.acquireAll(this.#stripes, 1)
    try {
      return work()
    } finally {
      this.#lock.releaseAll(this.#stripes, 1)
    }
  }

  /** Over the columns of all workers. */
  #sum(at: number): number {
    let sum = 0
    for (let i = 0; i < this.#workers; i++) sum += this.#words[at + i] as number
    return sum
  }

  #add(at: number, count: number): void {
    const own = at + this.#worker
    this.#words[own] = Math.max(0, (this.#words[own] as number) + count)
  }

  /** The slot of the address; -1: it has none. */
  #find(): number {
    for (let i = 0; i < setSlots; i++) {
      const at = this.#slotAt(i)
      if (this.#hasTag(at) && this.#sum(at + tagWords) > 0) return at
    }
    return -1
  }

  /** As above, or one that nobody uses; -1 where all are taken: that address goes uncounted. */
  #claim(): number {
    const found = this.#find()
    if (found >= 0) return found
    for (let i = 0; i < setSlots; i++) {
      const at = this.#slotAt(i)
      if (this.#sum(at + tagWords) > 0) continue
      this.#words.set(this.#tag, at)
      return at
    }
    return -1
  }

  #slotAt(index: number): number {
    const set = (this.#tag[0] as number) & (this.#slots / setSlots - 1)
    return headerWords + this.#workers + (set * setSlots + index) * (tagWords + this.#workers)
  }

  #hasTag(at: number): boolean {
    for (let i = 0; i < tagWords; i++) if (this.#words[at + i] !== this.#tag[i]) return false
    return true
  }
}
