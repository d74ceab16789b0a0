// The admin API: its own listener on the main thread, over one port to the control plane (ControlApi). Called by
// gateway/main.ts.
import { randomUUID } from 'node:crypto'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { ControlApi } from '../gateway/contract/control-api.ts'
import type { Clock, Logger } from '../gateway/contract/ports.ts'
import type { AdminConfig } from '../gateway/contract/snapshot.ts'
import { createAllowedMethods } from './allowed-methods.ts'
import { checkAccess, createAuthenticator, neededRole } from './auth.ts'
import { createBrowserGuard } from './browser-guard.ts'
import { registerCaches } from './caches.ts'
import { registerConfig } from './config.ts'
import type { AdminApp, AdminContext } from './context.ts'
import { registerDocs } from './docs.ts'
import { registerHistory } from './history.ts'
import { bodyLimitBytes, parseJsonBody } from './json-body.ts'
import { registerLogs } from './logs.ts'
import { registerPlugins } from './plugins.ts'
import { createErrorHandler, HttpProblem, sendProblem } from './problems.ts'
import { registerRateLimits } from './rate-limits.ts'
import { registerRevocations } from './revocations.ts'
import { registerRoutes } from './routes.ts'
import { registerSchemas } from './schemas.ts'
import { registerStatus } from './status.ts'
import { registerTenants } from './tenants.ts'
import { registerUpstreams } from './upstreams.ts'
import { createValidatorCompiler } from './validation.ts'
import { registerWaf } from './waf.ts'

export interface AdminServerOptions {
  readonly control: ControlApi
  readonly log: Logger
  readonly tokens: AdminConfig['tokens']
  /** For tests; the system's clock otherwise. */
  readonly clock?: Clock
}

export interface AdminServer {
  /** Rejects when the address is taken. */
  listen(host: string, port: number): Promise<{ port: number }>
  /** Ends log streams, lets open requests finish for a while, then cuts them. */
  close(): Promise<void>
}

const closeDeadlineMs = 5_000

export async function createAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { control, log, tokens } = options
  const context: AdminContext = { control, log, clock: options.clock ?? systemClock }
  const listener = { loopback: false }
  const app = createApp(log)
  addBodyParsers(app)
  addHooks(app, context, tokens, listener)
  addUnknownPaths(app)
  await registerDocs(app, context)
  registerAll(app, context)
  await app.ready()
  return {
    async listen(host, port) {
      listener.loopback = isLoopback(host)
      await app.listen({ host, port })
      const address = app.server.address()
      return { port: typeof address === 'object' && address !== null ? address.port : port }
    },
    async close() {
      const cut = context.clock.after(closeDeadlineMs, () => app.server.closeAllConnections())
      await app.close()
      cut()
    },
  }
}

function createApp(log: Logger): AdminApp {
  const onError = createErrorHandler(log)
  const app = fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    http: { headersTimeout: 10_000 },
    // While closing, requests on open connections are still answered properly.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 500 },
    genReqId: () => randomUUID(),
    frameworkErrors: (error, request, reply) =>
      void onError(error, request as FastifyRequest, reply as unknown as FastifyReply),
    clientErrorHandler(error, socket) {
      // Bytes that are not HTTP: there is no request to answer, only a connection to end.
      if (socket.writable && (error as NodeJS.ErrnoException).code !== 'ECONNRESET') {
        socket.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
      }
      socket.destroy()
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(createValidatorCompiler())
  // The response schemas are documentation: answers are plain JSON, with no member lost on the way.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.setErrorHandler(onError)
  return app
}

function addBodyParsers(app: AdminApp): void {
  app.removeAllContentTypeParsers()
  const types = ['application/json', 'application/merge-patch+json']
  app.addContentTypeParser(types, { parseAs: 'buffer' }, async (request: FastifyRequest, bytes: Buffer) => {
    const type = request.headers['content-type'] ?? ''
    if (type.startsWith('application/merge') && request.method !== 'PATCH') {
      throw new HttpProblem(
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        'A merge patch is for PATCH; send application/json.',
      )
    }
    return parseJsonBody(bytes)
  })
}

function addHooks(
  app: AdminApp,
  context: AdminContext,
  tokens: AdminConfig['tokens'],
  listener: { readonly loopback: boolean },
): void {
  const { admin } = context.control
  const guardBrowser = createBrowserGuard(admin.allowedHosts ?? [])
  const authenticate = createAuthenticator(tokens)
  app.decorateRequest('caller', null)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      vary: 'Authorization',
    })
    guardBrowser(request)
    request.caller = authenticate(request)
    // An unknown path is no secret; a route that forgot to say its access is closed to all but admins.
    if (request.is404) return
    const access = request.routeOptions.config.access ?? 'admin'
    const needed = neededRole(access, admin.openMetrics ?? listener.loopback)
    if (needed !== null) checkAccess(request, needed)
  })
  app.addHook('onResponse', async (request, reply) => {
    const write = request.method !== 'GET' && request.method !== 'HEAD'
    const fields = {
      method: request.method,
      path: request.url.split('?', 1)[0],
      status: reply.statusCode,
      by: request.caller?.name ?? null,
      peer: request.ip,
      request_id: request.id,
    }
    if (write || reply.statusCode === 401 || reply.statusCode === 403)
      context.log.info(fields, 'admin request')
    else context.log.debug(fields, 'admin request')
  })
}

function addUnknownPaths(app: AdminApp): void {
  const methods = createAllowedMethods()
  app.addHook('onRoute', ({ url, method }) => methods.add(url, [method].flat()))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    const allowed = methods.of(path)
    if (allowed.length === 0 || allowed.includes(request.method)) {
      return sendProblem(
        request,
        reply,
        new HttpProblem(404, 'NOT_FOUND', 'There is nothing under this path; /docs lists what there is.'),
      )
    }
    const detail = `${request.method} is not known here; ${allowed.join(', ')} ${allowed.length === 1 ? 'is' : 'are'}.`
    return sendProblem(
      request,
      reply,
      new HttpProblem(405, 'METHOD_NOT_ALLOWED', detail, { headers: { allow: allowed.join(', ') } }),
    )
  })
}

function registerAll(app: AdminApp, context: AdminContext): void {
  registerPlugins(app, context)
  registerRoutes(app, context)
  registerUpstreams(app, context)
  registerTenants(app, context)
  registerSchemas(app, context)
  registerConfig(app, context)
  registerHistory(app, context)
  registerCaches(app, context)
  registerRevocations(app, context)
  registerRateLimits(app, context)
  registerWaf(app, context)
  registerStatus(app, context)
  registerLogs(app, context)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
