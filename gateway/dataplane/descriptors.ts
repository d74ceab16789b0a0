// Notices that the process has no file descriptor left. libuv then tries again and again, at full speed, to take the connection
// that waits, and tells nobody: so the listeners stop listening until there is room. Worker thread; made by worker.ts, asked
// at every beat of its heart.
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import type { Logger } from '../contract/ports.ts'

/** Before connections are taken again there is room for so many, else the first of them would be the last. */
const roomToResume = 16

/** What takes connections. */
export interface Accepting {
  /** Takes no more for now, and lets go of some of those that it has. */
  suspend(): void
  /** Does nothing where it takes them already. */
  resume(): void
}

export class DescriptorWatch {
  readonly #log: Logger
  readonly #listeners: () => readonly Accepting[]
  readonly #hasRoom: (count: number) => boolean
  #exhausted = false

  /** `hasRoom`: whether so many descriptors can be had at once. */
  constructor(log: Logger, listeners: () => readonly Accepting[], hasRoom = canOpen) {
    this.#log = log
    this.#listeners = listeners
    this.#hasRoom = hasRoom
  }

  look(): void {
    const room = this.#hasRoom(this.#exhausted ? roomToResume : 1)
    if (!room) {
      if (!this.#exhausted) this.#log.error({}, 'no file descriptor is left: no connections are taken')
      // Every time: those that end meanwhile may be as many as come.
      for (const listener of this.#listeners()) listener.suspend()
    } else {
      if (this.#exhausted) this.#log.warn({}, 'there are file descriptors again: connections are taken')
      for (const listener of this.#listeners()) listener.resume()
    }
    this.#exhausted = !room
  }
}

/** Some microseconds each. */
function canOpen(count: number): boolean {
  const open: number[] = []
  try {
    for (let i = 0; i < count; i++) open.push(openSync(devNull, 'r'))
    return true
  } catch {
    return false
  } finally {
    for (const descriptor of open) closeSync(descriptor)
  }
}
