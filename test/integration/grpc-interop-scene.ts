// The field's own gRPC on both sides of the gateway: a server and clients of @grpc/grpc-js. Messages are any bytes, as latin1.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  type CallOptions,
  ChannelCredentials,
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type StatusObject,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'

/** Stands for a message of no bytes: @grpc/grpc-js takes one that JavaScript finds false for none. */
export const empty = '\u2205'
const toBytes = (text: string): Buffer => Buffer.from(text === empty ? '' : text, 'latin1')
const toText = (bytes: Buffer): string => (bytes.length === 0 ? empty : bytes.toString('latin1'))
const sum = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex')

function method(path: string, requestStream: boolean, responseStream: boolean) {
  const coding = { requestSerialize: toBytes, requestDeserialize: toText }
  return {
    path,
    requestStream,
    responseStream,
    ...coding,
    responseSerialize: toBytes,
    responseDeserialize: toText,
  }
}

function echoService(name: string): ServiceDefinition {
  return {
    unary: method(`/${name}/Unary`, false, false),
    count: method(`/${name}/Count`, false, true),
    collect: method(`/${name}/Collect`, true, false),
    talk: method(`/${name}/Talk`, true, true),
    fail: method(`/${name}/Fail`, false, false),
    failLate: method(`/${name}/FailLate`, false, true),
    hang: method(`/${name}/Hang`, false, true),
    never: method(`/${name}/Never`, false, false),
  }
}

type Answered = (error: ServiceError | null, value?: string) => void

export interface EchoClient extends Client {
  unary(text: string, metadata: Metadata, options: CallOptions, answered: Answered): ClientUnaryCall
  fail(text: string, metadata: Metadata, options: CallOptions, answered: Answered): ClientUnaryCall
  never(text: string, metadata: Metadata, options: CallOptions, answered: Answered): ClientUnaryCall
  collect(metadata: Metadata, answered: Answered): ClientWritableStream<string>
  count(text: string, metadata?: Metadata, options?: CallOptions): ClientReadableStream<string>
  failLate(text: string, metadata?: Metadata): ClientReadableStream<string>
  hang(text: string, metadata?: Metadata, options?: CallOptions): ClientReadableStream<string>
  talk(metadata?: Metadata): ClientDuplexStream<string, string>
}

interface AnyCall {
  readonly metadata: Metadata
  getDeadline(): Date | number
  getHost(): string
  on(event: 'cancelled', heard: () => void): unknown
}

/** What the server saw of one call, by the `x-tag` that its client gave it. */
export interface SeenCall {
  readonly metadata: Metadata
  readonly host: string
  /** Unix time in milliseconds, Infinity for none. */
  readonly deadline: number
  cancelled: boolean
  /** Messages that the server has handed over, or taken. */
  messages: number
  /** Has a server that takes nothing begin to. */
  release(): void
}

export class EchoServer {
  readonly seen = new Map<string, SeenCall>()
  port = 0
  /** Unary calls that were answered. */
  unaries = 0
  readonly #server = new Server()

  constructor(services: readonly string[]) {
    for (const name of services) this.#server.addService(echoService(name), this.#methods())
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async listen(port = 0): Promise<string> {
    this.port = await new Promise<number>((resolve, reject) =>
      this.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    )
    return this.url
  }

  /** Ends its connections, and what is under way. */
  close(): void {
    this.#server.forceShutdown()
  }

  /** Takes nothing new, and lets what is under way end. */
  end(): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#server.tryShutdown((error) => (error === undefined ? resolve() : reject(error))),
    )
  }

  #see(call: AnyCall): SeenCall {
    const seen: SeenCall = {
      ...{ metadata: call.metadata, host: call.getHost(), deadline: Number(call.getDeadline()) },
      ...{ cancelled: false, messages: 0, release: () => {} },
    }
    call.on('cancelled', () => {
      seen.cancelled = true
    })
    this.seen.set(String(call.metadata.get('x-tag')[0]), seen)
    return seen
  }

  #methods() {
    return {
      unary: (call: ServerUnaryCall<string, string>, answer: sendUnaryData<string>) => {
        this.#see(call)
        this.unaries += 1
        call.sendMetadata(withBinary('x-head'))
        answer(null, call.request === empty ? empty : `re ${call.request}`, withBinary('x-end'))
      },
      count: (call: ServerWritableStream<string, string>) => void this.#count(call, this.#see(call)),
      collect: (call: ServerReadableStream<string, string>, answer: sendUnaryData<string>) =>
        this.#collect(call, answer),
      talk: (call: ServerDuplexStream<string, string>) => {
        const seen = this.#see(call)
        call.on('data', (text: string) => {
          seen.messages += 1
          if (!call.write(`re ${text}`)) {
            call.pause()
            call.once('drain', () => call.resume())
          }
        })
        call.on('end', () => call.end(withBinary('x-end')))
      },
      fail: (call: ServerUnaryCall<string, string>, answer: sendUnaryData<string>) => {
        this.#see(call)
        answer(failure(Number(call.request)))
      },
      failLate: (call: ServerWritableStream<string, string>) => {
        this.#see(call)
        call.write('one', () => call.emit('error', failure(Number(call.request))))
      },
      hang: (call: ServerWritableStream<string, string>) => {
        this.#see(call)
        call.write('begun')
      },
      never: (call: ServerUnaryCall<string, string>) => void this.#see(call),
    }
  }

  /** The request says how many messages of which size. */
  async #count(call: ServerWritableStream<string, string>, seen: SeenCall): Promise<void> {
    const [many = 0, size = 0] = call.request.split(' ').map(Number)
    for (; seen.messages < many; seen.messages++) {
      if (seen.cancelled) return
      const free = call.write(pieceOf(seen.messages, size))
      if (!free) await new Promise((resolve) => call.once('drain', resolve))
    }
    call.end()
  }

  #collect(call: ServerReadableStream<string, string>, answer: sendUnaryData<string>): void {
    const seen = this.#see(call)
    let all = ''
    const take = (): void => {
      call.on('data', (text: string) => {
        seen.messages += 1
        all += text
      })
      call.on('end', () => answer(null, `${seen.messages} ${all.length} ${sum(all)}`))
    }
    if (call.metadata.get('x-hold').length > 0) seen.release = take
    else take()
  }
}

