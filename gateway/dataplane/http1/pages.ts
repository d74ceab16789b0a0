// Copies of bytes on their way to a client, in memory that is used again: a fresh 64 KiB for every piece of a download costs
// more than all else about it (bench: download). Worker thread; one pool per listener, used by server-connection.ts and
// http2/outbound.ts.
import type { Socket } from 'node:net'

export const pageBytes = 65_536
const mostSpare = 64

export class Pages {
  readonly #spare: Buffer[] = []

  /** Writes a copy of the bytes; false: enough for now. */
  write(socket: Socket, bytes: Buffer): boolean {
    if (bytes.length > pageBytes) return socket.write(Buffer.from(bytes))
    const page = this.take()
    bytes.copy(page)
    return this.send(socket, page, bytes.length)
  }

  /** To be filled, and then given to `send`. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(pageBytes)
  }

  /** Writes the beginning of a page; false: enough for now. `onSent`: it is with the kernel. */
  send(socket: Socket, page: Buffer, length: number, onSent?: () => void): boolean {
    return socket.write(page.subarray(0, length), (error) => {
      // After an error nobody can say whether the kernel still reads from it: it must not hold another client's answer.
      if (error !== null && error !== undefined) return
      this.#keep(page)
      onSent?.()
    })
  }

  #keep(page: Buffer): void {
    if (this.#spare.length < mostSpare) this.#spare.push(page)
  }
}
