// /admin/config: the three files as a whole, and their validation. Main thread. Versions and roll-back are in history.ts.
import { Type } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { ConfigFiles, Json, JsonObject } from '../gateway/contract/control-api.ts'
import { hasRole } from './auth.ts'
import type { AdminApp, AdminContext } from './context.ts'
import {
  acceptOutcome,
  applyEdit,
  callerName,
  describeEdit,
  editOptions,
  toPlace,
  withDryRun,
} from './edits.ts'
import { checkPreconditions, etagOf, isNotModified } from './etag.ts'
import { checkNewModules } from './module-paths.ts'
import { HttpProblem, type ProblemPlace } from './problems.ts'
import { placesOfFiles, redactFiles } from './redact.ts'
import { restoreSecrets } from './restore.ts'
import {
  bodiless,
  conditionalRead,
  conditionalWrite,
  describedAs,
  dryRunMark,
  reference,
  tagged,
  writeQuery,
} from './route-schemas.ts'

const anyObject = Type.Unsafe<JsonObject>({ type: 'object', additionalProperties: true })
export const filesSchema = { gateway: anyObject, routes: anyObject, plugins: anyObject }
const tag = ['config']

const replacement = Type.Object(
  {
    routes: Type.Unsafe<JsonObject>({ ...anyObject, description: 'routes.json' }),
    plugins: Type.Unsafe<JsonObject>({ ...anyObject, description: 'plugins.json' }),
    gateway: Type.Optional(
      Type.Unsafe<JsonObject>({ ...anyObject, description: 'gateway.json; needs a restart' }),
    ),
    version: Type.Optional(Type.Integer({ description: 'Ignored, so that what GET gave can be sent back.' })),
  },
  { additionalProperties: false },
)
const candidate = Type.Object(Type.Partial(replacement).properties, { additionalProperties: false })

const written = Type.Object({
  version: Type.Integer(),
  restartNeeded: Type.Boolean({ description: 'gateway.json was changed; it is read at the next start.' }),
  warnings: Type.Array(Type.String()),
  ...dryRunMark,
})

export const reloaded = Type.Object({
  version: Type.Integer(),
  warnings: Type.Array(Type.String()),
  ...dryRunMark,
})

const judged = Type.Object({
  valid: Type.Boolean(),
  errors: Type.Array(reference('ProblemPlace')),
  warnings: Type.Array(Type.String()),
})

export function registerConfig(app: AdminApp, context: AdminContext): void {
  registerRead(app, context)
  registerReplace(app, context)
  registerValidate(app, context)
  registerReload(app, context)
}

/** Secrets are for admins. */
export function visibleFiles(
  context: AdminContext,
  request: FastifyRequest,
  files: ConfigFiles,
): ConfigFiles {
  return hasRole(request.caller, 'admin') ? files : redactFiles(files, context.control.schemas())
}

function registerRead(app: AdminApp, context: AdminContext): void {
  app.get(
    '/admin/config',
    {
      config: { access: 'viewer' },
      schema: {
        tags: tag,
        summary: 'Read all three config files of the running version, as they were written',
        headers: conditionalRead,
        response: {
          200: tagged(Type.Object({ version: Type.Integer(), ...filesSchema }), 'The files.'),
          304: bodiless('Not changed.'),
        },
      },
    },
    (request, reply) => {
      const files = context.control.files()
      const etag = configTag(files)
      reply.header('etag', etag)
      if (isNotModified(request.headers, etag)) return reply.code(304).send()
      return reply.send({ version: context.control.version(), ...visibleFiles(context, request, files) })
    },
  )
}

function registerReplace(app: AdminApp, context: AdminContext): void {
  app.put(
    '/admin/config',
    {
      config: { access: 'admin' },
      schema: {
        tags: tag,
        summary: 'Replace routes and plugins, and gateway where given',
        querystring: writeQuery,
        headers: conditionalWrite,
        body: replacement,
        response: { 200: tagged(written, 'Replaced; all workers run it.') },
      },
    },
    async (request, reply) => {
      const { routes, plugins, gateway } = request.body
      const applied = await applyEdit(context, request, (files) => {
        checkPreconditions(request.headers, configTag(files))
        const wanted = { routes, plugins, gateway: gateway ?? files.gateway }
        const { files: next, faults } = restoreFiles(context, wanted, files)
        if (faults.length > 0) throw secretsMissing(faults)
        const result = { next, restartNeeded: etagOf(next.gateway) !== etagOf(files.gateway) }
        return { files: next, result, place: null }
      })
      describeEdit(reply, applied)
      const { version, warnings } = applied
      const { next, restartNeeded } = applied.result
      reply.header('etag', configTag(next))
      return reply.send(withDryRun(request, { version, restartNeeded, warnings }))
    },
  )
}

function registerValidate(app: AdminApp, context: AdminContext): void {
  app.post(
    '/admin/config/validate',
    {
      config: { access: 'operator' },
      schema: {
        tags: tag,
        summary: 'Judge config without using it; files left out are taken from the running version',
        body: candidate,
        response: { 200: describedAs(judged, 'The verdict; also 200 when the config is not valid.') },
      },
    },
    async (request, reply) => {
      const { version: _, ...given } = request.body
      const { files, faults } = restoreFiles(context, given, context.control.files())
      checkNewModules(request, context.control.files(), { ...context.control.files(), ...files })
      const { problems, warnings } = await context.control.validate(files)
      const errors = [...faults, ...problems.map((problem) => toPlace(problem, null))]
      return reply.send({ valid: errors.length === 0, errors, warnings })
    },
  )
}

function registerReload(app: AdminApp, context: AdminContext): void {
  app.post(
    '/admin/reload',
    {
      config: { access: 'operator' },
      schema: {
        tags: tag,
        summary: 'Read the config files again now',
        querystring: writeQuery,
        response: { 200: describedAs(reloaded, 'All workers run what the files say.') },
      },
    },
    async (request, reply) => {
      const options = editOptions(request)
      const outcome = options.dryRun
        ? await context.control.edit((files) => files, options)
        : await context.control.reload(callerName(request))
      const { version, warnings } = acceptOutcome(outcome, null)
      return reply.send(withDryRun(request, { version, warnings }))
    },
  )
}

export function configTag({ gateway, routes, plugins }: ConfigFiles): string {
  return etagOf([gateway, routes, plugins] as readonly Json[])
}

type FileFault = ProblemPlace & { readonly file: string }

/** Puts stored secrets back into each file that is given. */
function restoreFiles<F extends Partial<ConfigFiles>>(
  context: AdminContext,
  given: F,
  stored: ConfigFiles,
): { files: F; faults: readonly FileFault[] } {
  const places = placesOfFiles(context.control.schemas())
  const restored: Partial<Record<keyof ConfigFiles, JsonObject>> = {}
  const faults: FileFault[] = []
  for (const name of ['gateway', 'routes', 'plugins'] as const) {
    const file = given[name]
    if (file === undefined) continue
    const result = restoreSecrets(file, stored[name], places[name])
    restored[name] = result.value
    faults.push(...result.faults.map((fault) => ({ file: `${name}.json`, ...fault })))
  }
  return { files: restored as F, faults }
}

function secretsMissing(faults: readonly FileFault[]): HttpProblem {
  const detail = `${faults[0]?.file}${faults[0]?.pointer} ${faults[0]?.detail}.`
  return new HttpProblem(422, 'SECRET_NOT_STORED', detail, { errors: faults })
}
