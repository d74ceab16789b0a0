// What the admin API answers when it cannot do what was asked: RFC 9457 problem documents, and nothing else.
// Main thread; thrown by every route file, turned into bytes here and only here.
import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ConfigError, GatewayError } from '../gateway/contract/errors.ts'
import type { Logger } from '../gateway/contract/ports.ts'

/** One bad place: in a config file (`file`), or in the request itself (`in`). Pointers are RFC 6901. */
export interface ProblemPlace {
  readonly file?: string
  readonly in?: 'body' | 'query' | 'params' | 'headers'
  readonly pointer: string
  /** The same place seen from the resource that the request named. */
  readonly resourcePointer?: string
  readonly detail: string
}

export interface ProblemOptions {
  readonly errors?: readonly ProblemPlace[]
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of the document. */
  readonly members?: Readonly<Record<string, unknown>>
}

export class HttpProblem extends Error {
  readonly status: number
  readonly code: string
  readonly options: ProblemOptions

  constructor(status: number, code: string, detail: string, options: ProblemOptions = {}) {
    super(detail)
    this.name = 'HttpProblem'
    this.status = status
    this.code = `AEGIS_ADMIN_${code}`
    this.options = options
  }
}

export function notFound(what: string): HttpProblem {
  return new HttpProblem(404, 'NOT_FOUND', `There is no ${what}.`)
}

/** A body that cannot be used as it is. `pointer` is into the body. */
export function badBody(pointer: string, detail: string): HttpProblem {
  return new HttpProblem(422, 'INVALID', detail, { errors: [{ in: 'body', pointer, detail }] })
}

export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: HttpProblem,
): FastifyReply {
  for (const [name, value] of Object.entries(problem.options.headers ?? {})) reply.header(name, value)
  return (
    reply
      .code(problem.status)
      .header('content-type', 'application/problem+json')
      // As bytes: to text Fastify would add a charset, which this media type does not have.
      .send(Buffer.from(JSON.stringify(toDocument(problem, request))))
  )
}

function toDocument(problem: HttpProblem, request: FastifyRequest): object {
  return {
    type: 'about:blank',
    title: STATUS_CODES[problem.status] ?? 'Error',
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    request_id: request.id,
    ...(problem.options.errors === undefined ? {} : { errors: problem.options.errors }),
    ...problem.options.members,
    ...(isDryRun(request.query) ? { dry_run: true } : {}),
  }
}

/** `dry_run` was converted to a boolean when the query was valid; a problem may come before that. */
export function isDryRun(query: unknown): boolean {
  const asked = (query as { dry_run?: unknown } | undefined)?.dry_run
  return asked === true || asked === 'true'
}

export function createErrorHandler(log: Logger) {
  return (
    error: FastifyError | HttpProblem | ConfigError | GatewayError,
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply => sendProblem(request, reply, toProblem(error, request, log))
}

function toProblem(
  error: FastifyError | HttpProblem | ConfigError | GatewayError,
  request: FastifyRequest,
  log: Logger,
): HttpProblem {
  if (error instanceof HttpProblem) return error
  if (error instanceof ConfigError) return toUnwritten(error)
  if (error instanceof GatewayError)
    return new HttpProblem(error.status, error.code.replace(/^AEGIS_/, ''), error.message)
  if (error.validation !== undefined) return toValidationProblem(error)
  const known = frameworkProblems[error.code]
  if (known !== undefined) return known(request)
  const status = error.statusCode ?? 500
  if (status >= 400 && status < 500)
    return new HttpProblem(status, 'REFUSED', 'The request cannot be served.')
  log.error({ err: error, request_id: request.id, method: request.method }, 'admin request failed')
  return new HttpProblem(
    500,
    'INTERNAL',
    `The admin API failed on this request. The log has the reason under request_id ${request.id}.`,
  )
}

/** An edit was good, but the disk did not take it. */
function toUnwritten({ message, problems }: ConfigError): HttpProblem {
  const errors = problems.map(({ file, pointer, message: detail }) => ({ file, pointer, detail }))
  return new HttpProblem(503, 'FILES_NOT_WRITTEN', `Nothing was changed. ${message}`, { errors })
}

const unreadableUrl = () => new HttpProblem(400, 'BAD_URL', 'The path is not valid percent-encoded UTF-8.')
const frameworkProblems: Readonly<Record<string, (request: FastifyRequest) => HttpProblem>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new HttpProblem(413, 'BODY_TOO_LARGE', 'The body is larger than the 16 MiB that the admin API takes.'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: (request) =>
    new HttpProblem(
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      `A body is taken as ${acceptedTypes(request)} only.`,
      request.method === 'PATCH' ? { headers: { 'accept-patch': acceptedTypes(request) } } : {},
    ),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new HttpProblem(400, 'BAD_LENGTH', 'The body is not as long as Content-Length says.'),
  FST_ERR_BAD_URL: unreadableUrl,
  FST_ERR_MAX_PARAM_LENGTH: () =>
    new HttpProblem(414, 'PATH_TOO_LONG', 'A segment of the path is longer than 500 characters.'),
}

function acceptedTypes(request: FastifyRequest): string {
  return request.method === 'PATCH' ? 'application/merge-patch+json, application/json' : 'application/json'
}

const partNames: Readonly<Record<string, NonNullable<ProblemPlace['in']>>> = {
  body: 'body',
  querystring: 'query',
  params: 'params',
  headers: 'headers',
}

function toValidationProblem(error: FastifyError): HttpProblem {
  const part = partNames[error.validationContext ?? 'body'] ?? 'body'
  const errors = (error.validation ?? []).map((one): ProblemPlace => {
    const extra = one.params.additionalProperty
    const missing = one.params.missingProperty
    const allowed = one.params.allowedValues
    const inner = typeof extra === 'string' ? extra : typeof missing === 'string' ? missing : null
    const pointer = inner === null ? one.instancePath : `${one.instancePath}/${escapePointer(inner)}`
    if (typeof extra === 'string') return { in: part, pointer, detail: 'is not known here' }
    if (typeof missing === 'string') return { in: part, pointer, detail: 'is needed' }
    const choices = Array.isArray(allowed)
      ? `: ${allowed.map((value) => JSON.stringify(value)).join(', ')}`
      : ''
    return { in: part, pointer, detail: `${one.message ?? 'is not valid'}${choices}` }
  })
  const first = errors[0]
  const where = first === undefined ? '' : ` ${first.pointer} ${first.detail}`
  const status = part === 'body' ? 422 : 400
  return new HttpProblem(status, 'INVALID', `Not valid in the ${part}:${where}.`, { errors })
}

export function escapePointer(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1')
}
