// What HTTP/2 frames are made of (RFC 9113 sections 4, 6 and 7). Worker thread.

export const Type = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const Flag = {
  /** Of SETTINGS and PING. */
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const

export const Code = {
  noError: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const
export type Code = (typeof Code)[keyof typeof Code]

export const Setting = {
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const

export const headerBytes = 9
/** Both for what is sent and for what is taken: the size that stands where SETTINGS say none. */
export const frameBytes = 16_384
/** Of a stream and of a connection before anybody said another one. */
export const firstWindow = 65_535
export const largestWindow = 0x7fff_ffff
export const largestId = 0x7fff_ffff

/** How a connection ends that is not ended by its client; the values of a metric. */
export type Ending = 'idle' | 'drained' | 'requests' | 'protocol' | 'flood' | 'late'

/** Nothing more can be made of the connection (section 5.4.1). */
export class ConnectionFault extends Error {
  readonly code: Code
  readonly ending: Ending

  constructor(code: Code, message: string, ending: Ending = 'protocol') {
    super(message)
    this.code = code
    this.ending = ending
  }
}

export function writeHeader(to: Buffer, at: number, type: number, flags: number, id: number, length: number) {
  to[at] = length >>> 16
  to[at + 1] = (length >>> 8) & 255
  to[at + 2] = length & 255
  to[at + 3] = type
  to[at + 4] = flags
  to.writeUInt32BE(id, at + 5)
}