/** Each one differs from its neighbours in all of its bytes. */
export function pieceOf(index: number, size: number): string {
  return size === 0 ? String(index) : String.fromCharCode(1 + (index % 255)).repeat(size)
}

export function collectedOf(pieces: readonly string[]): string {
  const all = pieces.join('')
  return `${pieces.length} ${all.length} ${sum(all)}`
}

export const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
export const details = Buffer.from([8, 5, 18, 3, 0, 255, 10])

/** Text, two values under one name, and bytes. */
function withBinary(name: string): Metadata {
  const metadata = new Metadata()
  metadata.set(name, 'plain text')
  metadata.add(`${name}-many`, 'one')
  metadata.add(`${name}-many`, 'two')
  metadata.set(`${name}-bin`, everyByte)
  return metadata
}

export function assertBinary(metadata: Metadata | undefined, name: string): void {
  assert.ok(metadata !== undefined)
  assert.deepEqual(metadata.get(name), ['plain text'])
  assert.deepEqual(
    metadata.get(`${name}-many`).flatMap((value) => String(value).split(', ')),
    ['one', 'two'],
  )
  assert.deepEqual(metadata.get(`${name}-bin`), [everyByte])
}

export const failureText = 'nicht gefunden: 100 % \u{1f600}\n"x"'

function failure(code: number): Partial<StatusObject> & Error {
  const metadata = withBinary('x-end')
  metadata.set('grpc-status-details-bin', details)
  return Object.assign(new Error(failureText), { code, details: failureText, metadata })
}

// The client's side.

export interface ChannelTo {
  readonly service?: string
  /** `:authority`, and so the tenant. */
  readonly host?: string
  readonly credentials?: ChannelCredentials
  readonly options?: Partial<ChannelOptions>
}

/** A channel of its own to `ipv4:...` or `127.0.0.1:port`. */
export function openChannel(
  target: string,
  { service = 'interop.Echo', host = 'acme.example.com', credentials, options = {} }: ChannelTo = {},
): EchoClient {
  const Echo = makeGenericClientConstructor(echoService(service), service)
  return new Echo(target, credentials ?? ChannelCredentials.createInsecure(), {
    'grpc.default_authority': host,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  }) as unknown as EchoClient
}

let tags = 0

/** With a tag by which the server remembers the call. */
export function tagged(fields: Readonly<Record<string, string>> = {}): { tag: string; metadata: Metadata } {
  const metadata = new Metadata()
  const tag = `call-${tags++}`
  metadata.set('x-tag', tag)
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return { tag, metadata }
}

/** All that a client hears of a call. */
export interface Heard {
  readonly messages: string[]
  readonly head: Metadata | undefined
  readonly code: number
  readonly details: string
  readonly end: Metadata
}

interface AnyClientCall {
  on(event: 'metadata', heard: (metadata: Metadata) => void): unknown
  on(event: 'status', heard: (ended: StatusObject) => void): unknown
}

/** Of a unary call, or a client's stream: `begin` gets the callback. */
export function hearOne(begin: (answered: Answered) => AnyClientCall): Promise<Heard> {
  return new Promise((resolve) => {
    const messages: string[] = []
    const call = begin((error, value) => {
      if (error === null && value !== undefined) messages.push(value)
    })
    hear(call, messages, resolve)
  })
}

export function hearStream(
  call: ClientReadableStream<string> | ClientDuplexStream<string, string>,
): Promise<Heard> {
  return new Promise((resolve) => {
    const messages: string[] = []
    call.on('data', (text: string) => messages.push(text))
    // Its status says the same.
    call.on('error', () => {})
    hear(call, messages, resolve)
  })
}

function hear(call: AnyClientCall, messages: string[], over: (heard: Heard) => void): void {
  let head: Metadata | undefined
  call.on('metadata', (metadata) => {
    head = metadata
  })
  call.on('status', ({ code, details, metadata }) =>
    // The callback of a unary call comes behind its status.
    setImmediate(() => over({ messages, head, code, details, end: metadata })),
  )
}

export const unary = (
  client: EchoClient,
  text: string,
  metadata = tagged().metadata,
  options: CallOptions = {},
) => hearOne((answered) => client.unary(text, metadata, options, answered))

export { status }
