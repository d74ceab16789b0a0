// As much of RFC 6455 as an echo needs: unfragmented binary frames of up to 125 bytes.

const finalBinary = 0x82
const maskBit = 0x80
const longestBytes = 125

/** A client's frame. The mask is zero, which masks nothing and is as much work for whoever is in between. */
export function maskFrame(payload: Buffer): Buffer {
  return Buffer.concat([toHead(payload, maskBit), Buffer.alloc(4), payload])
}

/** A server's frame. */
export function toFrame(payload: Buffer): Buffer {
  return Buffer.concat([toHead(payload, 0), payload])
}

function toHead(payload: Buffer, mask: number): Buffer {
  if (payload.length > longestBytes)
    throw new RangeError(`a frame of the bench holds ${longestBytes} bytes at most`)
  return Buffer.from([finalBinary, mask | payload.length])
}

/** Takes what a socket reads; gives each whole frame's payload, which is under a mask of zero or none. */
export function readFrames(onFrame: (payload: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 2) {
      const second = rest[1] as number
      const start = second & maskBit ? 6 : 2
      const end = start + (second & ~maskBit)
      if (rest.length < end) return
      const payload = rest.subarray(start, end)
      rest = rest.subarray(end)
      onFrame(payload)
    }
  }
}
