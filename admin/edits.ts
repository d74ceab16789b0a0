// Runs one write through the control plane and turns its outcome into an answer or a problem. Main thread; called by
// every route file that changes config.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ConfigFiles, EditOptions, EditOutcome } from '../gateway/contract/control-api.ts'
import type { ConfigProblem } from '../gateway/contract/errors.ts'
import type { AdminContext } from './context.ts'
import { checkNewModules } from './module-paths.ts'
import { HttpProblem, isDryRun, type ProblemPlace } from './problems.ts'

/** Where in which file a resource lies, so that problems can also be told from the resource's point of view. */
export interface ResourcePlace {
  readonly file: ConfigProblem['file']
  readonly pointer: string
}

export interface Change<T> {
  readonly files: ConfigFiles
  /** What the answer will be made of. */
  readonly result: T
  readonly place: ResourcePlace | null
}

export interface Applied<T> {
  readonly result: T
  readonly version: number
  readonly warnings: readonly string[]
}

/** `change` sees the newest files, with no other edit between it and the write: preconditions are checked in there. */
export async function applyEdit<T>(
  context: AdminContext,
  request: FastifyRequest,
  change: (files: ConfigFiles) => Change<T>,
  subject = '',
): Promise<Applied<T>> {
  let made: Change<T> | null = null
  const outcome = await context.control.edit(
    (files) => {
      made = change(files)
      checkNewModules(request, files, made.files)
      return made.files
    },
    editOptions(request, subject),
  )
  // The compiler does not see that the callback assigns.
  const done = made as Change<T> | null
  const accepted = acceptOutcome(outcome, done?.place ?? null)
  if (done === null) throw new Error('the control plane did not apply the change')
  return { result: done.result, version: accepted.version, warnings: accepted.warnings }
}

/** `subject` names what a collection's POST makes. */
export function editOptions(request: FastifyRequest, subject = ''): EditOptions {
  return { by: callerName(request), action: actionOf(request, subject), dryRun: isDryRun(request.query) }
}

export function callerName(request: FastifyRequest): string {
  return request.caller?.name ?? ''
}

export function actionOf(request: FastifyRequest, subject = ''): string {
  const path = request.url.split('?', 1)[0] ?? ''
  return `${request.method} ${path}${subject === '' ? '' : ` ${subject}`}`.slice(0, 300)
}

export function acceptOutcome(outcome: EditOutcome, place: ResourcePlace | null) {
  if (outcome.ok) return outcome
  const errors = outcome.problems.map((problem) => toPlace(problem, place))
  const first = outcome.problems[0]
  const where =
    first === undefined
      ? ''
      : ` ${first.file}${first.pointer === '' ? '' : '#'}${first.pointer}: ${first.message}`
  if (outcome.kind === 'invalid') {
    throw new HttpProblem(
      422,
      'INVALID_CONFIG',
      `The config would not be valid; nothing was changed.${where}`,
      {
        errors,
      },
    )
  }
  if (outcome.kind === 'conflict') {
    const detail = `A config file on disk is broken, so that this change could lose an operator's work; nothing was changed. Repair the file first.${where}`
    throw new HttpProblem(409, 'FILES_BROKEN', detail, { errors })
  }
  throw new HttpProblem(
    503,
    'REFUSED_BY_WORKER',
    `A worker could not run this config; nothing was changed.${where}`,
    {
      errors,
    },
  )
}

export function toPlace(problem: ConfigProblem, place: ResourcePlace | null): ProblemPlace {
  const { file, pointer, message: detail } = problem
  const inside =
    place !== null &&
    file === place.file &&
    (pointer === place.pointer || pointer.startsWith(`${place.pointer}/`))
  return inside
    ? { file, pointer, resourcePointer: pointer.slice(place.pointer.length), detail }
    : { file, pointer, detail }
}

/** Headers that every successful config write answers with. */
export function describeEdit(reply: FastifyReply, applied: Applied<unknown>): void {
  reply.header('x-aegis-config-version', String(applied.version))
  if (applied.warnings.length > 0) reply.header('x-aegis-warnings', toAscii(JSON.stringify(applied.warnings)))
}

/** Header values are Latin-1 at best; a JSON escape is understood by whoever parses the value. */
function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

export function withDryRun<T extends object>(request: FastifyRequest, body: T): T | (T & { dry_run: true }) {
  return isDryRun(request.query) ? { ...body, dry_run: true } : body
}
